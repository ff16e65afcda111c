// Numbers as the summary command prints them.

const UNITS = ["B", "KB", "MB", "GB", "TB", "PB", "EB"];

export function size(bytes) {
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit + 1 < UNITS.length) {
    value /= 1024;
    unit++;
  }
  return (unit === 0 ? String(value) : value.toFixed(3)) + UNITS[unit];
}

export function count(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

export function percent(part, whole) {
  return (whole > 0 ? (100 * part) / whole : 0).toFixed(2) + "%";
}

export function plural(number, singular, plurals) {
  return `${count(number)} ${number === 1 ? singular : plurals}`;
}
