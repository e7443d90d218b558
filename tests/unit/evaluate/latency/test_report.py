from collections.abc import Sequence

import pytest

from nas.evaluate.latency import Measurement
from nas.evaluate.latency.plan import Plan
from nas.evaluate.latency.report import with_processes, with_walks
from nas.evaluate.latency.statistics import drift
from nas.evaluate.latency.window import Window
from tests.unit.evaluate.latency import traces

SLOW_FIRST = 6.0
"""What the first image of a process takes, as a multiple of the others."""


def runs(trace: Sequence[float], images: int = 8) -> list[list[float]]:
    """Five runs, each with a slow first image."""
    return [[SLOW_FIRST * trace[run * images], *trace[run * images : (run + 1) * images]] for run in range(5)]


def walked(candidate: list[list[float]], baseline: list[list[float]]) -> Measurement:
    facts = Plan("cpu", sizes=[(8, 8)], settings=None, threads=1).facts("challenge/2", load=None)
    return with_walks(facts, candidate, baseline)


def test_quiet_walks_are_sound_though_every_first_image_is_slow() -> None:
    found = walked(runs(traces.OUTLIERS), runs(traces.QUIET))
    assert (found.status, found.reason) == ("ok", "")
    assert found.latency_ms is not None
    assert found.without_first_ms is not None
    assert found.latency_ms > 1.5 * found.without_first_ms
    assert abs(found.drift or 1) < (found.drift_limit or 0)


def test_a_slow_first_run_is_no_drift() -> None:
    found = walked(runs(traces.TEN_RUNS[5:], 1), runs(traces.TEN_RUNS[:5], 1))
    assert found.status == "ok"
    assert found.baseline_before_ms == pytest.approx((22.18 + 22.05) / 2)
    assert found.baseline_after_ms == pytest.approx((22.31 + 22.4) / 2)


def test_walks_whose_baseline_drifts_are_unstable_and_keep_their_numbers() -> None:
    found = walked(runs([0.8 * ms for ms in traces.DRIFT]), runs(traces.DRIFT))
    assert found.status == "unstable"
    assert found.reason.startswith("The baseline drifted by +")
    assert found.ratio is not None
    assert found.verdict() == "cannot tell"


def test_one_disturbed_run_of_the_baseline_is_a_drift_and_no_noise() -> None:
    times = [4.10, 4.09, 4.11, 4.10, 4.92]
    found = walked([[ms] * 3 for ms in (4.11, 4.10, 4.09, 4.11, 4.10)], [[ms] * 3 for ms in times])
    assert found.status == "unstable"
    assert found.drift_limit == pytest.approx(0.01)


def test_runs_that_differ_for_no_reason_may_drift_as_far() -> None:
    found = walked([[ms] * 3 for ms in (4.3, 4.0, 4.2, 4.1, 3.9)], [[ms] * 3 for ms in (4.0, 3.9, 4.1, 4.2, 4.15)])
    assert 0.01 < (found.drift or 0) < (found.drift_limit or 0)
    assert found.status == "ok"


def test_runs_that_differ_wildly_may_not_drift_by_more_than_a_tenth() -> None:
    found = walked([[ms] * 3 for ms in (4.0, 6.0, 3.0, 6.5, 3.0)], [[ms] * 3 for ms in (4.0, 3.9, 4.1, 4.6, 4.6)])
    assert 3 * (found.noise or 0) > (found.drift or 0) > 0.1
    assert found.status == "unstable"


def test_two_runs_cannot_drift() -> None:
    assert walked([[2.0], [1.0]], [[2.0], [1.0]]).drift == 0.0


def process(ratio: float, rounds: int, *, later: float = 1.0) -> list[Window]:
    """The only window of a process whose baseline takes 4 ms, times ``later`` in the second half."""
    baseline = [4.0] * (rounds // 2) + [4.0 * later] * (rounds - rounds // 2)
    candidate = [ratio * ms for ms in baseline]
    return [Window([1.0], [candidate], [baseline], [candidate], stopped="precise")]


def strictly(*processes: list[Window]) -> Measurement:
    return with_processes(Plan("cpu", sizes=[(8, 8)], settings=None, threads=1).facts("strict/3", load=None), processes)


def test_every_process_counts_the_same_however_many_rounds_it_needed() -> None:
    found = strictly(process(0.600, 6), process(0.600, 6), process(0.659, 400))
    assert found.ratio == pytest.approx((0.600 * 0.600 * 0.659) ** (1 / 3))
    assert found.latency_ms == pytest.approx(4.0 * (0.600 * 0.600 * 0.659) ** (1 / 3))
    assert found.baseline_ms == pytest.approx(4.0)
    assert found.ratio_interval is not None
    low, high = found.ratio_interval
    assert low * high == pytest.approx((found.ratio or 0) ** 2)
    assert (found.rounds, len(found.samples_ms["candidate"][0])) == (412, 412)


def test_what_is_told_of_the_drift_is_of_one_process_and_decides_the_status() -> None:
    found = strictly(process(0.6, 40, later=0.95), process(0.6, 12, later=1.1), process(0.6, 100))
    assert found.status == "unstable"
    assert found.drift == pytest.approx(0.1)
    assert found.baseline_before_ms is not None
    assert found.baseline_after_ms is not None
    assert drift(found.baseline_before_ms, found.baseline_after_ms) == found.drift
    assert "+10.0% where 1.0% are allowed" in found.reason
    assert (found.drift_limit, found.noise) == (0.01, 0.0)
