"""Which architecture comes next: the sampler's, unless it repeats itself or keeps asking for what is forbidden."""

import json
import random
from collections.abc import Sequence

from optuna.trial import TrialState

from nas.errors import LanguageError
from nas.language import Architecture, Assignment, Draw
from nas.search.draws import every_draw
from nas.search.judge import Judge, costs
from nas.search.problem import Problem
from nas.search.records import Trial
from nas.search.samplers import trial_seed
from nas.search.study import Asked, Study, Verdict

MOST_DUPLICATES = 2
"""Repetitions in a row after which a mutation takes the sampler's place."""

MOST_FORBIDDEN = 30
"""Forbidden architectures in a row after which one that keeps the bounds is drawn at random."""

WALK = 60
DRAWS = 2000


class Proposer:
    """Asks the study, and knows all that was asked before."""

    def __init__(self, problem: Problem, study: Study, judge: Judge) -> None:
        self._problem, self._study, self._judge = problem, study, judge
        self._warm = _encoded(problem) if problem.warm_start else ()
        self._size = problem.space.size()
        self._first: dict[str, int] = {}
        self._tried: set[str] = set()
        self._every = every_draw(problem.space)
        self._duplicates = 0
        self._forbidden = 0
        self._last: Assignment = {}
        self.ended = ""
        """Why there is nothing to propose any more."""

    def remember(self, trial: Trial) -> None:
        """Take note of a trial that was asked for."""
        self._tried.add(_key(trial.assignment))
        self._last = trial.assignment
        self._duplicates = self._duplicates + 1 if trial.state == "duplicate" else 0
        self._forbidden = 0 if trial.counts else self._forbidden + (trial.state != "duplicate")
        if trial.hash:
            self._first.setdefault(trial.hash, trial.number)

    def propose(self, wave: int) -> Trial | None:
        """Return the next trial, which may be a duplicate or forbidden; None when there is none (see ``ended``)."""
        try:
            asked = self._study.ask(self._instead())
        except _SpentError as spent:
            self.ended = str(spent)
            return None
        trial = self._judged(asked, wave)
        self.remember(trial)
        return trial

    def _judged(self, asked: Asked, wave: int) -> Trial:
        trial = Trial(asked.number, wave, asked.assignment, attributes=asked.attributes)
        if asked.architecture is None:
            trial.state, trial.error, trial.counts = "failed", asked.error, False
            self._tell(trial, Verdict(TrialState.FAIL))
            return trial
        trial.architecture = asked.architecture
        trial.hash, trial.deployed_hash = asked.architecture.hash, asked.architecture.deployed_hash
        if trial.hash in self._first:
            trial.state, trial.counts, trial.duplicate_of = "duplicate", False, self._first[trial.hash]
            return trial
        trial.metrics = costs(asked.architecture)
        trial.constraints = self._judge.violations(trial.metrics)
        if any(violation > 0 for violation in trial.constraints.values()):
            trial.state, trial.counts = "infeasible", False
            # Told at once: costs are exact, so the rest of the wave may learn from it.
            self._tell(trial, Verdict(TrialState.PRUNED, constraints=trial.constraints))
        return trial

    def _tell(self, trial: Trial, verdict: Verdict) -> None:
        self._study.tell(trial.number, verdict)
        trial.told = True

    def _instead(self) -> Assignment | None:
        """Return what shall be tried in place of the sampler's proposal, None for the sampler's."""
        number = self._study.next_number
        if number < len(self._warm):
            return self._warm[number]
        if len(self._tried) >= self._size:
            raise _SpentError(f"all {self._size} draws of the space {self._problem.space.name!r} were tried")
        rng = random.Random(trial_seed(self._problem.seed, number))
        if self._forbidden >= MOST_FORBIDDEN:
            return self._permitted(rng)
        return self._unseen(rng) if self._duplicates >= MOST_DUPLICATES else None

    def _unseen(self, rng: random.Random) -> Assignment:
        """Return a new architecture few mutations away from the last one, or the first new one of the whole space."""
        assignment = self._last
        for step in range(WALK):
            try:
                draw = self._problem.space.neighbour(assignment, rng)
            except LanguageError:
                break
            if self._is_new(draw):
                return draw.assignment
            if step % 6 == 5:
                assignment = draw.assignment
        for draw in self._every:
            if self._is_new(draw):
                return draw.assignment
        raise _SpentError(f"all {len(self._first)} architectures of the space {self._problem.space.name!r} were tried")

    def _permitted(self, rng: random.Random) -> Assignment:
        for _ in range(DRAWS):
            draw = self._problem.space.random_draw(rng)
            if self._is_new(draw) and not self._is_forbidden(draw.architecture):
                return draw.assignment
        raise _SpentError(f"none of {DRAWS} random draws was new and kept the bounds on cost")

    def _is_new(self, draw: Draw) -> bool:
        return draw.architecture.hash not in self._first

    def _is_forbidden(self, architecture: Architecture) -> bool:
        return any(violation > 0 for violation in self._judge.violations(costs(architecture)).values())


class _SpentError(Exception):
    """Nothing is left to try."""


def _key(assignment: Assignment) -> str:
    return json.dumps(assignment, sort_keys=True)


def _encoded(problem: Problem) -> Sequence[Assignment]:
    """Return the published systems that are points of the space, as assignments."""
    space, systems = problem.space, problem.references.systems.values()
    return [space.encode(system) for system in systems if space.contains(system)]
