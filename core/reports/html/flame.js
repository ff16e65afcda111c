// The flame graph: d3-flame-graph with our colours, and with the keyboard.

import flamegraph from "d3-flame-graph";
import { select } from "d3-selection";
import { byId } from "./element.js";
import { count, percent, size } from "./format.js";

const ROW_PIXELS = 20;
const NARROWEST_PIXELS = 1.5;
const SHADES = 4;
const MILLISECONDS = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 200;

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
    this.focused = null; // datum
    this.matches = null;
    this.chart = flamegraph()
      .inverted(true)
      .cellHeight(ROW_PIXELS)
      .minFrameSize(NARROWEST_PIXELS)
      .transitionDuration(MILLISECONDS)
      .resetHeightOnZoom(true)
      .sort((a, b) => b.value - a.value || (a.data.name < b.data.name ? -1 : 1))
      .setColorMapper((datum) => this.#color(datum))
      .label((datum) => this.#describe(datum))
      .onHover((datum) => this.#tell(datum))
      .onClick((datum) => this.#zoomedTo(datum));
    byId("zoom-out").addEventListener("click", () => this.zoomOut());
    this.element.addEventListener("mouseleave", () => this.#tell(this.focused));
    this.element.addEventListener("keydown", (event) => this.#press(event));
    this.element.addEventListener("blur", () => this.#focus(null));
    new ResizeObserver(() => this.#resize()).observe(this.element);
  }

  // The threshold or the measure is another one.
  update(measure) {
    this.measure = measure;
    this.focused = null;
    this.#draw(this.zoomed);
    this.#tell(null);
  }

  #draw(zoomed) {
    const data = this.model.tree(this.measure, zoomed);
    this.element.replaceChildren();
    this.element.hidden = data.value === 0;
    if (data.value > 0) {
      this.chart.width(this.#width());
      select(this.element).datum(data).call(this.chart);
    }
    this.root = data.value > 0 ? select(this.element).datum() : null;
    const datum = zoomed > 0 ? this.#nearest(zoomed) : null;
    if (datum && datum !== this.root) this.chart.zoomTo(datum);
    else this.#zoomedTo(this.root);
    if (this.root) this.#settle();
  }

  // New frames grow from nothing, which is too much motion while the slider moves.
  #settle() {
    const frames = select(this.element).selectAll("g.frame");
    const width = (datum) => ((datum.x1 - datum.x0) * this.chart.width()) / (this.root.x1 - this.root.x0);
    frames.select("rect").interrupt().attr("width", width);
    frames.select(".d3-flame-graph-label").interrupt().text((datum) => datum.data.name);
    this.#fit();
  }

  // The library leaves room for a title.
  #fit() {
    const depths = select(this.element).selectAll("g.frame").data().map((datum) => datum.depth);
    select(this.element).select("svg").attr("height", (Math.max(...depths) + 1) * ROW_PIXELS);
  }

  // Marks the frames that match; null: none.
  highlight(matches) {
    this.matches = matches;
    this.#recolor();
  }

  // Zooms to a node of the model; its nearest caller that is there.
  show(node) {
    this.#draw(node);
    this.element.scrollTop = (this.#nearest(node).depth - 1) * ROW_PIXELS;
    this.element.scrollIntoView({ block: "nearest" });
  }

  #nearest(node) {
    const path = new Set();
    for (let at = node; at > 0; at = this.model.callers[at]) path.add(at);
    let datum = this.root;
    for (let next = datum; next; next = datum.children?.find((child) => path.has(child.data.node)))
      datum = next;
    return datum;
  }

  zoomOut() {
    this.#draw(0);
    this.#tell(null);
  }

  #width() {
    return Math.max(this.element.clientWidth, 200);
  }

  #resize() {
    if (!this.root || this.#width() === this.chart.width()) return;
    this.chart.width(this.#width());
    this.chart.update();
    this.#settle();
  }

  // Null: there is nothing to show.
  #zoomedTo(datum) {
    const node = datum?.data.node ?? 0;
    const deeper = node !== this.zoomed;
    this.zoomed = node;
    byId("zoom-out").hidden = node === 0;
    if (deeper && this.#isCut(datum)) {
      this.#draw(node);
      return;
    }
    if (datum && MILLISECONDS === 0) this.#settle();
    else if (datum) this.#fit();
    this.#focus(document.activeElement === this.element ? datum : null);
    this.#tell(datum);
  }

  #isCut(datum) {
    return datum?.data.cut || (datum?.children?.some((child) => this.#isCut(child)) ?? false);
  }

  #frame(datum) {
    return datum.data.node > 0 ? this.model.frameOf(datum.data.node) : null;
  }

  #color(datum) {
    const frame = this.#frame(datum);
    if (!frame) return "var(--flame-all)";
    if (this.matches?.(frame)) return "var(--flame-match)";
    return `var(--flame-${frame.kind}-${shade(frame.name)})`;
  }

  #recolor() {
    select(this.element)
      .selectAll("g.frame rect")
      .attr("fill", (datum) => this.#color(datum));
  }

  #describe(datum) {
    const value = datum.data.value;
    const amount = this.measure === "bytes" ? size(value) : count(value);
    const part = percent(value, this.model[this.measure]);
    return `${this.#frame(datum)?.full ?? "all"}: ${amount}, ${part}`;
  }

  #tell(datum) {
    byId("frame-details").textContent = datum
      ? this.#describe(datum)
      : "Point at a function or use the arrow keys. A click zooms in.";
  }

  // The keyboard.

  #focus(datum) {
    this.focused = datum;
    select(this.element)
      .selectAll("g.frame")
      .classed("focused", (each) => each === datum);
    if (!datum) return;
    this.#tell(datum);
    this.#scrollTo(datum);
  }

  // With a caller above and what it calls below.
  #scrollTo(datum) {
    const { scrollTop, clientHeight } = this.element;
    const top = (datum.depth - 1) * ROW_PIXELS;
    const bottom = (datum.depth + 2) * ROW_PIXELS;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (bottom > scrollTop + clientHeight) this.element.scrollTop = bottom - clientHeight;
  }

  #visible(datum) {
    return datum.value > 0;
  }

  #neighbour(key) {
    const at = this.focused;
    if (!at) return this.zoomed ? this.#find(this.zoomed) : this.root;
    if (key === "ArrowUp") return at.parent;
    if (key === "ArrowDown") return at.children?.find(this.#visible);
    const level = at.parent?.children.filter(this.#visible) ?? [];
    return level[level.indexOf(at) + (key === "ArrowRight" ? 1 : -1)];
  }

  #find(node) {
    return this.root.find((datum) => datum.data.node === node);
  }

  #press(event) {
    if (event.key.startsWith("Arrow")) this.#focus(this.#neighbour(event.key) ?? this.focused);
    else if (event.key === "Enter" && this.focused) this.chart.zoomTo(this.focused);
    else if (event.key === "Escape") this.zoomOut();
    else return;
    event.preventDefault();
  }
}
