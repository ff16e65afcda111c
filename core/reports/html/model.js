// What the threshold, the measure and the filter make of the recorded data.

const NAME = 0;
const FILE = 1;
const LINE = 2;
const MODULE = 3;
const KIND = 4;
const SHORT = 5;
const LABEL = 6;
const BOXES_ABREAST = 1000;

// A location in full: "foo at /home/me/example.py:4", "foo in /usr/lib/libx.so".
function place(name, file, line, module) {
  if (file) return `${name} at ${file}${line ? `:${line}` : ""}`;
  return module && !name.includes("+0x") ? `${name} in ${module}` : name;
}

function readFrame(frame) {
  const [name, file, line, module, kind] = [NAME, FILE, LINE, MODULE, KIND].map((i) => frame[i]);
  const [short, label] = [frame[SHORT] ?? name, frame[LABEL] ?? name];
  return {
    name: label.startsWith(short) ? short : name, // which tells it from others
    function: name,
    called: short,
    file,
    line,
    module,
    kind: kind ?? "unknown",
    short: label,
    full: place(name, file, line, module),
  };
}

// What is temporary at a threshold, from distance, count and bytes one after the other.
function sumUpTo(distances, threshold) {
  const sum = { count: 0, bytes: 0 };
  for (let i = 0; i < distances.length && distances[i] <= threshold; i += 3) {
    sum.count += distances[i + 1];
    sum.bytes += distances[i + 2];
  }
  return sum;
}

function sumScopes(scopes, threshold) {
  let sum = 0;
  for (let i = 0; i < scopes.length && scopes[i] <= threshold; i += 2) sum += scopes[i + 1];
  return sum;
}

function kindOfChange({ before, after, bytes, count }) {
  if (before.count === 0) return "new";
  if (after.count === 0) return "gone";
  if (bytes === 0 && count === 0) return "unchanged";
  return (bytes || count) > 0 ? "worse" : "better";
}

export class Model {
  constructor(data) {
    this.data = data;
    this.frames = data.frames.map(readFrame);
    this.callers = [0, ...data.nodeCallers];
    this.nodeFrames = [0, ...data.nodeFrames];
    this.sites = data.sites;
    this.baseline = data.baseline ?? null; // sites as they were; null: compared with nothing
    this.growths = new Map(data.growths.map(([frame, text, steps]) => [frame, { text, steps }]));
    this.filter(() => true);
    this.select(data.threshold);
  }

  // Sets count and bytes of the sites and of this.
  select(threshold) {
    this.threshold = threshold;
    Object.assign(this, sumUpTo(this.data.distances, threshold));
    for (const site of this.sites) {
      Object.assign(site, sumUpTo(site.distances, threshold));
      site.scope = site.scopes ? sumScopes(site.scopes, threshold) : null;
    }
  }

  // What became of the sites with temporaries, the greatest difference first.
  changes() {
    const pairs = new Map();
    for (const site of this.sites) this.#addPart(pairs, site, "after");
    for (const site of this.baseline) this.#addPart(pairs, site, "before");
    const changes = [...pairs.values()].filter(({ before, after }) => before.count + after.count > 0);
    for (const change of changes) {
      change.bytes = change.after.bytes - change.before.bytes;
      change.count = change.after.count - change.before.count;
      change.kind = kindOfChange(change);
    }
    return changes.sort(
      (a, b) => Math.abs(b.bytes) - Math.abs(a.bytes) || Math.abs(b.count) - Math.abs(a.count),
    );
  }

  #addPart(pairs, site, part) {
    if (!this.found[site.stack]) return;
    const none = () => ({ count: 0, bytes: 0 });
    const pair = pairs.get(site.pair) ?? { node: site.location, before: none(), after: none() };
    const sum = sumUpTo(site.distances, this.threshold);
    pair[part].count += sum.count;
    pair[part].bytes += sum.bytes;
    pairs.set(site.pair, pair);
  }

  // Rows are made of the sites with a frame that matches.
  filter(matches) {
    const frames = this.frames.map(matches);
    this.found = new Uint8Array(this.callers.length);
    // Numbers of nodes are greater than those of their callers.
    for (let node = 1; node < this.found.length; node++)
      this.found[node] = this.found[this.callers[node]] || frames[this.nodeFrames[node]];
  }

  // What to do about a location, by its site with most bytes and all of its chains; null: nothing.
  advice(site) {
    if (site.count < this.data.patternNeeds) return null;
    const growth = this.growths.get(this.nodeFrames[site.location]);
    if (growth && this.grows(site, growth)) return this.#sentence(growth.text);
    const itself =
      site.scope !== null && site.scope * 100 >= site.count * this.data.itselfPercent;
    return this.#sentence(this.data.advice[site.pattern][itself ? 1 : 0]);
  }

  // Whether growth chains are most of what there is to say.
  grows({ pattern, count }, { steps }) {
    return pattern === "grows" || (pattern === "mixed" && steps >= Math.floor(count / 2));
  }

  #sentence(text) {
    return `${text[0].toUpperCase()}${text.slice(1)}.`;
  }

  frameOf(node) {
    return this.frames[this.nodeFrames[node]];
  }

  // The nodes of a stack, innermost first.
  path(node) {
    const nodes = [];
    for (let at = node; at > 0; at = this.callers[at]) nodes.push(at);
    return nodes;
  }

  // One row for each location with temporaries of its own or beneath it.
  rows() {
    const rows = this.frames.map((frame, number) => {
      const sums = { count: 0, bytes: 0, allocations: 0, total: 0, scope: 0, known: 0 };
      return { frame, number, ...sums, sites: [], through: new Map(), last: -1 };
    });
    this.sites.forEach((site, i) => this.#addSite(rows, site, i));
    const used = rows.filter((row) => row.last >= 0);
    used.forEach((row) => this.#judge(row));
    return used;
  }

  #addSite(rows, site, i) {
    if (!this.found[site.stack]) return;
    const own = rows[this.nodeFrames[site.location]];
    own.allocations += site.allocations;
    if (site.count === 0) return;
    own.count += site.count;
    own.bytes += site.bytes;
    own.scope += site.scope ?? 0;
    own.known += site.scopes ? site.count : 0;
    own.sites.push(site);
    this.#countThrough(own, site);
    // Recursion must not count a stack twice.
    for (let node = site.location; node > 0; node = this.callers[node]) {
      const caller = rows[this.nodeFrames[node]];
      if (caller.frame.kind === "cut") continue;
      if (caller.last !== i) caller.total += site.bytes;
      caller.last = i;
    }
  }

  // By the frame that the charged one calls, unless that is an allocator's.
  #countThrough({ through }, site) {
    const path = this.path(site.stack);
    const frame = this.frameOf(path[path.indexOf(site.location) - 1]);
    if (!frame || ["allocator", "unknown"].includes(frame.kind) || frame.function.includes("+0x"))
      return;
    const sum = through.get(frame.function) ?? { called: frame.called, bytes: 0 };
    sum.bytes += site.bytes;
    through.set(frame.function, sum);
  }

  // A location shows the pattern of its site with most bytes.
  #judge(row) {
    row.sites.sort((a, b) => b.bytes - a.bytes || a.id - b.id);
    const site = row.sites[0];
    row.pattern = site && site.count >= this.data.patternNeeds ? site.pattern : "";
    row.advice = site ? this.advice(site) : null;
    row.share = row.allocations > 0 ? row.count / row.allocations : 0;
  }

  // What the sites lack to the totals: locations that were left out.
  suppressed() {
    const lack = (measure) => this.sites.reduce((rest, site) => rest - site[measure], this[measure]);
    return { count: lack("count"), bytes: lack("bytes") };
  }

  // The value of each node with all that it calls.
  #values(measure) {
    const values = new Float64Array(this.callers.length);
    for (const site of this.sites) values[site.stack] += site[measure];
    // Numbers of nodes are greater than those of their callers.
    for (let node = values.length - 1; node > 0; node--) values[this.callers[node]] += values[node];
    return values;
  }

  // The call tree around a node that fills the width: its callers, which are as wide as it, and what
  // it calls, but for what is too thin to see.  That is counted where its callers end: in a box for
  // the rest, or, where that is too thin itself, as `thin`.
  tree(measure, zoomed) {
    const values = this.#values(measure);
    let widest = zoomed;
    while (values[widest] === 0 && widest > 0) widest = this.callers[widest];
    const least = values[widest] / BOXES_ABREAST;
    const boxes = new Map([[widest, this.#box(widest, values)]]);
    for (let node = widest + 1; node < values.length; node++) {
      const caller = boxes.get(this.callers[node]);
      if (!caller || values[node] === 0) continue;
      if (values[node] < least) {
        caller.thin.count++;
        caller.thin.value += values[node];
      } else {
        boxes.set(node, this.#box(node, values));
        caller.children.push(boxes.get(node));
      }
    }
    for (const box of boxes.values()) if (box.thin.value >= least) this.#addRest(box);
    return this.#withCallers(widest, boxes.get(widest), values);
  }

  #box(node, values) {
    const name = node > 0 ? this.frameOf(node).name : "all";
    const value = values[node];
    return { name, node, value, width: value, more: false, children: [], thin: { count: 0, value: 0 } };
  }

  #addRest(box) {
    const { count, value } = box.thin;
    const rest = { ...box, name: `${count} more`, value, width: value, more: true, children: [] };
    rest.thin = box.thin = { count: 0, value: 0 };
    box.children.push(rest);
  }

  #withCallers(node, box, values) {
    let outer = box;
    for (let at = node; at > 0; ) {
      at = this.callers[at];
      outer = { ...this.#box(at, values), width: box.width, children: [outer] };
    }
    return outer;
  }
}
