import random
import warnings
from collections.abc import Callable

import optuna
import pytest
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, NSGAIIISampler, NSGAIISampler

from nas.search.vector import VectorNSGAII, VectorNSGAIII


def run(make: Callable[..., BaseSampler]) -> list[dict[str, int]]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=["maximize", "minimize"])
    rng, asked = random.Random(0), []
    for number in range(60):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.sampler = make(seed=number, population_size=8)
        trial = study.ask()
        asked.append({name: trial.suggest_int(name, 0, high) for name, high in (("b", 5), ("a", 9), ("one", 0))})
        study.tell(trial, [asked[-1]["a"] + rng.random(), asked[-1]["b"] + rng.random()])
    return asked


@pytest.mark.parametrize(("ours", "theirs"), [(VectorNSGAII, NSGAIISampler), (VectorNSGAIII, NSGAIIISampler)])
def test_the_draws_are_those_of_optuna(ours: Callable[..., BaseSampler], theirs: Callable[..., BaseSampler]) -> None:
    assert run(ours) == run(theirs)
