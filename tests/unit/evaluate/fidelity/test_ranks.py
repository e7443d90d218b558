import numpy as np
import pytest
from scipy import stats

from nas.evaluate.fidelity import ranks
from nas.evaluate.fidelity.ranks import Recall, agreement, close_pairs, fullest_band, kendalls, recall, spearmans

X = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0])
Y = np.array([2.0, 7.0, 1.0, 8.0, 2.0, 8.0, 1.0, 8.0, 2.0, 8.0])


@pytest.mark.parametrize(("ours", "theirs"), [(spearmans, stats.spearmanr), (kendalls, stats.kendalltau)])
def test_a_resample_is_correlated_as_if_its_networks_were_repeated(ours, theirs) -> None:  # type: ignore[no-untyped-def]
    weights = ranks.resamples(10, count=5)
    for row, value in zip(weights, ours(X, Y, weights), strict=True):
        drawn = np.repeat(np.arange(10), row.astype(int))
        assert value == pytest.approx(theirs(X[drawn], Y[drawn]).statistic)


def test_an_order_that_agrees_but_for_one_swap() -> None:
    found = agreement([1, 2, 3, 4, 5, 6, 8, 7], [1, 2, 3, 4, 5, 6, 7, 8])
    assert found.spearman is not None
    assert found.kendall is not None
    assert found.spearman.value == pytest.approx(1 - 6 * 2 / (8 * 63))
    assert found.kendall.value == pytest.approx(1 - 2 * 1 / 28)
    assert found.spearman.interval[0] < found.spearman.value <= found.spearman.interval[1] <= 1


def test_an_interval_narrows_with_more_networks() -> None:
    rng = np.random.default_rng(1)
    widths = []
    for networks in (10, 200):
        truth = rng.normal(size=networks)
        found = agreement((truth + 0.5 * rng.normal(size=networks)).tolist(), truth.tolist()).spearman
        assert found is not None
        widths.append(found.interval[1] - found.interval[0])
    assert widths[1] < widths[0] / 2


def test_nothing_is_said_of_too_few_networks() -> None:
    found = agreement(range(7), range(7))
    assert (found.spearman, found.kendall, found.recall) == (None, None, None)
    assert found.to_dict()["why_not"] == "too few to say: 7 networks, at least 8 are needed"


def test_an_estimate_that_tells_nothing_apart_has_no_figure() -> None:
    assert agreement([1] * 9, range(9)).why_not == "all networks look the same to one of the two"


def test_recall_counts_the_best_quarter() -> None:
    assert recall([9, 8, 1, 2, 3, 7, 4, 5], [9, 1, 2, 3, 4, 8, 5, 6]) == Recall(found=1, of=2, networks=8)


def test_the_fullest_band_holds_what_is_within_a_tenth() -> None:
    band = fullest_band([1.0, 5.0, 5.4, 5.5, 4.6, 9.0])
    assert band is not None
    assert (band.middle, band.members) == (5.0, (1, 2, 3, 4))


def test_close_pairs_are_compared_alone() -> None:
    costs = [1.0, 1.05, 1.08, 1.09, 1.0, 50.0]
    count, tau = close_pairs([1, 2, 3, 4, 5, 0], [1, 2, 3, 5, 4, 9], costs)
    assert count == 10
    assert tau == pytest.approx(0.8)
    assert close_pairs([1, 2], [1, 2], [1.0, 1.0]) == (1, None)
