// The flame graph: boxes whose places d3 computes, in parts of the width, so that they follow it.

import { hierarchy, partition } from "d3-hierarchy";
import { byId, cutText, element, flameColor } from "./element.js";
import { count, percent, plural, size } from "./format.js";

const ROW_PIXELS = 20;
const LETTER_PIXELS = 6.7;
const LETTERS_TO_CUT = 16; // of a narrower box the name's beginning says more
const SHADES = 4;

function shade(name) {
  let hash = 7;
  for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) | 0;
  return Math.abs(hash) % SHADES;
}

export class Flame {
  constructor(model) {
    this.model = model;
    this.element = byId("flame");
    this.zoomed = 0; // node
    this.focused = null; // box
    this.matches = null;
    byId("zoom-out").addEventListener("click", () => this.zoom(0));
    this.element.addEventListener("mousemove", (event) => this.#tell(this.#boxAt(event)));
    this.element.addEventListener("mouseleave", () => this.#tell(this.focused));
    this.element.addEventListener("click", (event) => this.#click(this.#boxAt(event)));
    this.element.addEventListener("keydown", (event) => this.#press(event));
    this.element.addEventListener("blur", () => this.#focus(null));
  }

  // The threshold or the measure is another one.
  update(measure) {
    this.measure = measure;
    this.#draw();
  }

  // Marks the frames that match; null: none.
  highlight(matches) {
    this.matches = matches;
    for (const box of this.boxes) box.made.style.background = this.#color(box.data);
  }

  // Fills the width with a node of the model.
  zoom(node) {
    this.zoomed = node;
    this.#draw();
  }

  // Zooms to a node, its caller above it.
  show(node) {
    this.zoom(node);
    this.element.parentElement.scrollTop = (this.boxes.find((box) => box.data.node === node)?.depth - 1) * ROW_PIXELS;
    this.element.scrollIntoView({ block: "nearest" });
  }

  #draw() {
    const tree = hierarchy(this.model.tree(this.measure, this.zoomed));
    tree.each((box) => (box.value = box.data.width));
    tree.sort((a, b) => a.data.more - b.data.more || b.value - a.value || a.data.node - b.data.node);
    this.boxes = tree.data.value > 0 ? partition()(tree).descendants() : [];
    this.element.hidden = this.boxes.length === 0;
    this.element.replaceChildren(...this.boxes.map((box, i) => this.#made(box, i)));
    this.element.style.height = `${(tree.height + 1) * ROW_PIXELS}px`;
    byId("zoom-out").hidden = this.zoomed === 0;
    byId("thin").textContent = this.#thin();
    this.#focus(document.activeElement === this.element ? this.#find(this.zoomed) : null);
    this.#tell(this.zoomed ? this.#find(this.zoomed) : null);
  }

  #made(box, number) {
    const width = box.x1 - box.x0;
    const letters = Math.floor((width * this.element.clientWidth) / LETTER_PIXELS);
    const kept = letters < LETTERS_TO_CUT ? 0 : Math.min(Math.floor(letters / 2), box.data.name.length);
    const place = `left: ${100 * box.x0}%; width: ${100 * width}%; top: ${box.depth * ROW_PIXELS}px;`;
    const style = `${place} background: ${this.#color(box.data)}`;
    const attributes = { class: "frame", style, "data-number": number, "data-name": box.data.name };
    box.made = element("div", attributes, ...cutText(box.data.name, kept));
    return box.made;
  }

  // What has no box of its own, and none for the rest of its caller's.
  #thin() {
    const thin = { count: 0, value: 0 };
    for (const { data } of this.boxes) {
      thin.count += data.thin.count;
      thin.value += data.thin.value;
    }
    if (thin.count === 0) return "";
    return `${plural(thin.count, "function", "functions")} too thin to see: ${this.#amount(thin.value)}`;
  }

  #boxAt(event) {
    const made = event.target.closest(".frame");
    return made && this.boxes[made.dataset.number];
  }

  #click(box) {
    if (box) this.zoom(box.data.node);
  }

  #frame(data) {
    return data.node > 0 && !data.more ? this.model.frameOf(data.node) : null;
  }

  #color(data) {
    const frame = this.#frame(data);
    if (!frame) return data.more ? "var(--flame-more)" : "var(--flame-all)";
    if (this.matches?.(frame)) return "var(--flame-match)";
    return flameColor(frame.kind, shade(frame.name));
  }

  #amount(value) {
    const amount = this.measure === "bytes" ? size(value) : count(value);
    return `${amount}, ${percent(value, this.model[this.measure])}`;
  }

  #describe(data) {
    return `${this.#frame(data)?.full ?? data.name}: ${this.#amount(data.value)}`;
  }

  #tell(box) {
    byId("frame-details").textContent = box
      ? this.#describe(box.data)
      : "Point at a function or use the arrow keys. A click zooms in.";
  }

  // The keyboard.

  #focus(box) {
    this.focused?.made.classList.remove("focused");
    this.focused = box;
    if (!box) return;
    box.made.classList.add("focused");
    box.made.scrollIntoView({ block: "nearest" });
    this.#tell(box);
  }

  #neighbour(key) {
    const at = this.focused;
    if (!at) return this.#find(this.zoomed);
    if (key === "ArrowUp") return at.parent;
    if (key === "ArrowDown") return at.children?.[0];
    const level = at.parent?.children ?? [];
    return level[level.indexOf(at) + (key === "ArrowRight" ? 1 : -1)];
  }

  #find(node) {
    return this.boxes.find((box) => box.data.node === node) ?? null;
  }

  #press(event) {
    if (event.key.startsWith("Arrow")) this.#focus(this.#neighbour(event.key) ?? this.focused);
    else if (event.key === "Enter" && this.focused) this.#click(this.focused);
    else if (event.key === "Escape") this.zoom(0);
    else return;
    event.preventDefault();
  }
}
