// One search, live: its head, its figures, the scatter and the table of the front.

import { draw } from "/page/chart.js";
import { events, get, items, post } from "/page/client.js";
import { chip, count, db, duration, failure, fill, fixed, h, ms } from "/page/dom.js";
import { fidelityTable } from "/page/fidelity.js";
import { frontTable, showArchitecture } from "/page/front.js";

const REFRESH_MS = 1000;
const ENDED = new Set(["done", "cancelled", "failed"]);

/** Show search `id` in `main` and follow it; the function that is returned stops following. */
export function openSearch(main, id, { link, dialog, onchange }) {
  const stop = new AbortController();
  const view = { id, link, dialog, onchange, signal: stop.signal, trials: new Map(), exports: new Map() };
  fill(main, h("div", { class: "skeleton tall", role: "status", "aria-label": "Loading the search" }));
  const redraw = () => view.front && chart(view);
  addEventListener("theme", redraw);
  follow(main, view).catch((error) => stop.signal.aborted || fill(main, failure(error, () => location.reload())));
  return () => {
    stop.abort();
    removeEventListener("theme", redraw);
  };
}

async function follow(main, view) {
  view.search = await get(`/v1/searches/${encodeURIComponent(view.id)}`, view.signal);
  for await (const trial of items(`/v1/searches/${view.id}/trials?limit=200`, view.signal)) view.trials.set(trial.number, trial);
  layOut(main, view);
  await update(view);
  const onstate = (state) => showLink(view, state);
  const stream = events(`/v1/searches/${view.id}/events`, { after: view.search.last_event, signal: view.signal, onstate });
  for await (const event of stream) {
    if (event.kind === "progress") {
      now(view, event.payload);
      continue;
    }
    if (event.kind === "trial") view.trials.set(event.payload.number, { ...view.trials.get(event.payload.number), ...event.payload });
    soon(view);
  }
  await update(view);
  showLink(view, "ended");
}

function now({ step }, { number, step: done, steps, patches_per_second: rate }) {
  const who = number == null ? "baseline" : `trial ${number}`;
  step.textContent = `${who}: step ${count(done)} of ${count(steps)}${rate ? `, ${count(rate)} patches/s` : ""}`;
}

// Events may come in bursts; what is shown needs one look at the service for a burst.
function soon(view) {
  view.timer ??= setTimeout(async () => {
    view.timer = undefined;
    if (view.signal.aborted) return;
    await update(view).catch((error) => view.signal.aborted || fill(view.messages, failure(error, () => soon(view))));
  }, REFRESH_MS);
}

async function update(view) {
  const [search, front] = await Promise.all([get(`/v1/searches/${view.id}`, view.signal), get(`/v1/searches/${view.id}/front`, view.signal)]);
  const fidelity = search.fidelity ? await get(`/v1/searches/${view.id}/fidelity`, view.signal) : null;
  Object.assign(view, { search, front, fidelity });
  if (search.status !== "running") view.step.textContent = "";
  document.title = `${search.name || search.space} – ${search.trials.spent} of ${search.trials.budget}`;
  fill(view.messages, search.error && h("div", { class: "notice bad", role: "alert" }, h("p", {}, search.error)));
  head(view);
  figures(view);
  frontTable(view);
  fidelityTable(view);
  await chart(view);
  view.onchange();
}

function layOut(main, view) {
  for (const part of ["head", "step", "messages", "figures", "chart", "legend", "table", "trust"]) view[part] = h("div", { class: part });
  view.chart.setAttribute("role", "img");
  const section = (title, ...parts) => h("section", { class: "card", "aria-label": title }, h("h3", {}, title), ...parts);
  fill(main, view.head, view.step, view.messages, view.figures,
    section("PSNR against latency", view.legend, view.chart),
    section("The front", view.table),
    section("How far training can be trusted", view.trust));
}

function showLink({ link }, state) {
  const words = { live: "Live", waiting: "Reconnecting…", ended: "" };
  link.className = `link ${state}`;
  if (link.textContent !== words[state]) link.textContent = words[state];
}

function head(view) {
  const { search } = view;
  const { request } = search;
  const facts = [search.space, request.data, `recipe ${search.recipe}`, `${request.sampler} sampler`, `seed ${request.seed}`, `device ${request.device}`];
  const act = (verb) => async () => {
    try {
      await post(`/v1/searches/${search.id}/${verb}`);
      await update(view);
    } catch (error) {
      fill(view.messages, failure(error));
    }
  };
  const button = (verb, words) => h("button", { type: "button", onclick: act(verb), "data-key": verb }, words);
  const wished = search.wish ? h("span", { class: "hint" }, `will ${search.wish} after the step it is in`) : null;
  fill(view.head,
    h("a", { class: "back", href: "#/" }, "← All searches"),
    h("div", { class: "title" }, h("h2", {}, search.name || search.space), chip(search.status), wished,
      h("span", { class: "actions" },
        ["queued", "running"].includes(search.status) && !search.wish && button("pause", "Pause"),
        (["paused", "failed"].includes(search.status) || search.wish === "pause") && button("resume", "Resume"),
        !ENDED.has(search.status) && search.wish !== "cancel" && button("cancel", "Cancel"))),
    h("p", { class: "facts" }, facts.filter(Boolean).join(" · ")),
    progress(search));
}

function progress({ trials, started_at: from, finished_at: to, status }) {
  const parts = ["complete", "pruned", "infeasible", "duplicate", "failed", "running"].filter((state) => trials[state]);
  const words = parts.map((state) => `${trials[state]} ${state}`).join(", ");
  const time = from ? ` in ${duration(from, to)}` : "";
  const waiting = status === "queued" ? "waiting for a worker" : "starting";
  return h("div", { class: "progress" },
    h("progress", { max: trials.budget, value: trials.spent, "aria-label": "Trials that have ended" }),
    h("span", {}, `${trials.spent} of ${trials.budget} trials${time}`, words && h("span", { class: "hint" }, ` – ${words}`),
      !words && !ENDED.has(status) && h("span", { class: "hint" }, ` – ${waiting}`)));
}

function figures({ figures: box, front, search }) {
  const { baseline } = front;
  const eligible = front.points.filter((point) => point.eligible).length;
  const figure = (title, value, note) => h("div", { class: "figure" }, h("dt", {}, title), h("dd", {}, value), note && h("dd", { class: "hint" }, note));
  const seeds = baseline.seeds === 1 ? "one paired seed" : `${baseline.seeds} seeds`;
  fill(box, h("dl", {},
    figure("On the front", count(front.points.length), front.points.length ? `${eligible} pass the gate` : null),
    figure("Best PSNR, dB", db(front.points.length ? Math.max(...front.points.map((point) => point.psnr_db)) : null), front.points.length ? "of the front" : null),
    figure("Gate, dB", db(front.gate_psnr_db), front.gate_psnr_db == null ? "not trained yet" : `${baseline.name} less its margin, ${seeds}`),
    figure("Baseline, ms", ms(baseline.latency_ms), baseline.latency_ms == null ? "not measured yet" : baseline.name),
    figure("Hypervolume", fixed(4)(front.hypervolume), front.objectives.join(", ")),
    figure("Device", front.device?.name ?? search.request.device, front.protocol)));
}

async function chart(view) {
  const { chart: box, front, legend } = view;
  const trials = [...view.trials.values()];
  const anything = front.points.length || front.baseline.latency_ms != null || trials.some((trial) => trial.metrics.psnr_db != null);
  box.hidden = !anything;
  if (!anything) {
    fill(legend, h("p", { class: "empty" }, ENDED.has(view.search.status) ? "This search ended before anything was measured." : "Points appear here as soon as something is measured."));
    return;
  }
  fill(legend, key(front));
  box.setAttribute("aria-label", `Scatter of PSNR against latency: ${front.points.length} networks on the front; the table below lists them.`);
  const onpick = (hash) => showArchitecture(view, front.points.find((point) => point.hash === hash));
  await draw(box, { trials, front, onpick });
}

function key({ baseline }) {
  const entry = (kind, words) => h("span", {}, h("i", { class: `mark ${kind}`, "aria-hidden": "true" }), words);
  return h("p", { class: "hint key" },
    entry("passing", "on the front, passes the gate"), entry("point", "on the front"), entry("candidate", "candidate"), entry("early", "stopped early"),
    baseline.name && entry("baseline", `${baseline.name}, the baseline`), baseline.name && entry("system", "latency of a published system here; point at its foot for its name"));
}
