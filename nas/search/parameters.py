"""Holes of a space as parameters of Optuna.

A parameter is the index of a value in its hole: an integer range where the values are numbers in order, so that
samplers know that 16 lies beside 20, and categories elsewhere. Indices live only inside a study; rows and hashes
hold values.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import Trial

from nas.language import Assignment, Hole, Value


def _ordered(values: Sequence[Value]) -> bool:
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    return len(numbers) == len(values) and all(left < right for left, right in pairwise(numbers))


class Parameter:
    """One hole as Optuna sees it."""

    def __init__(self, hole: Hole) -> None:
        self.name = hole.name
        self.hole = hole
        self.ordered = _ordered(hole.values)
        self.distribution: BaseDistribution = (
            IntDistribution(0, len(hole.values) - 1)
            if self.ordered
            else CategoricalDistribution(tuple(range(len(hole.values))))
        )


class Parameters:
    """All holes of a space, in authored order."""

    def __init__(self, holes: Sequence[Hole]) -> None:
        self.all = tuple(Parameter(hole) for hole in holes)
        self._by_name = {parameter.name: parameter for parameter in self.all}

    def suggest(self, trial: Trial, name: str) -> int:
        """Ask a trial for the index of a hole's value."""
        parameter = self._by_name[name]
        last = len(parameter.hole.values) - 1
        if parameter.ordered:
            return trial.suggest_int(name, 0, last)
        return int(trial.suggest_categorical(name, tuple(range(last + 1))))

    def indices(self, assignment: Assignment) -> dict[str, int]:
        """Return the parameters of a study that stand for ``assignment`` (only its own holes)."""
        return {name: self._by_name[name].hole.index(value) for name, value in assignment.items()}

    def named(self, vector: Sequence[int]) -> dict[str, int]:
        """Return the parameters of a study that stand for a fixed-width vector."""
        return {parameter.name: index for parameter, index in zip(self.all, vector, strict=True)}

    def distributions(self, names: Iterable[str]) -> dict[str, BaseDistribution]:
        """Return the distribution of each name."""
        return {name: self._by_name[name].distribution for name in names}
