import random
import warnings
from collections.abc import Sequence
from typing import Any, Literal

import optuna
import pytest
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import Trial, TrialState

from nas.search import tpe
from nas.search.tpe import Observations, TreeSampler

Direction = Literal["minimize", "maximize"]
BLOCKS = 4
NAMES = [f"{index}{part}" for index in range(BLOCKS) for part in ("", ".x", ".y")]


def stock(seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(multivariate=True, group=True, seed=seed, n_startup_trials=8)


def draw(trial: Trial) -> int:
    """A tree: which parameters a block has depends on its first one."""
    total = 0
    for index in range(BLOCKS):
        if trial.suggest_int(f"{index}", 0, 1):
            total += trial.suggest_int(f"{index}.x", 0, 4)
        else:
            total -= int(trial.suggest_categorical(f"{index}.y", tuple(range(7))))
    return total


def run(make: Any, *, trials: int, directions: Sequence[Direction]) -> list[dict[str, Any]]:
    """Ask in waves of four; tell complete, pruned and infeasible trials."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=directions)
    rng, asked = random.Random(0), []
    for first in range(0, trials, 4):
        wave = []
        for number in range(first, first + 4):
            study.sampler = make(number)
            trial = study.ask()
            wave.append((trial, draw(trial)))
        for trial, total in wave:
            trial.set_constraint("bound", rng.random() - 0.8)
            if rng.random() < 0.5:
                study.tell(trial, state=TrialState.PRUNED)
            else:
                study.tell(trial, [total + rng.random() for _ in directions])
        asked += [dict(trial.params) for trial, _ in wave]
    return asked


@pytest.mark.parametrize("directions", [["maximize", "minimize"], ["minimize"]])
def test_the_draws_are_those_of_optuna(directions: Sequence[Direction]) -> None:
    memo = Observations(NAMES)
    ours = run(lambda seed: TreeSampler(memo, seed=seed, n_startup_trials=8), trials=120, directions=directions)
    assert ours == run(stock, trials=120, directions=directions)


def test_in_a_long_study_the_oldest_of_the_lesser_trials_are_no_longer_modelled(monkeypatch: Any) -> None:
    monkeypatch.setattr(tpe, "MOST_OTHERS", 40)
    memo = Observations(NAMES)
    directions: Sequence[Direction] = ["maximize", "minimize"]
    ours = run(lambda seed: TreeSampler(memo, seed=seed, n_startup_trials=8), trials=80, directions=directions)
    theirs = run(stock, trials=80, directions=directions)
    assert ours[:40] == theirs[:40]
    assert ours != theirs
