// What is new, worse, better or gone since the baseline, at the threshold that is chosen.

import { byId, cutText, element } from "./element.js";
import { count, plural, size } from "./format.js";

const ROWS = 20;
const KINDS = ["new", "worse", "better", "gone", "unchanged"];

function signed(value, text) {
  return value === 0 ? "0" : (value > 0 ? "+" : "-") + text(Math.abs(value));
}

export class Changes {
  // show(node) is asked for when the user wants to see a stack in the flame graph.
  constructor(model, show) {
    this.model = model;
    this.show = show;
    this.rows = ROWS;
    byId("changes").hidden = model.baseline === null;
    byId("all-changes").addEventListener("click", () => this.#showAll());
  }

  update() {
    if (this.model.baseline === null) return;
    const changes = this.model.changes();
    const changed = changes.filter((change) => change.kind !== "unchanged");
    const rows = changed.slice(0, this.rows).map((change) => this.#row(change));
    byId("changes-table").tBodies[0].replaceChildren(...rows);
    byId("changes-table").hidden = changed.length === 0;
    byId("all-changes").hidden = rows.length === changed.length;
    byId("changes-sum").textContent = this.#sum(changes);
  }

  #showAll() {
    this.rows = Infinity;
    this.update();
  }

  #sum(changes) {
    const kinds = KINDS.map((kind) => [changes.filter((change) => change.kind === kind).length, kind]);
    const parts = kinds.filter(([number]) => number > 0).map(([number, kind]) => `${count(number)} ${kind}`);
    const bytes = changes.reduce((sum, change) => sum + change.bytes, 0);
    const temporaries = changes.reduce((sum, change) => sum + change.count, 0);
    const stacks = plural(changes.length, "call stack", "call stacks");
    return `${stacks}${parts.length > 0 ? `: ${parts.join(", ")}` : ""}; ${signed(bytes, size)}, ${signed(temporaries, count)} temporaries`;
  }

  #row(change) {
    const { node, before, after, kind } = change;
    const [charged, ...callers] = this.model.path(node).map((at) => this.model.frameOf(at));
    const name = [charged.short, ...callers.map((frame) => frame.name)].join(" < ");
    const attributes = { type: "button", class: "name", title: name, click: () => this.show(node) };
    const cells = [
      element("th", { scope: "row", class: "location" }, element("button", attributes, ...cutText(name, 0))),
      element("td", {}, size(before.bytes)),
      element("td", {}, size(after.bytes)),
      element("td", {}, signed(change.bytes, size)),
      element("td", {}, count(before.count)),
      element("td", {}, count(after.count)),
      element("td", { class: "pattern" }, element("span", { class: `badge ${kind}` }, kind)),
    ];
    return element("tr", { class: "row" }, ...cells);
  }
}
