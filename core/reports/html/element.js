// Elements with text, never markup: names come from somebody's program.

const PLACE_LETTERS = 40; // of "at FILE:LINE", which are kept when a name is cut

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

// Text in letters of one width; where it lacks room it is cut before its last `kept` letters.
export function cutText(text, kept) {
  const [start, end] = [text.slice(0, text.length - kept), text.slice(text.length - kept)];
  if (!start) return [end];
  return [element("span", { class: "start", style: `--kept: ${end.length}ch` }, start), end];
}

// A location without what is least missed where it lacks room: the middle of its function's name.
export function cutName({ name, short }) {
  return cutText(short, Math.min(short.length - Math.ceil(name.length / 2), PLACE_LETTERS));
}

// Of the kinds of frames some have shades.
export function flameColor(kind, shade) {
  return `var(--flame-${kind}-${shade}, var(--flame-${kind}))`;
}

export function byId(id) {
  return document.getElementById(id);
}

// The value of a group of radio buttons, now and whenever it changes.
export function onChoice(id, use) {
  byId(id).addEventListener("change", (event) => use(event.target.value));
}
