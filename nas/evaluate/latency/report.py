"""From the samples of windows to the numbers of a measurement."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from nas.evaluate.latency import statistics
from nas.evaluate.latency.measurement import Bounds, Measurement
from nas.evaluate.latency.readings import Unavailable, number, why_not
from nas.evaluate.latency.statistics import Estimate
from nas.evaluate.latency.window import Rows, Window, calmest

LAUNCH_BOUND = 1.1
"""Eager time over graph time above which the host sets the time."""


def with_window(facts: Measurement, windows: Sequence[Window]) -> Measurement:
    """The measurement with the numbers of its windows; all void, the calmest one counts and the result is unstable."""
    best = calmest(windows)
    before, after = best.halves_ms
    doubt = _doubt(best, len(windows))
    return replace(
        facts,
        status="unstable" if doubt else "ok",
        reason=doubt,
        latency_ms=best.latency.value,
        interval_ms=bounds(best.latency),
        confidence=best.latency.interval.confidence,
        p90_ms=best.mean_of([statistics.percentile(row, 0.9) for row in best.candidate_ms]),
        ratio=best.ratio.value,
        ratio_interval=bounds(best.ratio),
        baseline_ms=best.baseline_of(slice(None)),
        baseline_before_ms=before,
        baseline_after_ms=after,
        drift=best.drift,
        drift_limit=best.drift_limit,
        voided=sum(window.void for window in windows),
        rounds=best.rounds,
        stopped=best.stopped,
        drops=tuple(reason for window in windows for reason in window.drops),
        host_ms=statistics.weighted_median(best.host_ms, best.weights).value,
        samples_ms={"candidate": frozen(best.candidate_ms), "baseline": frozen(best.baseline_ms)},
    )


def with_extras(
    measured: Measurement,
    *,
    peak_bytes: int,
    energy_mj: float | Unavailable,
    graph_ms: float | Unavailable,
) -> Measurement:
    """The measurement with memory, energy and what a CUDA graph says about the host; or why they are missing."""
    replay = number(graph_ms)
    readings = {"energy_mj": energy_mj, "graph_ms": graph_ms, "launch_bound": graph_ms}
    return replace(
        measured,
        memory_mb=peak_bytes / 1e6,
        energy_mj=number(energy_mj),
        graph_ms=replay,
        launch_bound=None if replay is None else _eager_ms(measured) > LAUNCH_BOUND * replay,
        unavailable={name: why_not(reading) for name, reading in readings.items() if why_not(reading)},
    )


def _eager_ms(measured: Measurement) -> float:
    """Median of the candidate at the largest shape, the one that is replayed."""
    row = max(range(len(measured.shapes)), key=lambda index: measured.shapes[index].pixels)
    return median(measured.samples_ms["candidate"][row])


def bounds(estimate: Estimate) -> Bounds:
    """Low and high of an estimate."""
    return estimate.interval.low, estimate.interval.high


def frozen(rows: Rows) -> tuple[tuple[float, ...], ...]:
    """Rows that cannot change."""
    return tuple(tuple(row) for row in rows)


def _doubt(window: Window, windows: int) -> str:
    """Why the numbers of a window cannot be relied on, or empty."""
    if window.short:
        return (
            f"Only {window.rounds} rounds fitted into the time, so the intervals hold the truth with a chance of "
            f"{window.latency.interval.confidence:.0%}; measure again when the machine is quieter."
        )
    if not window.void:
        return ""
    return (
        f"The baseline drifted in each of {windows} windows, in the calmest by {window.drift:+.1%} "
        f"where {window.drift_limit:.1%} are allowed; measure again when the machine is quieter."
    )
