// The summary: one row for each location, sorted, filtered, and opened to see its stacks.

import { byId, cutName, element } from "./element.js";
import { count, percent, plural, size } from "./format.js";

const ROWS_AT_ONCE = 20;
const SITES_IN_DETAILS = 5;
const CALLERS_SHOWN = 8; // of the function that is charged, or of the innermost that is the reader's own

const HINTS = {
  total: "Bytes of temporaries allocated anywhere beneath the location",
  own: "Bytes of temporaries that the location allocates itself",
  count: "How many temporaries the location allocates itself",
  share: "How many of the location's allocations were temporary",
  scope: "How many temporaries the allocating function frees itself, or what it calls",
  pattern: "Whether blocks grow, repeat one size, or have mixed sizes",
};

const COLUMNS = [
  { key: "location", title: "Location", value: (row) => row.frame.short, text: true },
  { key: "total", title: "Total", value: (row) => row.total, kind: "total" },
  { key: "total-part", title: "Total %", value: (row) => row.total, kind: "part" },
  { key: "own", title: "Own", value: (row) => row.bytes },
  { key: "own-part", title: "Own %", value: (row) => row.bytes, kind: "part" },
  { key: "count", title: "Temporaries", value: (row) => row.count },
  { key: "share", title: "Share", value: (row) => row.share, kind: "share" },
  { key: "scope", title: "Scope", value: (row) => row.scope / row.known || 0, kind: "scope" },
  { key: "pattern", title: "Pattern", value: (row) => row.pattern, text: true },
];

function scopeOf(row) {
  if (row.count === 0) return "";
  return row.known > 0 ? percent(row.scope, row.known) : "-";
}

export class Table {
  // show(node) is asked for when the user wants to see a stack in the flame graph.
  constructor(model, show) {
    this.model = model;
    this.show = show;
    this.sort = { column: COLUMNS.find((column) => column.key === "own"), descending: true };
    this.limit = ROWS_AT_ONCE;
    this.open = new Set(); // numbers of frames
    this.body = byId("table").tBodies[0];
    byId("table").tHead.rows[0].append(...COLUMNS.map((column) => this.#header(column)));
    byId("inclusive").addEventListener("change", () => this.#restart());
    byId("show-more").addEventListener("click", () => this.#showMore());
  }

  // The threshold is another one.
  update() {
    this.rows = this.model.rows();
    this.#restart();
  }

  filter(matches) {
    this.model.filter(matches);
    this.update();
  }

  #header(column) {
    const title = HINTS[column.key] ?? null;
    const button = element("button", { type: "button", title, click: () => this.#sortBy(column) });
    button.append(column.title, element("span", { class: "arrow", "aria-hidden": "true" }));
    const attributes = { scope: "col", class: column.kind ?? column.key, "data-key": column.key };
    return element("th", { ...attributes, "data-text": column.text ?? false }, button);
  }

  #sortBy(column) {
    const again = this.sort.column === column;
    this.sort = { column, descending: again ? !this.sort.descending : !column.text };
    this.#restart();
  }

  #restart() {
    this.limit = ROWS_AT_ONCE;
    this.#draw();
  }

  #showMore() {
    const first = this.limit;
    this.limit += 20 * ROWS_AT_ONCE;
    this.#draw();
    this.body.querySelectorAll("tr.row")[first]?.querySelector("button").focus();
  }

  #compare(a, b) {
    const { column, descending } = this.sort;
    const [left, right] = [column.value(a), column.value(b)];
    const order = column.text ? left.localeCompare(right) : left - right;
    return (descending ? -order : order) || b.bytes - a.bytes || b.total - a.total;
  }

  #draw() {
    const inclusive = byId("inclusive").checked;
    const rows = this.rows.filter((row) => inclusive || row.count > 0);
    rows.sort((a, b) => this.#compare(a, b));
    const shown = rows.slice(0, this.limit);
    this.body.replaceChildren(...shown.flatMap((row) => this.#rowElements(row)));
    this.#markSorted();
    this.#drawRest(rows, shown);
  }

  #markSorted() {
    for (const header of byId("table").tHead.rows[0].cells) {
      const sorted = header.dataset.key === this.sort.column.key;
      if (sorted) header.setAttribute("aria-sort", this.sort.descending ? "descending" : "ascending");
      else header.removeAttribute("aria-sort");
    }
  }

  #drawRest(rows, shown) {
    const left = { count: this.model.count, bytes: this.model.bytes };
    for (const row of rows) {
      left.count -= row.count;
      left.bytes -= row.bytes;
    }
    const suppressed = this.model.suppressed();
    const notes = [`${count(shown.length)} of ${plural(rows.length, "location", "locations")}`];
    if (left.count > suppressed.count)
      notes.push(`the filter hides ${size(left.bytes - suppressed.bytes)}`);
    if (suppressed.count > 0)
      notes.push(`${plural(suppressed.count, "temporary", "temporaries")} suppressed`);
    byId("shown").textContent = rows.length > 0 ? notes.join(", ") : "";
    byId("show-more").hidden = shown.length === rows.length;
    byId("empty").hidden = rows.length > 0;
    byId("empty").textContent =
      this.model.count === 0
        ? `No temporary allocations at threshold ${this.model.threshold}.`
        : "No call stack matches the filter.";
    byId("table").hidden = rows.length === 0;
  }

  #rowElements(row) {
    const open = this.open.has(row.number);
    const name = element("button", {
      type: "button",
      class: "name",
      title: row.frame.full,
      "aria-expanded": String(open),
      click: () => this.#toggle(row),
    });
    name.append(element("span", { class: "mark", "aria-hidden": "true" }), ...cutName(row.frame));
    if (row.through.size > 0) name.append(this.#through(row));
    const own = percent(row.bytes, this.model.bytes);
    const cells = [
      element("th", { scope: "row", class: "location" }, name),
      element("td", { class: "total" }, size(row.total)),
      element("td", { class: "part" }, percent(row.total, this.model.bytes)),
      element("td", { class: "own" }, size(row.bytes)),
      element("td", { class: "part own-part", style: `--part: ${own}` }, own),
      element("td", { class: "count" }, count(row.count)),
      element("td", { class: "share" }, row.allocations > 0 ? percent(row.count, row.allocations) : ""),
      element("td", { class: "scope" }, scopeOf(row)),
      element("td", { class: "pattern" }, this.#badge(row)),
    ];
    const line = element("tr", { class: "row" }, ...cells);
    return open ? [line, this.#details(row)] : [line];
  }

  // What a location calls to allocate, that with most bytes by name; of equal ones the first.
  #through({ through }) {
    const [most] = [...through.values()].sort((a, b) => b.bytes - a.bytes);
    const more = through.size > 1 ? `, ${through.size - 1} more` : "";
    return element("span", { class: "through" }, ` (${most.called}${more})`);
  }

  #badge({ pattern, advice }) {
    return pattern ? element("span", { class: `badge ${pattern}`, title: advice }, pattern) : "";
  }

  #toggle(row) {
    if (!this.open.delete(row.number)) this.open.add(row.number);
    const lines = [...this.body.querySelectorAll("tr.row")];
    const at = lines.findIndex((line) => line.contains(document.activeElement));
    this.#draw();
    this.body.querySelectorAll("tr.row")[at]?.querySelector("button").focus();
  }

  #details(row) {
    const cell = element("td", { colspan: COLUMNS.length, class: "details" });
    if (row.sites.length === 0) cell.append(element("p", {}, "Allocates nothing temporary itself."));
    if (row.advice) cell.append(element("p", { class: "advice" }, row.advice));
    const shown = row.sites.slice(0, SITES_IN_DETAILS);
    cell.append(...shown.map((site) => this.#siteDetails(site)));
    const more = row.sites.length - shown.length;
    if (more > 0)
      cell.append(element("p", { class: "note" }, plural(more, "more stack", "more stacks")));
    return element("tr", { class: "details-row" }, cell);
  }

  #siteDetails(site) {
    const sizes =
      site.minSize === site.maxSize
        ? size(site.maxSize)
        : `${size(site.minSize)} to ${size(site.maxSize)}`;
    const facts = [
      `${plural(site.count, "temporary", "temporaries")}, ${size(site.bytes)}`,
      `${percent(site.count, site.allocations)} of ${plural(site.allocations, "allocation", "allocations")}`,
      `each ${sizes}`,
      `${site.scope === null ? "unknown" : percent(site.scope, site.count)} freed by the function itself`,
      plural(site.threads, "thread", "threads"),
    ];
    if (site.byRealloc > 0) facts.push(`${count(site.byRealloc)} ended by realloc`);
    const show = element("button", { type: "button", click: () => this.show(site.location) });
    show.append("Show in the flame graph");
    return element(
      "div",
      { class: "site" },
      element("p", { class: "site-facts" }, facts.join(" · "), " ", show),
      element(
        "div",
        { class: "stacks" },
        this.#stack("Allocated by", site.stack, site.location),
        ...site.frees.map((node) => this.#stack("Freed by", node, null)),
      ),
    );
  }

  // Whole to the charged node's callers; those further out are shown on demand.
  #stack(title, node, charged) {
    const nodes = this.model.path(node);
    const isOwn = (at) => ["own", "python"].includes(this.model.frameOf(at).kind);
    const reader = charged === null ? nodes.findIndex(isOwn) : nodes.indexOf(charged);
    const lines = nodes.map((at) => this.#stackLine(at, charged));
    const shown = lines.splice(0, Math.max(reader, 0) + 1 + CALLERS_SHOWN);
    const made = element("div", { class: "stack" }, element("h3", {}, title), element("ol", {}, ...shown));
    if (lines.length > 0) {
      const summary = element("summary", {}, plural(lines.length, "more caller", "more callers"));
      made.append(element("details", {}, summary, element("ol", {}, ...lines)));
    }
    return made;
  }

  #stackLine(node, charged) {
    const frame = this.model.frameOf(node);
    const kind = node === charged ? `${frame.kind} charged` : frame.kind;
    return element("li", { class: kind, title: frame.full }, frame.short);
  }
}
