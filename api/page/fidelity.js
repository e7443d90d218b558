// How far the rungs of a search can be trusted: the stored report as a small table.

import { count, fill, fixed, h } from "/page/dom.js";

const two = fixed(2);

export function fidelityTable({ fidelity: report, trust }) {
  trust.closest("section").hidden = !report;
  if (!report) return;
  if (!report.truth) {
    fill(trust, h("p", { class: "empty" }, "No three networks of this search share a training, so there is nothing to compare."));
    return;
  }
  const { truth, rungs, baselines } = report;
  const rows = [
    ...rungs.map((one) => row(`${count(one.step)} steps of ${one.recipe}`, one, "rung")),
    ...rungs.filter((one) => one.across_seeds.networks).map((one) => row(`${count(one.step)} steps, other seeds`, { ...one.across_seeds, within_band: null })),
    ...baselines.map((one) => row(one.name, one)),
  ];
  const head = ["Estimate", "Networks", "Spearman", "Kendall", "Best quarter", "Spearman at ±10 % cost"];
  fill(trust,
    h("p", { class: "hint" }, `How well each orders networks as ${count(truth.step)} steps of ${truth.recipe} do (${count(truth.networks)} networks; 95 % intervals). A rung is worth its cost where it beats what costs less.`),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of rank agreement" },
      h("table", {}, h("thead", {}, h("tr", {}, head.map((title) => h("th", { scope: "col" }, title)))), h("tbody", {}, rows))),
    ...report.noise.map(noise));
}

function row(name, one) {
  const cell = (title, value, note) => h("td", { "data-title": title }, h("span", {}, value, note && h("small", {}, ` ${note}`)));
  const between = (found) => found && `${two(found.interval[0])} to ${two(found.interval[1])}`;
  const few = one.networks && !one.spearman ? "too few to say" : null;
  const band = one.within_band;
  return h("tr", { title: one.why_not || null },
    h("th", { scope: "row" }, name),
    cell("Networks", count(one.networks)),
    cell("Spearman", two(one.spearman?.value), between(one.spearman) ?? few),
    cell("Kendall", two(one.kendall?.value), between(one.kendall)),
    cell("Best quarter", one.recall ? `${one.recall.found} of ${one.recall.of}` : "–"),
    cell("Spearman at ±10 % cost", two(band?.spearman?.value), band && `of ${count(band.networks)}${band.spearman ? "" : ", too few"}`));
}

function noise({ step, recipe, networks, sd_db: one, paired_sd_db: paired, unpaired_sd_db: unpaired }) {
  return h("p", { class: "hint" },
    `Noise after ${count(step)} steps of ${recipe}, as standard deviations from ${count(networks)} networks: ${fixed(3)(one.value)} dB between seeds of one network, ` +
    `${fixed(3)(paired.value)} dB in the difference of two networks that share a seed, ${fixed(3)(unpaired.value)} dB where they do not.`);
}
