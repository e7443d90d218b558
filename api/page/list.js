// The list of searches beside the page, kept current while the page is seen.

import { get } from "/page/client.js";
import { ago, chip, failure, fill, h } from "/page/dom.js";

const EVERY_MS = 5000;
const box = document.getElementById("searches");
let shown = null;

const entry = (search, current) =>
  h("li", {},
    h("a", { href: `#/searches/${search.id}`, class: "entry", "data-key": search.id, "aria-current": search.id === current && "page" },
      h("span", { class: "entry-name" }, search.name || search.space),
      chip(search.status),
      h("span", { class: "entry-facts" }, `${search.trials.spent} of ${search.trials.budget} trials`),
      h("span", { class: "entry-facts" }, ago(search.created_at))));

function show(page, current) {
  if (!page.items.length) {
    fill(box, h("div", { class: "empty" }, h("p", {}, "No searches yet."), h("p", {}, "Choose a space and some photographs, and start the first.")));
    return;
  }
  const more = page.next_cursor && h("p", { class: "entry-facts more" }, `The newest ${page.items.length} are shown; the others are at /v1/searches.`);
  fill(box, h("ul", { class: "entries" }, page.items.map((search) => entry(search, current))), more);
}

/** Fetch the list and show it; the last good one stays when the service does not answer. */
export async function refresh() {
  const current = location.hash.match(/^#\/searches\/(\w+)/)?.[1];
  if (!shown) fill(box, h("div", { class: "skeleton", "aria-label": "Loading the searches" }));
  try {
    shown = await get("/v1/searches?limit=50");
    show(shown, current);
  } catch (error) {
    if (!shown || error.status === 401) fill(box, failure(error, refresh));
  }
}

export function keepCurrent() {
  setInterval(() => document.visibilityState === "visible" && refresh(), EVERY_MS);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refresh());
}
