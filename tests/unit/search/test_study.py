import random

import pytest
from optuna.trial import TrialState

from nas.language import load_space
from nas.search.study import Asked, Study, Verdict
from tests.unit.search.table import SPACE

VECTOR_SAMPLERS = ["nsga2", "nsga3"]


def made(sampler: str, trials: int = 40) -> Study:
    return Study(load_space(SPACE), sampler, [True, False], seed=3, trials=trials)


def verdict(number: int) -> Verdict:
    rng = random.Random(number)
    if rng.random() < 0.2:
        return Verdict(TrialState.PRUNED, constraints={"bound": rng.random()})
    return Verdict(TrialState.COMPLETE, [rng.random(), rng.random()], {"bound": -1.0})


def asked(study: Study, count: int) -> list[Asked]:
    found = []
    for _ in range(count):
        found.append(study.ask())
        study.tell(found[-1].number, verdict(found[-1].number))
    return found


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "nsga3", "random"])
def test_a_study_rebuilt_from_its_rows_asks_for_what_the_first_one_would_have(sampler: str) -> None:
    first, rebuilt = made(sampler), made(sampler)
    for trial in asked(first, 30):
        rebuilt.restore(trial.assignment, trial.attributes, verdict(trial.number))
    assert asked(rebuilt, 10) == asked(first, 10)


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
def test_a_running_trial_is_restored_as_running_and_can_be_told(sampler: str) -> None:
    first, rebuilt = made(sampler), made(sampler)
    for trial in asked(first, 16):
        rebuilt.restore(trial.assignment, trial.attributes, verdict(trial.number))
    waiting = first.ask()
    rebuilt.restore(waiting.assignment, waiting.attributes, None)
    assert rebuilt.ask() == first.ask()
    for study in (first, rebuilt):
        study.tell(16, verdict(16))
        study.tell(17, verdict(17))
    assert asked(rebuilt, 4) == asked(first, 4)


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
def test_a_fixed_trial_is_the_next_one(sampler: str) -> None:
    study = made(sampler)
    asked(study, 12)
    wanted = study._space.random_draw(random.Random(5)).assignment
    assert study.ask(wanted).assignment == wanted


@pytest.mark.parametrize("sampler", VECTOR_SAMPLERS)
def test_a_fixed_trial_takes_part_in_breeding(sampler: str) -> None:
    study = made(sampler)
    wanted = study._space.random_draw(random.Random(5)).assignment
    found = study.ask(wanted)
    assert any(name.endswith(":generation") for name in found.attributes["trial"])


@pytest.mark.parametrize("sampler", VECTOR_SAMPLERS)
def test_inactive_positions_are_zero_to_the_sampler(sampler: str) -> None:
    study = made(sampler)
    for trial in asked(study, 20):
        params = study._study.trials[trial.number].params
        assert tuple(params.values()) == study._space.vector(trial.assignment)


def test_breeding_goes_through_generations() -> None:
    study = made("nsga2", trials=40)
    last = asked(study, 40)[-1]
    assert last.attributes["trial"]["VectorNSGAII:generation"] >= 3
