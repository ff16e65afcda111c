// Numbers as the summary command prints them.

const UNITS = ["B", "KB", "MB", "GB", "TB", "PB", "EB"];

// Of a value, a tie to the even one.
function thousandths(value) {
  const below = Math.floor(value * 1000);
  const rest = value * 1000 - below;
  return below + (rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? 1 : 0);
}

export function size(bytes) {
  if (bytes < 1024) return `${bytes}B`;
  let unit = 1;
  while (thousandths(bytes / 1024 ** unit) >= 1024000) unit++;
  return (thousandths(bytes / 1024 ** unit) / 1000).toFixed(3) + UNITS[unit];
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
