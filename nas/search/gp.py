"""Optuna's Gaussian process, on one thread and with a search of the acquisition that suits small discrete domains."""

from typing import Any

from optuna._gp.thread_limiting import limit_threads_in_optimization
from optuna.distributions import BaseDistribution
from optuna.samplers import GPSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

PRELIMINARY_SAMPLES = 512
LOCAL_SEARCHES = 4
QMC_SAMPLES = 32


class VectorSampler(GPSampler):
    """A Gaussian process for one trial, over the fixed-width vector.

    Optuna limits threads while it fits, but not while it samples the posterior of a running wave: on a busy machine
    that took 27 s a trial instead of 1 s. One thread also gives the same sums, hence the same draws, on every machine.
    """

    def __init__(self, *, seed: int, n_startup_trials: int) -> None:
        super().__init__(seed=seed, n_startup_trials=n_startup_trials, warn_independent_sampling=False)
        self._n_preliminary_samples = PRELIMINARY_SAMPLES
        self._n_local_search = LOCAL_SEARCHES
        self._n_qmc_samples_qei = self._n_qmc_samples_ehvi = QMC_SAMPLES

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the parameters of the next trial; empty while trials are drawn at random."""
        if not search_space:
            return {}
        with limit_threads_in_optimization():
            return super().sample_relative(study, trial, search_space)
