import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution

from nas.language import Hole, Value
from nas.search.parameters import Parameter, Parameters


@pytest.mark.parametrize("values", [(16, 20, 24), (0.05, 0.1), (1, 2.5, 3)])
def test_numbers_in_order_are_a_range(values: tuple[Value, ...]) -> None:
    assert Parameter(Hole("width", values)).distribution == IntDistribution(0, len(values) - 1)


@pytest.mark.parametrize("values", [("silu", "gelu"), (3, 1), (False, True), (1, "esa")])
def test_everything_else_is_categories(values: tuple[Value, ...]) -> None:
    assert Parameter(Hole("option", values)).distribution == CategoricalDistribution((0, 1))


def test_true_and_one_are_different_values() -> None:
    parameters = Parameters([Hole("clamp", (1, True))])
    assert parameters.indices({"clamp": 1}) == {"clamp": 0}
    assert parameters.indices({"clamp": True}) == {"clamp": 1}


def test_an_assignment_gives_its_own_holes_only() -> None:
    parameters = Parameters([Hole("width", (16, 20)), Hole("kernel", (1, 3, 5))])
    assert parameters.indices({"kernel": 5}) == {"kernel": 2}
    assert parameters.named((1, 0)) == {"width": 1, "kernel": 0}
