import "./page.css";
import { Changes } from "./changes.js";
import { byId, element, flameColor, onChoice } from "./element.js";
import { Flame } from "./flame.js";
import { count, percent, plural, size } from "./format.js";
import { Model } from "./model.js";
import { Table } from "./table.js";

const KINDS = {
  own: "own code",
  python: "own Python code",
  foreign: "others' code",
  library: "languages' libraries",
  allocator: "allocators",
};

const model = new Model(JSON.parse(byId("data").textContent));
const flame = new Flame(model);
const changes = new Changes(model, (node) => flame.show(node));
const table = new Table(model, (node) => flame.show(node));
let measure = "bytes";

function showProcess() {
  const { executable, arguments: words, engine, version, pid } = model.data;
  const name = executable ?? "unknown program";
  byId("command").textContent = (words ?? [name]).join(" ");
  byId("facts").textContent = `process ${pid} · engine ${engine} · tmpalloc ${version}`;
  document.title = `Temporary allocations of ${name.slice(name.lastIndexOf("/") + 1)}`;
}

function tile(title, value, note) {
  return element("div", {}, element("dt", {}, title), element("dd", {}, value), element("p", {}, note));
}

function showTotals() {
  const { allocations, allocatedBytes, crossThreadFrees, dropped } = model.data;
  const tiles = [
    tile("Temporaries", count(model.count), `${percent(model.count, allocations)} of all allocations`),
    tile("Bytes", size(model.bytes), `${percent(model.bytes, allocatedBytes)} of all bytes`),
    tile("Allocations", count(allocations), `${size(allocatedBytes)} in all`),
    tile("Freed elsewhere", count(crossThreadFrees), "by another thread: never temporary"),
  ];
  if (dropped > 0) tiles.push(tile("Dropped", count(dropped), "events that could not be counted"));
  byId("totals").replaceChildren(...tiles);
}

function showThreshold() {
  byId("threshold-value").textContent = model.threshold;
  const others = plural(model.threshold, "other allocation", "other allocations");
  byId("threshold-text").textContent =
    model.threshold === 0
      ? "freed before its thread allocates anything else"
      : `freed after at most ${others} by its thread`;
  for (const bar of byId("distances").children)
    bar.classList.toggle("within", Number(bar.dataset.distance) <= model.threshold);
}

function showLegend() {
  const kinds = new Set(model.frames.map((frame) => frame.kind));
  const known = Object.entries(KINDS).filter(([kind]) => kinds.has(kind));
  const entries = known.map(([kind, title]) =>
    element("li", { style: `--swatch: ${flameColor(kind, 1)}` }, title),
  );
  byId("legend").replaceChildren(...entries);
}

// One bar for each distance; a root makes small ones visible beside large ones.
function drawDistances() {
  const values = new Array(model.data.maxThreshold + 1).fill(0);
  const { distances } = model.data;
  for (let i = 0; i < distances.length; i += 3)
    values[distances[i]] = distances[i + (measure === "bytes" ? 2 : 1)];
  const largest = Math.max(...values, 1);
  const bars = values.map((value, distance) =>
    element("span", {
      "data-distance": distance,
      style: `height: ${value > 0 ? 6 + 94 * Math.sqrt(value / largest) : 2}%`,
      title: `distance ${distance}: ${measure === "bytes" ? size(value) : count(value)}`,
    }),
  );
  byId("distances").replaceChildren(...bars);
}

function showAll() {
  showTotals();
  showThreshold();
  changes.update();
  table.update();
  flame.update(measure);
}

function selectThreshold(threshold) {
  model.select(threshold);
  showAll();
}

// A regular expression, or as it is where it is none; for locations as they are shown and in full.
function filter(text) {
  let expression = null;
  let note = "";
  try {
    expression = new RegExp(text, "i");
  } catch {
    expression = new RegExp(text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"), "i");
    note = "no regular expression: searched as it is";
  }
  const matches = (frame) => expression.test(frame.short) || expression.test(frame.full);
  byId("filter-note").textContent = note;
  table.filter(matches);
  changes.update();
  flame.highlight(text ? matches : null);
}

// The page answers at once; what takes time follows when the slider rests.
function afterwards(run) {
  let waiting = 0;
  return (value) => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => run(value));
  };
}

showProcess();
showLegend();
byId("threshold").max = model.data.maxThreshold;
byId("threshold").style.setProperty("--distances", model.data.maxThreshold + 1);
byId("threshold").value = model.threshold;
const selectSoon = afterwards(selectThreshold);
byId("threshold").addEventListener("input", (event) => selectSoon(Number(event.target.value)));
const filterSoon = afterwards(filter);
byId("filter").addEventListener("input", (event) => filterSoon(event.target.value));
onChoice("measure", (value) => {
  measure = value;
  drawDistances();
  showThreshold();
  flame.update(measure);
});
onChoice("scheme", (value) => {
  document.documentElement.dataset.scheme = value;
});
drawDistances();
showAll();
