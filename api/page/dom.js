// Elements from values. Text only ever becomes a text node, so nothing that a user typed can turn into markup.

/** Make an element; `on…` attributes are listeners, `true` an empty attribute, `false`, null and undefined none. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value == null) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

/** Replace the content of `box`, keeping the keyboard focus on the element with the same `data-key`. */
export function fill(box, ...children) {
  const held = box.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  box.replaceChildren(...children.flat().filter((child) => child != null && child !== false));
  if (held) box.querySelector(`[data-key="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
}

export const chip = (status, text = status) => h("span", { class: `chip ${status}` }, text);

export const failure = (error, retry) =>
  h("div", { class: "notice bad", role: "alert" },
    h("p", {}, error.message),
    retry && h("button", { type: "button", onclick: retry }, "Try again"));

const number = (digits) => new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const unknown = "–";
const shown = (format) => (value) => (value == null ? unknown : format(value));

export const ms = shown((value) => number(value < 10 ? 3 : 2).format(value));
export const db = shown((value) => number(2).format(value));
export const fixed = (digits) => shown((value) => number(digits).format(value));
export const count = shown((value) => number(0).format(value));
export const giga = shown((value) => number(2).format(value / 1e9));
export const kilo = shown((value) => number(1).format(value / 1e3));
export const shortHash = (hash) => hash.slice(hash.indexOf(":") + 1).slice(0, 10);

export function ordinal(place) {
  const suffix = { one: "st", two: "nd", few: "rd", other: "th" };
  return place + suffix[new Intl.PluralRules("en", { type: "ordinal" }).select(place)];
}

/** The size of a space, which may have more digits than a number here can hold. */
export function size({ size: exact, size_log10: log }) {
  if (log < 7) return count(exact);
  return `${number(1).format(10 ** (log % 1))} × 10^${Math.floor(log)}`;
}

export function ago(time) {
  const seconds = Math.max(0, (Date.now() - Date.parse(time)) / 1000);
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return new Intl.DateTimeFormat("en", { dateStyle: "medium" }).format(new Date(time));
}

export function duration(from, to) {
  const seconds = Math.max(0, Math.round(((to ? Date.parse(to) : Date.now()) - Date.parse(from)) / 1000));
  const parts = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  return parts[0] ? `${parts[0]} h ${parts[1]} min` : parts[1] ? `${parts[1]} min ${parts[2]} s` : `${parts[2]} s`;
}
