"""The samplers a search may use, made afresh for every trial.

A trial's draws come from (search seed, trial number) alone, never from the state of a process: a study that was rebuilt
after a crash goes on where it was instead of repeating its first draws.
"""

import warnings
from collections.abc import Callable
from hashlib import sha256

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, RandomSampler

from nas.errors import UnknownNameError
from nas.search.tpe import Observations, TreeSampler
from nas.search.vector import VectorGP, VectorNSGAII, VectorNSGAIII

TREE_SAMPLERS = frozenset({"tpe", "random"})
"""Samplers that draw over the tree and are asked for active holes only; the others draw the fixed-width vector."""

_MOST_TRIALS_FOR_TPE = 3000
_MOST_OBJECTIVES_FOR_TPE = 3


def resolve(name: str, *, trials: int, objectives: int) -> str:
    """Return the sampler that ``auto`` stands for, or ``name`` itself.

    TPE makes the most of few trials; a genetic algorithm costs less per trial when there are thousands, and NSGA-III
    keeps its aim where four or more objectives leave hardly anything dominated.
    """
    if name != "auto":
        return name
    if objectives > _MOST_OBJECTIVES_FOR_TPE:
        return "nsga3"
    return "tpe" if trials <= _MOST_TRIALS_FOR_TPE else "nsga2"


def trial_seed(seed: int, number: int) -> int:
    """Return the 32-bit seed of one trial's draws."""
    return int.from_bytes(sha256(f"{seed}:{number}".encode()).digest()[:4], "big")


def population(trials: int) -> int:
    """Return a generation's size such that a budget of ``trials`` lives through several generations."""
    return max(4, min(50, trials // 5))


def startup(trials: int) -> int:
    """Return how many trials are drawn at random before a model is trusted."""
    return max(4, min(10, trials // 4))


def make(name: str, *, seed: int, trials: int, memo: Observations) -> BaseSampler:
    """Return a fresh sampler for one trial.

    Args:
        name: tpe, nsga2, nsga3, gp or random.
        seed: The trial's own seed, from ``trial_seed``.
        trials: Budget of the search.
        memo: What TPE knows of finished trials, kept between its samplers.

    Raises:
        UnknownNameError: There is no such sampler.
    """
    makers: dict[str, Callable[[], BaseSampler]] = {
        "tpe": lambda: TreeSampler(memo, seed=seed, n_startup_trials=startup(trials)),
        "nsga2": lambda: VectorNSGAII(seed=seed, population_size=population(trials)),
        "nsga3": lambda: VectorNSGAIII(seed=seed, population_size=population(trials)),
        "gp": lambda: VectorGP(seed=seed, n_startup_trials=startup(trials)),
        "random": lambda: RandomSampler(seed=seed),
    }
    if name not in makers:
        raise UnknownNameError("sampler", name, {"auto", *makers})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return makers[name]()
