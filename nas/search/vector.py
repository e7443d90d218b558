"""Optuna's genetic algorithms and Gaussian process over the fixed-width vector."""

from collections.abc import Sequence
from typing import Any

from optuna._gp.thread_limiting import limit_threads_in_optimization
from optuna.distributions import BaseDistribution
from optuna.samplers import GPSampler, NSGAIIISampler, NSGAIISampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

PRELIMINARY_SAMPLES = 512
LOCAL_SEARCHES = 4
QMC_SAMPLES = 32


def shared_parameters(study: Study) -> dict[str, BaseDistribution]:
    """Return what all complete trials have in common: everything, so that one of them tells.

    Optuna compares all of them in every ask, which took 20 ms at trial 2,000 with 30 holes.
    """
    complete: Sequence[FrozenTrial] = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    known = complete[0].distributions if complete else {}
    return {name: known[name] for name in sorted(known) if not known[name].single()}


class VectorNSGAII(NSGAIISampler):
    """NSGA-II for one trial."""

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """Return the parameters that are bred."""
        return shared_parameters(study)


class VectorNSGAIII(NSGAIIISampler):
    """NSGA-III for one trial."""

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """Return the parameters that are bred."""
        return shared_parameters(study)


class VectorGP(GPSampler):
    """A Gaussian process for one trial, with a search of its acquisition that suits small discrete domains.

    Optuna limits threads while it fits, but not while it samples the posterior of a running wave: on a busy machine
    that took 27 s a trial instead of 1 s. One thread also gives the same sums, hence the same draws, on every machine.
    """

    def __init__(self, *, seed: int, n_startup_trials: int) -> None:
        super().__init__(seed=seed, n_startup_trials=n_startup_trials, warn_independent_sampling=False)
        self._n_preliminary_samples = PRELIMINARY_SAMPLES
        self._n_local_search = LOCAL_SEARCHES
        self._n_qmc_samples_qei = self._n_qmc_samples_ehvi = QMC_SAMPLES

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """Return the parameters that are modelled."""
        return shared_parameters(study)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the parameters of the next trial; empty while trials are drawn at random."""
        if not search_space:
            return {}
        with limit_threads_in_optimization():
            return super().sample_relative(study, trial, search_space)
