import math
import random
from statistics import NormalDist, geometric_mean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.evaluate.latency import statistics
from nas.evaluate.latency.statistics import StopRule
from tests.unit.evaluate.latency import traces

TIMES = st.lists(st.floats(0.01, 1e4), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("count", "rank", "confidence"), [(6, 1, 0.969), (10, 2, 0.979), (20, 6, 0.959), (40, 14, 0.962)]
)
def test_interval_has_the_ranks_of_the_published_tables(count: int, rank: int, confidence: float) -> None:
    interval = statistics.median_interval(list(range(1, count + 1)))
    assert (interval.low, interval.high) == (rank, count + 1 - rank)
    assert interval.confidence == pytest.approx(confidence, abs=1e-3)


def test_too_few_samples_say_what_their_interval_is_worth() -> None:
    assert statistics.median_interval([3.0, 1.0, 2.0]).confidence == 0.75
    assert statistics.median_interval([3.0]).confidence == 0.0


@given(TIMES)
def test_interval_holds_the_median_and_never_widens_by_a_copy_of_all_samples(times: list[float]) -> None:
    once, twice = statistics.median_interval(times), statistics.median_interval(times * 2)
    assert median(times) in once
    if len(times) >= 6:
        assert once.low <= twice.low <= twice.high <= once.high


def test_large_samples_agree_with_the_normal_approximation() -> None:
    interval = statistics.median_interval(list(range(10_001)))
    expected = NormalDist().inv_cdf(0.975) * math.sqrt(10_001) / 2.0
    assert interval.high - 5000 == pytest.approx(expected, rel=0.02)


def test_interval_covers_the_true_value_as_often_as_it_says() -> None:
    rng = random.Random(3)
    hits = 0
    for _ in range(300):
        rows = [[shape * rng.lognormvariate(0.0, 0.05) for _ in range(12)] for shape in (1.0, 2.0, 3.0)]
        hits += 2.0 in statistics.weighted_median(rows, [1, 1, 1]).interval
    assert hits >= 0.93 * 300


def test_weights_count_images() -> None:
    estimate = statistics.weighted_median([[1.0] * 6, [4.0] * 6], [2, 1])
    assert estimate.value == pytest.approx(2.0)
    assert estimate.relative_width == pytest.approx(0.0)


def test_ratio_of_pairs_is_the_ratio_of_the_means() -> None:
    candidate, baseline = [[1.0] * 6, [9.0] * 6], [[2.0] * 6, [10.0] * 6]
    assert statistics.paired_ratio(candidate, baseline, [3, 1]).value == pytest.approx(12.0 / 16.0)


@pytest.mark.parametrize("trace", [traces.QUIET, traces.OUTLIERS, traces.DRIFT, traces.BIMODAL])
def test_ratio_of_pairs_does_not_see_what_hits_both(trace: list[float]) -> None:
    estimate = statistics.paired_ratio([[0.5 * ms for ms in trace]], [trace], [1])
    assert estimate.value == pytest.approx(0.5)
    assert estimate.relative_width == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("trace", "value", "width"),
    [
        (traces.QUIET, 4.0945, 0.01),
        (traces.OUTLIERS, 3.946, 0.02),
        (traces.DRIFT, 7.89, 4.0),
        (traces.BIMODAL, 6.205, 0.6),
    ],
    ids=["quiet", "outliers", "drift", "bimodal"],
)
def test_a_trace_gives_its_median_and_an_honest_width(trace: list[float], value: float, width: float) -> None:
    estimate = statistics.weighted_median([trace], [1])
    assert estimate.value == pytest.approx(value)
    assert width / 4 < estimate.relative_width < width


@pytest.mark.parametrize(
    ("trace", "drifts"),
    [(traces.QUIET, False), (traces.OUTLIERS, False), (traces.DRIFT, True), (traces.BIMODAL, False)],
    ids=["quiet", "outliers", "drift", "bimodal"],
)
def test_only_the_drifting_trace_drifts(trace: list[float], drifts: bool) -> None:
    change = statistics.drift(median(trace[:20]), median(trace[20:]))
    assert (abs(change) > statistics.drift_limit(statistics.noise_of_halves([trace]))) is drifts


def test_one_percent_of_drift_is_always_allowed() -> None:
    assert statistics.drift_limit(statistics.noise_of_halves([[1.0] * 40])) == 0.01
    assert statistics.drift_limit(0.02) == 0.06


def test_no_noise_excuses_a_drift_of_more_than_a_tenth() -> None:
    assert statistics.drift_limit(0.033) == pytest.approx(0.099)
    assert statistics.drift_limit(0.2) == 0.1


def test_noise_is_the_deviation_of_a_sample_and_no_drift() -> None:
    rng = random.Random(1)
    rows = [[(1.0 + 0.002 * i) * rng.gauss(1.0, 0.01) for i in range(500)] for _ in range(6)]
    assert statistics.noise(rows) == pytest.approx(0.01, rel=0.15)


def test_the_slow_first_run_moves_a_mean_but_not_the_median() -> None:
    mean = sum(traces.TEN_RUNS) / 10
    without_first = sum(traces.TEN_RUNS[1:]) / 9
    assert mean / without_first > 1.015
    assert median(traces.TEN_RUNS) == pytest.approx(without_first, rel=0.005)
    assert statistics.median_interval(traces.TEN_RUNS).relative_width(22.19) < 0.025


def test_percentile_is_a_sample() -> None:
    assert statistics.percentile(traces.QUIET, 0.9) == 4.161
    assert statistics.percentile([7.0], 0.9) == 7.0


@pytest.mark.parametrize(
    ("candidate", "other", "expected"),
    [
        ((0.90, 0.95), (1.0, 1.0), "faster"),
        ((1.05, 1.10), (1.0, 1.0), "slower"),
        ((0.99, 1.02), (1.0, 1.0), "cannot tell"),
        ((0.990, 0.997), (1.0, 1.0), "cannot tell"),
        ((0.50, 0.60), (0.55, 0.65), "cannot tell"),
        ((0.50, 0.54), (0.55, 0.65), "faster"),
    ],
)
def test_verdict(candidate: tuple[float, float], other: tuple[float, float], expected: str) -> None:
    assert statistics.verdict(candidate, other) == expected


def test_a_quiet_trace_tells_two_percent_and_a_bimodal_one_does_not() -> None:
    def against_itself(trace: list[float], factor: float) -> str:
        row = statistics.weighted_median([trace], [1])
        other = statistics.weighted_median([[factor * ms for ms in trace]], [1])
        return statistics.verdict((row.interval.low, row.interval.high), (other.interval.low, other.interval.high))

    assert against_itself(traces.QUIET, 1.02) == "faster"
    assert against_itself(traces.BIMODAL, 1.02) == "cannot tell"
    assert against_itself(traces.QUIET, 1.0) == "cannot tell"


def test_a_disturbance_that_lasts_widens_the_interval() -> None:
    rng = random.Random(4)
    short = [rng.gauss(1.0, 0.01) for _ in range(40)]
    lasting = sorted(short)
    alike = statistics.weighted_median([short], [1]).relative_width
    assert statistics.weighted_median([lasting], [1]).relative_width > 2 * alike


def test_interval_covers_the_true_value_though_disturbances_last() -> None:
    rng = random.Random(5)
    hits = 0
    for _ in range(200):
        slow = [rng.gauss(0.0, 0.03) for _ in range(5) for _ in range(6)]
        hits += 1.0 in statistics.weighted_median([[1.0 + s + rng.gauss(0.0, 0.01) for s in slow]], [1]).interval
    assert hits >= 0.9 * 200


def test_processes_that_differ_have_an_honest_interval() -> None:
    rng = random.Random(6)
    hits = 0
    for _ in range(500):
        values = [rng.lognormvariate(0.0, 0.01) for _ in range(3)]
        factor = statistics.factor_of_mean(values)
        hits += 1 / factor <= geometric_mean(values) <= factor
    assert 0.92 <= hits / 500 <= 0.98
    assert statistics.factor_of_mean([1.0]) == 1.0


def test_a_system_against_itself_cannot_be_told_apart() -> None:
    rng = random.Random(7)

    def trial() -> str:
        drifting = [math.sin(i / 7.0) * 0.05 for i in range(30)]
        rows = [[10.0 * (1.0 + d) * rng.lognormvariate(0.0, 0.02) for d in drifting] for _ in range(12)]
        interval = statistics.paired_ratio(rows[:6], rows[6:], [1] * 6).interval
        return statistics.verdict((interval.low, interval.high), (1.0, 1.0))

    assert sum(trial() == "cannot tell" for _ in range(100)) >= 95


def test_stop_rule() -> None:
    rule = StopRule(relative_width=0.005, least_rounds=6, cap_s=2.0, most_rounds=50)
    assert rule.reason(5, 0.0, elapsed_s=0.1) == ""
    assert rule.reason(6, 0.004, elapsed_s=0.1) == "precise"
    assert rule.reason(6, 0.006, elapsed_s=0.1) == ""
    assert rule.reason(6, 0.006, elapsed_s=2.0) == "time"
    assert rule.reason(5, 0.006, elapsed_s=3.9) == ""
    assert rule.reason(5, 0.006, elapsed_s=4.0) == "time"
    assert rule.reason(50, 0.006, elapsed_s=1.0) == "rounds"
