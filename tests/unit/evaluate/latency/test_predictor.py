import math
import random
from collections.abc import Callable

import pytest

from nas.costing import cost
from nas.evaluate.latency.predictor import LEAST_ROWS, NoPredictionError, Predictor
from nas.evaluate.latency.predictor.features import features
from nas.language import Architecture, load_architecture, load_space

EMSR = load_architecture("system:EMSR")


@pytest.fixture(scope="module")
def drawn() -> list[Architecture]:
    rng, space = random.Random(0), load_space("demo")
    return list({found.deployed_hash: found for found in (space.sample(rng) for _ in range(60))}.values())[:40]


def timed(
    architectures: list[Architecture], ratio: Callable[[Architecture], float]
) -> list[tuple[Architecture, float]]:
    return [(one, ratio(one)) for one in architectures]


def by_launches(architecture: Architecture) -> float:
    """Most of the time is in launching kernels, which FLOPs do not show."""
    found = cost(architecture)
    return 1e-11 * found.flops + 0.02 * found.convs * math.sqrt(found.convs)


def test_features_are_costs_by_op_and_kernel_and_in_total() -> None:
    found = features(EMSR)
    counted = cost(EMSR)
    assert found["total.flops"] == pytest.approx(math.log1p(counted.flops))
    assert found["total.convs"] == pytest.approx(math.log1p(counted.convs))
    kinds = [math.expm1(value) for name, value in found.items() if name.endswith(".params") and "total" not in name]
    assert sum(kinds) == pytest.approx(counted.params)


def test_a_predictor_beats_flops_and_its_interval_holds_what_it_has_not_seen(drawn: list[Architecture]) -> None:
    known, unknown = timed(drawn[:34], by_launches), timed(drawn[34:], by_launches)
    predictor = Predictor.fit(known)
    worth = predictor.worth
    assert worth.mape < worth.flops_mape
    assert worth.spearman >= worth.flops_spearman
    assert (worth.rows, worth.coverage) == (34, 0.95)
    assert worth.margin > 0
    predictions = [predictor.predict(one) for one, _ in unknown]
    held = [p.low <= ratio <= p.high for p, (_, ratio) in zip(predictions, unknown, strict=True)]
    assert sum(held) >= len(held) - 1
    assert predictor.predict(unknown[0][0]) == Predictor.fit(known).predict(unknown[0][0])


def test_too_few_rows_are_refused_with_the_number(drawn: list[Architecture]) -> None:
    with pytest.raises(NoPredictionError, match=f"needs {LEAST_ROWS} networks .* holds {LEAST_ROWS - 1}"):
        Predictor.fit(timed(drawn[: LEAST_ROWS - 1], by_launches))


def test_what_flops_alone_predict_as_well_is_refused(drawn: list[Architecture]) -> None:
    with pytest.raises(NoPredictionError, match=r"FLOPs alone reach 0\.0%"):
        Predictor.fit(timed(drawn, lambda one: 1e-10 * cost(one).flops))


def test_what_nothing_is_known_of_is_not_predicted(drawn: list[Architecture]) -> None:
    predictor = Predictor.fit(timed(drawn, by_launches))
    with pytest.raises(NoPredictionError, match=r"No network with .* was measured"):
        predictor.predict(load_architecture("system:MILA"))
