"""Lay out every option of a space at least once, so that a mistake in a rare branch is found before a search is."""

import random

from nas.errors import LanguageError
from nas.language.holes import Hole, Value, shown
from nas.language.space import Space

TRIES = 12
"""Draws of the other holes that may break a rule before an option counts as broken."""

MOST_OPTIONS = 5000
"""Options that are looked at; a larger space is looked at in part, the first holes first."""


class Towards:
    """A chooser that leads to one value of one hole, and draws everything else at random.

    Args:
        goal: The hole.
        value: The value it shall take.
        rng: Draws the rest.
    """

    def __init__(self, goal: Hole, value: Value, rng: random.Random) -> None:
        self._goal, self._value, self._rng = goal, value, rng
        self.reached = False

    def choose(self, hole: Hole) -> Value:
        """Return the wanted value, the option that leads there, the most copies, or a random value."""
        if hole.name == self._goal.name:
            self.reached = True
            return self._value
        for option in hole.values:
            if self._goal.name.startswith(f"{hole.name}:{shown(option)}."):
                return option
        if hole.name.endswith(".repeat") and self._goal.name.startswith(hole.name.removesuffix("repeat")[:-1]):
            return max(hole.values, key=float)
        return self._rng.choice(hole.values)


def broken_options(space: Space) -> list[LanguageError]:
    """Return one error for every option of which no draw keeps the rules.

    Options that no draw reached (a let that only other rare options use) are left out: nothing is known of them.
    """
    found: list[LanguageError] = []
    options = [(hole, value) for hole in space.holes() for value in hole.values]
    for hole, value in options[:MOST_OPTIONS]:
        problem = _problem(space, hole, value)
        if problem is not None:
            found.append(
                LanguageError(problem.path, f"{problem.sentence.rstrip('.')} (with {hole.name} = {shown(value)}).")
            )
    return found


def _problem(space: Space, hole: Hole, value: Value) -> LanguageError | None:
    """The last error of the draws that reached this option, or None when one of them kept the rules."""
    problem: LanguageError | None = None
    for seed in range(TRIES):
        chooser = Towards(hole, value, random.Random(seed))
        try:
            space.draw(chooser)
        except LanguageError as error:
            problem = error if chooser.reached else problem
        else:
            if chooser.reached:
                return None
    return problem
