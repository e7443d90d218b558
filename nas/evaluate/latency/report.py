"""From the samples of windows to the numbers of a measurement."""

import math
from collections.abc import Sequence
from dataclasses import fields, replace
from statistics import fmean, geometric_mean, median

from nas.evaluate.latency import statistics
from nas.evaluate.latency.job import Answer
from nas.evaluate.latency.measurement import Bounds, Measurement
from nas.evaluate.latency.readings import number, unavailable, why_not
from nas.evaluate.latency.statistics import Estimate
from nas.evaluate.latency.window import Rows, Window, calmest

_NOT_MEASURED = unavailable("unsupported: the protocol does not measure it")

_DRIFTED = (
    "The baseline drifted by {drift:+.1%} from the earlier runs to the later ones where {limit:.1%} are allowed; "
    "measure again when the machine is quieter."
)

LAUNCH_BOUND = 1.1
"""Eager time over graph time above which the host sets the time."""


def with_window(facts: Measurement, windows: Sequence[Window]) -> Measurement:
    """The measurement with the numbers of its windows; all void, the calmest one counts and the result is unstable."""
    best = calmest(windows)
    before, after = best.halves_ms
    doubt = _doubt(windows)
    return replace(
        facts,
        status="unstable" if doubt else "ok",
        reason=doubt,
        latency_ms=best.latency.value,
        interval_ms=bounds(best.latency),
        confidence=best.latency.interval.confidence,
        p90_ms=best.p90_ms,
        ratio=best.ratio.value,
        ratio_interval=bounds(best.ratio),
        baseline_ms=best.baseline_of(slice(None)),
        baseline_before_ms=before,
        baseline_after_ms=after,
        drift=best.drift,
        drift_limit=best.drift_limit,
        noise=best.noise,
        voided=sum(window.void for window in windows),
        rounds=best.rounds,
        stopped=best.stopped,
        drops=drops(windows),
        host_ms=best.enqueued_ms,
        samples_ms={"candidate": frozen(best.candidate_ms), "baseline": frozen(best.baseline_ms)},
    )


def with_answer(measured: Measurement, answer: Answer, *, last: Answer | None = None) -> Measurement:
    """The measurement with what else a job answered: memory, energy, clocks, and what a graph says about the host.

    Args:
        measured: The measurement so far.
        answer: Of the only or the first process.
        last: Of the last process, which knows the clock at the end.
    """
    readings = {name: answer.get(name, _NOT_MEASURED) for name in ("energy_mj", "graph_ms", "huge_pages_mb")}
    replay = number(readings["graph_ms"])
    missing = readings | {"launch_bound": readings["graph_ms"]}
    return replace(
        measured,
        memory_mb=answer["peak_bytes"] / 1e6,
        energy_mj=number(readings["energy_mj"]),
        graph_ms=replay,
        launch_bound=None if replay is None else _launch_bound(measured, replay),
        probe_before_mhz=answer["probe_mhz"][0],
        probe_after_mhz=(last or answer)["probe_mhz"][1],
        cpu_share=answer.get("cpu_share"),
        huge_pages_mb=number(readings["huge_pages_mb"]),
        unavailable={name: why_not(reading) for name, reading in missing.items() if why_not(reading)},
    )


def with_reasons(measured: Measurement, **known: str) -> Measurement:
    """The measurement with a reason for every number that it lacks.

    Args:
        measured: The finished measurement.
        known: Reasons of single fields, empty where there is none.
    """
    usual = why_not(_NOT_MEASURED) if measured.status != "failed" else "error: the measurement failed"
    reasons = {"rule": "unsupported: the protocol has a fixed end"}
    if measured.device.kind != "cpu":
        reasons |= dict.fromkeys(("cpu_share", "huge_pages_mb"), "unsupported: not a CPU")
    reasons |= {name: reason for name, reason in known.items() if reason} | measured.unavailable
    missing = [part.name for part in fields(measured) if getattr(measured, part.name) is None]
    return replace(measured, unavailable={name: reasons.get(name, usual) for name in missing})


def _launch_bound(measured: Measurement, replay_ms: float) -> bool:
    return measured.latency_ms is not None and measured.latency_ms > LAUNCH_BOUND * replay_ms


def drops(windows: Sequence[Window]) -> tuple[str, ...]:
    """Why rounds of these windows were dropped, one reason for each."""
    return tuple(reason for window in windows for reason in window.drops)


def bounds(estimate: Estimate) -> Bounds:
    """Low and high of an estimate."""
    return estimate.interval.low, estimate.interval.high


def frozen(rows: Rows) -> tuple[tuple[float, ...], ...]:
    """Rows that cannot change."""
    return tuple(tuple(row) for row in rows)


def _doubt(windows: Sequence[Window]) -> str:
    """Why the numbers of the calmest of some windows cannot be relied on, or empty."""
    window, valid = calmest(windows), sum(not window.invalid for window in windows)
    if window.short:
        return (
            f"Only {window.rounds} rounds fitted into the time, so the intervals hold the truth with a chance of "
            f"{window.latency.interval.confidence:.0%}; measure again when the machine is "
            "quieter, or with smaller images."
        )
    if not window.void:
        return ""
    where = f"each of {valid} windows" if valid > 1 else "the only window that counts"
    return (
        f"The baseline drifted in {where}, in the calmest by {window.drift:+.1%} "
        f"where {window.drift_limit:.1%} are allowed; measure again when the machine is quieter."
    )


def _most_doubtful(processes: Sequence[Sequence[Window]]) -> Sequence[Window]:
    """The windows of the process that can be relied on least."""

    def doubt(series: Sequence[Window]) -> tuple[bool, bool, float]:
        window = calmest(series)
        return window.short, window.void, abs(window.drift)

    return max(processes, key=doubt)


def with_processes(facts: Measurement, processes: Sequence[Sequence[Window]]) -> Measurement:
    """The measurement of several fresh processes: each counts the same, and the intervals hold for any process.

    A value is the geometric mean of the processes' values, however many rounds each of them needed; its interval is
    about the same mean. The status, and the drift that decides it, are of the process that can be relied on least.

    Args:
        facts: The measurement so far.
        processes: The windows of each, at least one of them valid.
    """
    windows = [calmest(series) for series in processes]
    latencies, ratios = [window.latency for window in windows], [window.ratio for window in windows]
    runs_ratio = tuple(ratio.value for ratio in ratios)
    return replace(
        with_window(facts, _most_doubtful(processes)),
        latency_ms=geometric_mean(latency.value for latency in latencies),
        interval_ms=of_processes(latencies),
        confidence=min(latency.interval.confidence for latency in latencies),
        p90_ms=geometric_mean(window.p90_ms for window in windows),
        ratio=geometric_mean(runs_ratio),
        ratio_interval=of_processes(ratios),
        baseline_ms=geometric_mean(window.baseline_of(slice(None)) for window in windows),
        host_ms=geometric_mean(window.enqueued_ms for window in windows),
        voided=sum(window.void for series in processes for window in series),
        drops=tuple(reason for series in processes for reason in drops(series)),
        rounds=sum(window.rounds for window in windows),
        runs_ms=tuple(latency.value for latency in latencies),
        runs_ratio=runs_ratio,
        spread=_spread(runs_ratio),
        samples_ms={
            "candidate": frozen(pooled([window.candidate_ms for window in windows])),
            "baseline": frozen(pooled([window.baseline_ms for window in windows])),
        },
    )


def with_walks(facts: Measurement, candidate_ms: Rows, baseline_ms: Rows) -> Measurement:
    """The measurement of several walks over all images: the mean of the runs' means, as the challenge reports it.

    It is unstable when the baseline drifted; what a first image and a first run lose without a warm-up is no drift.

    Args:
        facts: The measurement so far.
        candidate_ms: One row for each run, one column for each image.
        baseline_ms: The same of the baseline.
    """
    runs_ms, others_ms = [fmean(run) for run in candidate_ms], [fmean(run) for run in baseline_ms]
    ratios = tuple(mine / other for mine, other in zip(runs_ms, others_ms, strict=True))
    of_runs, of_ratios = statistics.median_interval(runs_ms), statistics.median_interval(ratios)
    warm_ms, others_warm_ms = _without_first(candidate_ms), _without_first(baseline_ms)
    before_ms, after_ms = _halves(others_warm_ms)
    noise = _noise_of_runs(warm_ms, others_warm_ms)
    drift, limit = statistics.drift(before_ms, after_ms), statistics.drift_limit(noise)
    doubt = _DRIFTED.format(drift=drift, limit=limit) if abs(drift) > limit else ""
    return replace(
        facts,
        status="unstable" if doubt else "ok",
        reason=doubt,
        latency_ms=fmean(runs_ms),
        interval_ms=(of_runs.low, of_runs.high),
        confidence=of_runs.confidence,
        p90_ms=fmean(statistics.percentile(run, 0.9) for run in candidate_ms),
        ratio=fmean(runs_ms) / fmean(others_ms),
        ratio_interval=(of_ratios.low, of_ratios.high),
        baseline_ms=fmean(others_ms),
        baseline_before_ms=before_ms,
        baseline_after_ms=after_ms,
        drift=drift,
        drift_limit=limit,
        noise=noise,
        rounds=len(runs_ms),
        stopped="rounds",
        runs_ms=tuple(runs_ms),
        runs_ratio=ratios,
        spread=_spread(ratios),
        without_first_ms=fmean(warm_ms),
        samples_ms={"candidate": frozen(candidate_ms), "baseline": frozen(baseline_ms)},
    )


def _without_first(runs: Rows) -> list[float]:
    """Mean of each run over all images but the first."""
    return [fmean(run[1:] or run) for run in runs]


def _halves(runs_ms: Sequence[float]) -> tuple[float, float]:
    """Mean of the earlier and of the later runs, the first one left out; equal where there are fewer than three."""
    warm = runs_ms[1:] or runs_ms
    middle = len(warm) // 2
    return fmean(warm[:middle] or warm), fmean(warm[middle:])


def _noise_of_runs(candidate_ms: Sequence[float], baseline_ms: Sequence[float]) -> float:
    """A/A noise of runs: relative standard deviation of the difference between two halves that do not drift.

    From the ratios of runs side by side, since a drift hits both. Robust: less than half of them may be outliers.
    """
    logs = [math.log(mine / other) for mine, other in zip(candidate_ms, baseline_ms, strict=True)]
    middle = median(logs)
    of_one = 1.4826 * median(abs(log - middle) for log in logs) / math.sqrt(2.0)
    return of_one * math.sqrt(2.0 / max(1, (len(logs) - 1) // 2))


def pooled(processes: Sequence[Rows]) -> Rows:
    """The samples of several windows of one network at the same shapes, one after the other."""
    return [[ms for row in rows for ms in row] for rows in zip(*processes, strict=True)]


def of_processes(estimates: Sequence[Estimate]) -> Bounds:
    """Interval of the mean of several processes: it spans theirs, and at least Student's interval of their values."""
    values = [estimate.value for estimate in estimates]
    middle, factor = geometric_mean(values), statistics.factor_of_mean(values)
    low, high = min(e.interval.low for e in estimates), max(e.interval.high for e in estimates)
    return min(low, middle / factor), max(high, middle * factor)


def _spread(values: Sequence[float]) -> float:
    return (max(values) - min(values)) / median(values)
