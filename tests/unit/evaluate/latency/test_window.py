from collections.abc import Callable
from itertools import count

import pytest
import torch
from torch import Tensor, nn

from nas.evaluate.latency import window as windows
from nas.evaluate.latency.conditions import Conditions, Snapshot
from nas.evaluate.latency.statistics import StopRule
from nas.evaluate.latency.timers import Sample
from nas.evaluate.latency.window import Rivals, Window, calmest, none_valid, run_window, windows_until_calm

CANDIDATE, BASELINE = nn.Identity(), nn.ReLU()
RULE = StopRule(least_rounds=6, cap_s=60.0, most_rounds=40)


class Script:
    """A timer whose clock follows a formula of the number of samples so far; the baseline takes twice as long."""

    def __init__(self, ms: Callable[[int], float]) -> None:
        self._ms = ms
        self._samples = count()
        self.order: list[nn.Module] = []

    def time(self, network: nn.Module, image: Tensor) -> Sample:
        self.order.append(network)
        ms = self._ms(next(self._samples)) * image.numel() * (2.0 if network is BASELINE else 1.0)
        return Sample(ms, ms / 2.0)

    def peak_bytes(self, network: nn.Module, image: Tensor) -> int:
        return image.numel()


def rivals() -> Rivals:
    return Rivals(CANDIDATE, BASELINE, [torch.zeros(1), torch.zeros(4)], [3.0, 1.0])


def run(ms: Callable[[int], float], rule: StopRule = RULE) -> Window:
    return run_window(Script(ms), rivals(), rule, Conditions(Snapshot))


def test_a_steady_device_needs_the_least_rounds() -> None:
    window = run(lambda _: 1.0)
    assert (window.rounds, window.stopped, window.void) == (6, "precise", False)
    assert window.latency.value == pytest.approx((3 * 1.0 + 1 * 4.0) / 4)
    assert window.ratio.value == pytest.approx(0.5)
    assert window.host_ms[1] == [2.0] * 6


def test_rounds_begin_with_each_network_in_turn() -> None:
    timer = Script(lambda _: 1.0)
    run_window(timer, rivals(), RULE, Conditions(Snapshot))
    assert timer.order[:8] == [CANDIDATE, BASELINE, CANDIDATE, BASELINE, BASELINE, CANDIDATE, BASELINE, CANDIDATE]


def test_a_drift_voids_the_window_but_not_the_ratio() -> None:
    window = run(lambda sample: 1.0 + 0.002 * sample)
    assert window.void
    assert window.drift > window.drift_limit >= 0.01
    assert window.ratio.value == pytest.approx(0.5, rel=0.005)


def test_a_disturbance_does_not_excuse_its_own_drift() -> None:
    noisy = [[1.0, 1.7] * 10 + [0.8, 1.45] * 10]
    window = Window([1.0], noisy, noisy, noisy)
    assert 3 * window.noise > -window.drift > 0.14
    assert window.drift_limit == 0.1
    assert window.void


def test_noise_ends_at_the_cap_with_the_interval_it_reached() -> None:
    window = run(lambda sample: 1.0 + 0.3 * (sample * 7919 % 13) / 13, StopRule(cap_s=0.0))
    assert (window.rounds, window.stopped) == (2, "time")
    assert window.latency.interval.confidence == 0.5
    assert window.latency.relative_width > 0.005


def test_noise_ends_after_the_most_rounds() -> None:
    window = run(lambda sample: 1.0 + 0.3 * (sample * 7919 % 13) / 13)
    assert (window.rounds, window.stopped) == (40, "rounds")


def test_a_bad_round_is_dropped_and_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "_LONGEST_BACKOFF_S", 0.02)
    snapshots = iter([Snapshot(), Snapshot(event_reasons=("hw_slowdown",))])
    conditions = Conditions(lambda: next(snapshots, Snapshot()))
    window = run_window(Script(lambda sample: 9.0 if sample < 4 else 1.0), rivals(), RULE, conditions)
    assert window.drops == ["hw_slowdown"]
    assert window.rounds == 6
    assert max(window.candidate_ms[0]) == 1.0


def test_conditions_that_stay_bad_end_at_the_cap() -> None:
    conditions = Conditions(lambda: Snapshot(event_reasons=("hw_slowdown",)))
    window = run_window(Script(lambda _: 1.0), rivals(), StopRule(cap_s=0.0), conditions)
    assert (window.rounds, window.stopped, window.drops) == (0, "time", ["hw_slowdown"])


class Neighbour:
    """Snapshots in which a foreign process is there from one reading to another."""

    def __init__(self, first: int, last: int) -> None:
        self._readings, self._there = count(), range(first, last + 1)

    def __call__(self) -> Snapshot:
        return Snapshot(processes=2 if next(self._readings) in self._there else 1)


def series(neighbour: Neighbour, monkeypatch: pytest.MonkeyPatch) -> list[Window]:
    monkeypatch.setattr(windows, "_LONGEST_BACKOFF_S", 0.0)
    monkeypatch.setattr(windows.time, "sleep", lambda _: None)  # type: ignore[attr-defined]
    clock = count(0.0, 0.1)
    monkeypatch.setattr(windows.time, "monotonic", lambda: next(clock))  # type: ignore[attr-defined]
    return windows_until_calm(Script(lambda _: 1.0), rivals(), StopRule(cap_s=2.0), Conditions(neighbour))


def test_a_neighbour_that_goes_again_costs_a_window_and_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    found = series(Neighbour(5, 47), monkeypatch)
    assert [bool(window.invalid) for window in found] == [True, False]
    assert none_valid(found) == ""
    assert calmest(found) is found[1]
    assert (found[1].rounds, found[1].stopped) == (6, "precise")


def test_a_neighbour_that_stays_ends_every_window_and_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    found = series(Neighbour(5, 10_000), monkeypatch)
    assert [window.stopped for window in found] == ["time"] * 3
    assert [window.rounds for window in found] == [2, 0, 0]
    assert none_valid(found) == found[2].invalid
    assert found[2].invalid.endswith("foreign process: 2 processes on the device, 1 at the window's start")


def test_rows_seen_in_another_order_come_back_in_the_order_of_the_shapes() -> None:
    rows = [[2.0], [0.0], [1.0]]
    window = Window([20.0, 0.0, 10.0], rows, rows, rows).reordered([2, 0, 1])
    assert window.candidate_ms == window.baseline_ms == window.host_ms == [[0.0], [1.0], [2.0]]
    assert window.weights == [0.0, 10.0, 20.0]
