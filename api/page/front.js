// The table of the front, the architecture of a point, and its export.

import { download, get, post, text } from "/page/client.js";
import { chip, count, db, failure, fill, fixed, giga, h, kilo, ms, ordinal, shortHash } from "/page/dom.js";

const POLL_MS = 1000;
const LATENCY = "Latency, ms (paired)";

export function frontTable(view) {
  const { front, table } = view;
  if (!front.points.length) {
    fill(table, h("p", { class: "empty" }, "No network has been trained to the last rung yet."));
    return;
  }
  const head = ["Architecture", "PSNR, dB", LATENCY, "Parameters, K", "FLOPs, G", "Score", "Rank here", "Gate", "Export"];
  const none = !front.points.some((point) => point.eligible);
  fill(table,
    none && h("p", { class: "notice" }, "None of these passes the gate yet. Scores and ranks are shown as they would be."),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of the front" },
      h("table", {},
        h("thead", {}, h("tr", {}, head.map((title) => h("th", { scope: "col" }, title)))),
        h("tbody", {}, front.points.map((point) => row(view, point))))));
}

function row(view, point) {
  const gate = view.front.gate_psnr_db;
  const margin = gate == null ? null : `${point.psnr_db < gate ? "−" : "+"}${fixed(2)(Math.abs(point.psnr_db - gate))}`;
  const cell = (title, value, note) => h("td", { "data-title": title }, h("span", {}, value, note && h("small", {}, ` ${note}`)));
  const open = () => showArchitecture(view, point);
  return h("tr", {},
    h("th", { scope: "row" }, h("button", { type: "button", class: "hash", "data-key": `show-${point.hash}`, onclick: open, title: point.hash }, shortHash(point.hash))),
    cell("PSNR, dB", db(point.psnr_db), margin && `${margin} to the gate`),
    latencyCell(point),
    cell("Parameters, K", kilo(point.params)),
    cell("FLOPs, G", giga(point.flops)),
    cell("Score", fixed(2)(point.score)),
    cell("Rank here", point.rank_here == null ? "–" : `${ordinal(point.rank_here)} of ${count(point.of)} here`),
    h("td", { "data-title": "Gate" }, chip(point.eligible ? "pass" : "below", point.eligible ? "passes" : "below")),
    h("td", { "data-title": "Export" }, exportCell(view, point)));
}

// The ratio to the baseline in the same window times the baseline's latency; what the clock said is in the tooltip.
function latencyCell(point) {
  const raw = point.latency_ms == null ? null : `Paired ratio × the baseline's latency. Measured in its own window: ${ms(point.latency_ms)} ms`;
  const note = point.latency_ratio == null ? null : h("small", {}, ` × ${fixed(3)(point.latency_ratio)}`);
  const doubt = point.latency_status === "unstable" && h("small", {}, " unstable");
  return h("td", { "data-title": LATENCY }, h("span", { title: raw }, ms(point.latency_paired_ms), note, doubt));
}

// What is asked for survives a redraw of the table: it is kept in the view, by hash.
function exportCell(view, { hash }) {
  const state = view.exports.get(hash);
  const cell = h("span", { class: "export" });
  const key = `export-${hash}`;
  const ask = () => exportPoint(view, hash);
  if (!state) fill(cell, h("button", { type: "button", "data-key": key, onclick: ask, "aria-label": `Export ${shortHash(hash)}` }, "Export"));
  else if (state.error) fill(cell, h("button", { type: "button", "data-key": key, onclick: ask }, "Try again"), h("small", { role: "alert" }, state.error));
  else if (state.status !== "done") fill(cell, h("span", { class: "hint", role: "status" }, state.status === "queued" ? "Waiting for a worker…" : "Writing…"));
  else fill(cell, h("button", { type: "button", class: "primary", "data-key": key, onclick: () => download(state.file, `${shortHash(hash)}.zip`) }, "Download"));
  return cell;
}

async function exportPoint(view, hash) {
  const keep = (state) => {
    view.exports.set(hash, state);
    frontTable(view);
  };
  try {
    let made = await post(`/v1/searches/${view.id}/exports`, { trial: hash, format: "pytorch" });
    while (!view.signal.aborted) {
      keep({ ...made, error: made.status === "failed" ? made.error : "" });
      if (made.status === "done" || made.status === "failed") return;
      await new Promise((resume) => setTimeout(resume, POLL_MS));
      made = await get(`/v1/exports/${made.id}`, view.signal);
    }
  } catch (error) {
    if (!view.signal.aborted) keep({ error: error.message });
  }
}

/** Open the dialog with the architecture of a point as YAML. */
export async function showArchitecture({ dialog }, { hash }) {
  const path = `/v1/architectures/${encodeURIComponent(hash)}?format=yaml`;
  const source = h("pre", { tabindex: "0" }, "Loading…");
  const close = h("button", { type: "button", class: "quiet", onclick: () => dialog.close(), "aria-label": "Close", autofocus: true }, "✕");
  const save = h("button", { type: "button", onclick: () => download(path, `${shortHash(hash)}.yaml`) }, "Download YAML");
  fill(dialog, h("div", { class: "dialog-head" }, h("h2", { id: "dialog-title" }, "Architecture ", h("code", {}, shortHash(hash))), close),
    h("p", { class: "hint wrap" }, hash), source, h("div", { class: "actions" }, save));
  dialog.showModal();
  try {
    source.textContent = await text(path);
  } catch (error) {
    source.replaceWith(failure(error));
  }
}
