import pytest

from nas.errors import UnknownNameError
from nas.search import samplers
from nas.search.tpe import Observations


@pytest.mark.parametrize(
    ("trials", "objectives", "expected"), [(40, 2, "tpe"), (3000, 3, "tpe"), (3001, 2, "nsga2"), (40, 4, "nsga3")]
)
def test_auto_goes_by_the_budget_and_the_number_of_objectives(trials: int, objectives: int, expected: str) -> None:
    assert samplers.resolve("auto", trials=trials, objectives=objectives) == expected


def test_a_named_sampler_is_taken_as_it_is() -> None:
    assert samplers.resolve("gp", trials=10**5, objectives=5) == "gp"


def test_an_unknown_sampler_is_one_sentence() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown sampler 'nsga4'\. Did you mean"):
        samplers.make("nsga4", seed=0, trials=40, memo=Observations([]))


def test_seeds_differ_between_trials_and_between_searches() -> None:
    seeds = {samplers.trial_seed(seed, number) for seed in range(20) for number in range(50)}
    assert len(seeds) == 1000


def test_a_generation_is_small_enough_for_several_of_them() -> None:
    assert [samplers.population(trials) for trials in (1, 40, 100, 10**5)] == [4, 8, 20, 50]
