"""Traces go the whole way: a timer replays them in a window, and the window becomes a measurement."""

from collections.abc import Sequence
from itertools import count

import pytest
import torch
from torch import Tensor, nn

from nas.evaluate.latency import Measurement, StopRule
from nas.evaluate.latency import window as windows
from nas.evaluate.latency.conditions import Conditions, Snapshot
from nas.evaluate.latency.plan import Plan
from nas.evaluate.latency.report import with_processes, with_walks, with_window
from nas.evaluate.latency.timers import Sample
from nas.evaluate.latency.window import Rivals, Window, none_valid, run_window
from tests.unit.evaluate.latency import traces

CANDIDATE, BASELINE = nn.Identity(), nn.ReLU()
RATIO = 0.9
"""The candidate's time over the baseline's at every moment of a trace."""


class Replay:
    """A timer that replays a trace: one value a round, the candidate's in proportion."""

    def __init__(self, trace: Sequence[float]) -> None:
        self._trace = trace
        self._samples = count()

    def time(self, network: nn.Module, image: Tensor) -> Sample:
        sample = next(self._samples)
        ms = self._trace[sample // 2] * (RATIO if network is CANDIDATE else 1.0)
        return Sample(ms, ms)

    def peak_bytes(self, network: nn.Module, image: Tensor) -> int:
        raise AssertionError


@pytest.fixture(autouse=True)
def _fast_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody sleeps, and a trace's end ends its window rather than the clock."""
    monkeypatch.setattr(windows.time, "sleep", lambda _: None)  # type: ignore[attr-defined]
    monkeypatch.setattr(windows.time, "monotonic", lambda: 0.0)  # type: ignore[attr-defined]


def replayed(trace: Sequence[float], *, rounds: int | None = None, conditions: Conditions | None = None) -> Window:
    rule = StopRule(relative_width=0.0, most_rounds=rounds or len(trace))
    rivals = Rivals(CANDIDATE, BASELINE, [torch.zeros(1)], [1.0])
    return run_window(Replay(trace), rivals, rule, conditions or Conditions(Snapshot))


def facts() -> Measurement:
    return Plan("cpu", sizes=[(8, 8)], settings=None, threads=1).facts("trace/1", load=None)


TRACES = pytest.mark.parametrize(
    ("trace", "baseline_ms", "status"),
    [
        (traces.QUIET, 4.0945, "ok"),
        (traces.OUTLIERS, 3.946, "ok"),
        (traces.DRIFT, 7.89, "unstable"),
        (traces.BIMODAL, 6.205, "ok"),
        (traces.TEN_RUNS, 22.19, "ok"),
        (traces.COLD_START, 12.16, "unstable"),
    ],
    ids=["quiet", "outliers", "drift", "bimodal", "ten runs", "cold start"],
)


@TRACES
def test_screen(trace: list[float], baseline_ms: float, status: str) -> None:
    window = replayed(trace)
    found = with_window(facts(), [window])
    assert (found.status, found.rounds, found.drops, found.stopped) == (status, len(trace), (), "rounds")
    assert found.baseline_ms == pytest.approx(baseline_ms)
    assert found.latency_ms == pytest.approx(RATIO * baseline_ms)
    assert found.ratio == pytest.approx(RATIO)
    assert found.verdict() == ("faster" if status == "ok" else "cannot tell")
    assert found.voided == (status == "unstable")


@TRACES
def test_strict(trace: list[float], baseline_ms: float, status: str) -> None:
    quiet = replayed(traces.QUIET)
    found = with_processes(facts(), [[quiet], [replayed(trace)], [quiet]])
    assert (found.status, found.rounds, found.drops) == (status, 80 + len(trace), ())
    assert found.baseline_ms == pytest.approx((4.0945**2 * baseline_ms) ** (1 / 3))
    assert found.ratio == pytest.approx(RATIO)
    assert found.runs_ms == pytest.approx((RATIO * 4.0945, RATIO * baseline_ms, RATIO * 4.0945))
    assert found.verdict() == ("faster" if status == "ok" else "cannot tell")


@TRACES
def test_a_calm_window_after_a_disturbed_one_counts(trace: list[float], baseline_ms: float, status: str) -> None:
    found = with_window(facts(), [replayed(trace), replayed(traces.QUIET)])
    assert (found.status, found.verdict()) == ("ok", "faster")
    assert found.voided == (status == "unstable")
    if found.voided:
        assert found.baseline_ms == pytest.approx(4.0945)
        assert baseline_ms > 4.1  # it was not the disturbed one


def throttled(rounds: int) -> Window:
    """The throttled trace with its clocks; a round is dropped after the clock's fall is seen."""
    values, clocks = zip(*traces.THROTTLED, strict=True)
    after = iter(clocks)
    readings = count()

    def snapshot() -> Snapshot:
        return Snapshot(clock_mhz=float(next(after)) if next(readings) % 2 else None)

    return replayed(values, rounds=rounds, conditions=Conditions(snapshot))


def test_throttled_rounds_are_dropped_by_their_clock_and_three_of_fifteen_are_too_many() -> None:
    window = throttled(12)
    assert (window.rounds, len(window.drops)) == (12, 3)
    assert window.drops[0].startswith("clock 1470 MHz under 97% of the session's 1755 MHz")
    assert max(window.baseline_ms[0]) < 4.2
    assert none_valid([window]).startswith("3 of 15 passes were dropped, the last one because of: clock 1470 MHz")


def test_a_calm_window_after_a_throttled_one_counts_and_tells_of_the_drops() -> None:
    series = [throttled(12), replayed(traces.QUIET)]
    quiet = replayed(traces.QUIET)
    for found in (with_window(facts(), series), with_processes(facts(), [[quiet], series, [quiet]])):
        assert (found.status, len(found.drops), found.verdict()) == ("ok", 3, "faster")
        assert found.baseline_ms == pytest.approx(4.0945)
        assert found.ratio == pytest.approx(RATIO)


@pytest.mark.parametrize(
    ("trace", "status"),
    [(traces.QUIET, "ok"), (traces.OUTLIERS, "ok"), (traces.DRIFT, "unstable"), (traces.TEN_RUNS, "ok")],
    ids=["quiet", "outliers", "drift", "ten runs"],
)
def test_challenge(trace: list[float], status: str) -> None:
    each = len(trace) // 5
    baseline = [trace[run * each : (run + 1) * each] for run in range(5)]
    found = with_walks(facts(), [[RATIO * ms for ms in run] for run in baseline], baseline)
    assert (found.status, found.drops, found.rounds) == (status, (), 5)
    assert found.baseline_ms == pytest.approx(sum(trace) / len(trace))
    assert found.ratio == pytest.approx(RATIO)
    assert found.confidence == pytest.approx(0.9375)
    assert found.verdict() == ("faster" if status == "ok" else "cannot tell")
