// The scatter of PSNR against latency: what was tried, the front, the gate, and the published systems' latencies.

import { db, ms, shortHash } from "/page/dom.js";

const CONFIG = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
const LABEL_GAP_PX = 15;
const FEW = 8;

const escape = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

const AXIS = "Latency, ms (paired ratio × baseline)";

// Windows of a busy machine are not comparable with those of a quiet one: a network stands at its ratio to the baseline
// in the same window times the baseline's latency in this search. What the clock said is told beside it.
const stand = (one, own) => ({ ...one, at: one.latency_paired_ms ?? (one.latency_ratio == null || own == null ? one.latency_ms : one.latency_ratio * own) });
const told = (one) => (one.latency_ms == null ? "" : `<br>measured in its own window: ${ms(one.latency_ms)} ms`);

/** Draw into `box`; `onpick` is called with the hash of a point of the front that was clicked. */
export async function draw(box, { trials, front: found, onpick }) {
  const colour = palette(box), own = found.baseline.latency_ms;
  const put = (one) => stand(one, own);
  const front = { ...found, points: found.points.map(put), systems: found.systems.map(put), baseline: put(found.baseline) };
  const tried = trials.filter((trial) => placed(trial) && !front.points.some((point) => point.hash === trial.hash))
    .map((trial) => ({ ...trial, metrics: put(trial.metrics) }));
  const shape = layout(box, { tried, front, colour });
  const seen = within(front, shape.xaxis.range);
  shape.shapes.push(...seen.map((system) => upright(system, seen.length > FEW, colour)));
  shape.annotations.push(...labels(box, seen, shape.xaxis.range, colour));
  const traces = [candidates(tried, colour), line(front.points, colour), winners(front.points, colour), feet(seen, shape.yaxis.range[0], colour)];
  if (placed({ metrics: front.baseline })) traces.push(baseline(front.baseline, colour));
  await globalThis.Plotly.react(box, traces, shape, CONFIG);
  box.removeAllListeners("plotly_click");
  box.on("plotly_click", ({ points }) => points[0].customdata && onpick(points[0].customdata));
}

const placed = ({ metrics }) => metrics?.psnr_db != null && metrics?.latency_ms != null;

function palette(box) {
  const read = (name) => {
    box.style.color = `var(--${name})`;
    const { color } = getComputedStyle(box);
    box.style.color = "";
    return color;
  };
  return Object.fromEntries(["ink", "soft", "faint", "line", "accent", "warm", "raised"].map((name) => [name, read(name)]));
}

function candidates(trials, colour) {
  const complete = (trial) => trial.state === "complete";
  return {
    mode: "markers", type: "scatter",
    x: trials.map((trial) => trial.metrics.at), y: trials.map((trial) => trial.metrics.psnr_db),
    marker: { size: 8, color: colour.faint, symbol: trials.map((trial) => (complete(trial) ? "circle" : "circle-open")) },
    text: trials.map((trial) => `trial ${trial.number}, ${escape(trial.state)}<br>${db(trial.metrics.psnr_db)} dB, ${ms(trial.metrics.at)} ms${told(trial.metrics)}`),
    hovertemplate: "%{text}<extra></extra>",
  };
}

// Points may be non-dominated by score and yet not by latency: the line joins those that are best here.
function line(points, colour) {
  let best = -Infinity;
  const sorted = [...points].sort((a, b) => a.at - b.at || b.psnr_db - a.psnr_db);
  const steps = sorted.filter((point) => point.psnr_db > best && ((best = point.psnr_db), true));
  return {
    mode: "lines", type: "scatter", hoverinfo: "skip",
    x: steps.map((point) => point.at), y: steps.map((point) => point.psnr_db),
    line: { color: colour.accent, width: 2, shape: "hv" },
  };
}

function winners(points, colour) {
  return {
    mode: "markers", type: "scatter", customdata: points.map((point) => point.hash),
    x: points.map((point) => point.at), y: points.map((point) => point.psnr_db),
    error_x: { type: "data", symmetric: false, thickness: 1, width: 3, color: colour.accent, ...spread(points) },
    marker: { size: 11, color: points.map((point) => (point.eligible ? colour.accent : colour.raised)), line: { color: colour.accent, width: 2 } },
    text: points.map((point) => `${escape(shortHash(point.hash))}<br>${db(point.psnr_db)} dB, ${ms(point.at)} ms${told(point)}`),
    hovertemplate: "%{text}<extra>front</extra>",
  };
}

const spread = (points) => ({
  array: points.map((point) => (point.latency_paired_interval ? point.latency_paired_interval[1] - point.at : 0)),
  arrayminus: points.map((point) => (point.latency_paired_interval ? point.at - point.latency_paired_interval[0] : 0)),
});

function baseline(point, colour) {
  return {
    mode: "markers", type: "scatter", x: [point.at], y: [point.psnr_db],
    marker: { size: 13, symbol: "diamond", color: colour.warm },
    hovertemplate: `${escape(point.name)}, same recipe<br>%{y:.2f} dB, %{x:.3f} ms<extra>baseline</extra>`,
  };
}

// What can be pointed at of a published system: its latency here, at the foot of its line.
function feet(systems, foot, colour) {
  return {
    mode: "markers", type: "scatter", cliponaxis: false, x: systems.map((system) => system.at), y: systems.map(() => foot),
    marker: { size: 9, symbol: "line-ns-open", line: { width: 1.5 }, color: systems.map((system) => lineColour(system, colour)) },
    text: systems.map((system) => `${escape(system.name)}, ${ms(system.at)} ms${told(system)}`),
    hovertemplate: "%{text}<extra>published</extra>",
  };
}

function layout(box, { tried, front, colour }) {
  const axis = { gridcolor: colour.line, zeroline: false, linecolor: colour.line, ticks: "outside", tickcolor: colour.line, fixedrange: box.clientWidth < 600 };
  const timed = [...tried.map((trial) => trial.metrics), ...front.points, ...(front.baseline.at ? [front.baseline] : [])];
  return {
    autosize: true, paper_bgcolor: "transparent", plot_bgcolor: "transparent", hovermode: "closest", dragmode: "pan",
    font: { family: getComputedStyle(box).fontFamily, size: 12, color: colour.soft },
    margin: { l: 66, r: 34, t: 72, b: 50 },
    showlegend: false,
    hoverlabel: { bgcolor: colour.raised, bordercolor: colour.line, font: { color: colour.ink } },
    xaxis: { ...axis, title: { text: AXIS, standoff: 10 }, range: around(timed.map((one) => one.at), 0.08) },
    yaxis: { ...axis, title: { text: "PSNR, dB", standoff: 14 }, range: heights(tried, front), tickformat: ".2f" },
    shapes: gate(front, colour),
    annotations: gateLabel(front, colour),
  };
}

/** The baseline and the published systems that stand on the chart, by latency. */
export function within({ baseline: own, systems }, [low, high]) {
  const measured = own.at == null ? systems : [own, ...systems];
  return measured.filter(({ at }) => low <= at && at <= high).sort((a, b) => a.at - b.at);
}

function around(values, margin) {
  const low = Math.min(...values), high = Math.max(...values);
  const room = (high - low || Math.abs(high) || 1) * margin;
  return values.length ? [low - room, high + room] : [0, 1];
}

// A candidate that diverged must not squash the rest into a line.
function heights(tried, front) {
  const wanted = [...front.points.map((point) => point.psnr_db), front.gate_psnr_db, front.baseline.psnr_db].filter((value) => value != null);
  const seen = tried.map((trial) => trial.metrics.psnr_db);
  if (!wanted.length) return around(seen, 0.1);
  const top = Math.max(...wanted), reach = 1.5 * Math.max(top - Math.min(...wanted), 0.3);
  return around([...wanted, ...seen.filter((value) => value >= Math.min(...wanted) - reach)], 0.1);
}

const lineColour = (system, colour) => (system.psnr_db == null ? colour.faint : colour.warm);

const upright = (system, many, colour) => ({
  type: "line", layer: "below", xref: "x", yref: "paper", x0: system.at, x1: system.at, y0: 0, y1: 1,
  opacity: many && system.psnr_db == null ? 0.4 : 1, line: { color: lineColour(system, colour), width: 1, dash: "dot" },
});

const gate = ({ gate_psnr_db: height }, colour) =>
  height == null ? [] : [{ type: "line", xref: "paper", yref: "y", x0: 0, x1: 1, y0: height, y1: height, line: { color: colour.warm, width: 1.5, dash: "dash" } }];

const gateLabel = ({ gate_psnr_db: height }, colour) =>
  height == null ? [] : [{ text: `gate ${db(height)} dB`, xref: "paper", yref: "y", x: 0, y: height, xanchor: "left", yanchor: "bottom", showarrow: false, font: { color: colour.warm } }];

// Slanted labels above the plot. Where systems are as fast as each other there is room for the first and the baseline only;
// the others have their names at the foot of their lines.
function labels(box, systems, [low, high], colour) {
  const scale = Math.max(box.clientWidth - 100, 1) / (high - low);
  const at = (system) => (system.at - low) * scale;
  const kept = systems.filter((system) => system.psnr_db != null);
  for (const system of systems) {
    if (kept.every((other) => Math.abs(at(system) - at(other)) >= LABEL_GAP_PX)) kept.push(system);
  }
  return kept.map((system) => ({
    text: escape(system.name), textangle: -50, x: system.at, y: 1, xref: "x", yref: "paper", xanchor: "left", yanchor: "bottom", showarrow: false,
    font: { size: 11, color: system.psnr_db == null ? colour.soft : colour.warm },
  }));
}
