"""The Optuna study behind a search: in memory, rebuilt from rows, asked and told by trial number.

What an ask gives is a function of the rows before it, the search's seed and the trial's number. To keep it so, a row
carries the attributes that samplers leave on a trial (its generation, parameters drawn but not used) and on the study
(the parents of a generation), besides its assignment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import Trial, TrialState

from nas.errors import LanguageError
from nas.language import Architecture, Assignment, Hole, Space, Value
from nas.search.parameters import Parameters
from nas.search.samplers import TREE_SAMPLERS, make, trial_seed
from nas.search.tpe import Observations

_CONSTRAINT = "constraints:"


@dataclass(frozen=True)
class Verdict:
    """What the sampler is told of a trial.

    Args:
        state: COMPLETE, PRUNED or FAIL.
        values: One for each objective when COMPLETE.
        constraints: Violations; at most 0 is feasible.
    """

    state: TrialState
    values: Sequence[float] | None = None
    constraints: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """One answer of the sampler.

    Args:
        number: The trial's number.
        assignment: Values of the active holes; of a draw that breaks a rule, as far as it went.
        architecture: None when the draw breaks a rule of the language.
        error: Which rule.
        attributes: What the sampler wants back when the study is rebuilt: ``{"trial": ..., "study": ...}``.
    """

    number: int
    assignment: dict[str, Value]
    architecture: Architecture | None
    error: str
    attributes: dict[str, Any]


class _Recorder:
    """A chooser that asks a trial of Optuna for every hole and notes the answers."""

    def __init__(self, trial: Trial, parameters: Parameters) -> None:
        self._trial = trial
        self._parameters = parameters
        self.assignment: dict[str, Value] = {}

    def choose(self, hole: Hole) -> Value:
        """Return the sampler's value for this hole."""
        index = self._parameters.suggest(self._trial, hole.name)
        self.assignment[hole.name] = hole.values[index]
        return hole.values[index]


class Study:
    """Ask and tell for one search.

    Args:
        space: What is searched.
        sampler: tpe, nsga2, nsga3, gp or random (``auto`` resolved).
        maximise: For each objective, whether more is better.
        seed: The search's seed.
        trials: Its budget, from which samplers take the size of a generation and of the random start.
    """

    def __init__(self, space: Space, sampler: str, maximise: Sequence[bool], *, seed: int, trials: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space, self._sampler, self._seed, self._trials = space, sampler, seed, trials
        self._tree = sampler in TREE_SAMPLERS
        self._parameters = Parameters(space.holes())
        self._memo = Observations([parameter.name for parameter in self._parameters.all])
        self._storage = InMemoryStorage()
        directions = [StudyDirection.MAXIMIZE if up else StudyDirection.MINIMIZE for up in maximise]
        self._study = optuna.create_study(storage=self._storage, directions=directions)
        self._id = self._storage.get_study_id_from_name(self._study.study_name)

    @property
    def next_number(self) -> int:
        """The number of the next trial."""
        return len(self._study.get_trials(deepcopy=False))

    def ask(self, fixed: Assignment | None = None) -> Asked:
        """Ask for the next trial, or make ``fixed`` the next trial."""
        number = self.next_number
        seed = trial_seed(self._seed, number)
        self._study.sampler = make(self._sampler, seed=seed, trials=self._trials, memo=self._memo)
        if fixed is not None:
            self._study.enqueue_trial(self._encoded(fixed))
        known = set(self._storage.get_study_system_attrs(self._id))
        trial = self._study.ask()
        if fixed is not None and not self._tree:
            # A trial with all its parameters fixed would stay without the generation that breeding counts by.
            _ = trial.relative_params
        assignment, architecture, error = self._drawn(trial)
        return Asked(number, assignment, architecture, error, self._attributes(number, known))

    def tell(self, number: int, verdict: Verdict) -> None:
        """Tell what became of a trial."""
        trial = Trial(self._study, self._trial_id(number))
        for name, violation in verdict.constraints.items():
            trial.set_constraint(name, violation)
        values = list(verdict.values) if verdict.values is not None else None
        self._study.tell(trial, values, state=verdict.state)

    def restore(self, assignment: Assignment, attributes: Mapping[str, Any], verdict: Verdict | None) -> None:
        """Add the next trial as a row tells it; without a verdict it is still running."""
        params = self._encoded(assignment)
        for key, value in attributes.get("study", {}).items():
            self._storage.set_study_system_attr(self._id, key, value)
        self._study.add_trial(
            optuna.trial.create_trial(
                state=verdict.state if verdict else TrialState.RUNNING,
                values=list(verdict.values) if verdict and verdict.values is not None else None,
                params=params,
                distributions=self._parameters.distributions(params),
                system_attrs=dict(attributes.get("trial", {})),
                constraints=dict(verdict.constraints) if verdict else None,
            )
        )

    def _encoded(self, assignment: Assignment) -> dict[str, int]:
        if self._tree:
            return self._parameters.indices(assignment)
        return self._parameters.named(self._space.vector(assignment))

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._id, number)

    def _drawn(self, trial: Trial) -> tuple[dict[str, Value], Architecture | None, str]:
        if not self._tree:
            return self._drawn_vector(trial)
        recorder = _Recorder(trial, self._parameters)
        try:
            draw = self._space.draw(recorder)
        except LanguageError as error:
            return recorder.assignment, None, str(error)
        return draw.assignment, draw.architecture, ""

    def _drawn_vector(self, trial: Trial) -> tuple[dict[str, Value], Architecture | None, str]:
        vector = [self._parameters.suggest(trial, parameter.name) for parameter in self._parameters.all]
        try:
            draw = self._space.from_vector(vector)
        except LanguageError as error:
            holes = zip(self._parameters.all, vector, strict=True)
            return {parameter.name: parameter.hole.values[index] for parameter, index in holes}, None, str(error)
        self._mask(trial, vector, self._space.vector(draw.assignment))
        return draw.assignment, draw.architecture, ""

    def _mask(self, trial: Trial, drawn: Sequence[int], canonical: Sequence[int]) -> None:
        """Zero inactive positions, so that equal architectures are equal points to the sampler."""
        trial_id = self._trial_id(trial.number)
        for parameter, index, wanted in zip(self._parameters.all, drawn, canonical, strict=True):
            if index != wanted:
                self._storage.set_trial_param(trial_id, parameter.name, wanted, parameter.distribution)

    def _attributes(self, number: int, known: set[str]) -> dict[str, Any]:
        trial = self._storage.get_trial(self._trial_id(number)).system_attrs
        study = self._storage.get_study_system_attrs(self._id)
        return {
            "trial": {key: value for key, value in trial.items() if not key.startswith(_CONSTRAINT)},
            "study": {key: value for key, value in study.items() if key not in known},
        }
