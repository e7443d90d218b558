"""Settle a value of a document: fill its hole, follow its ``=name``, evaluate its expression."""

from collections.abc import Mapping
from typing import Any

from nas.errors import LanguageError
from nas.language import expressions
from nas.language.holes import (
    Assignment,
    Chooser,
    Hole,
    Value,
    hole_kind,
    int_bounds,
    is_hole,
    item_path,
    options,
    shown,
    subset_bounds,
    tags,
)
from nas.language.scope import Scope

DEEPEST_LET = 32


class Members(list[Any]):
    """The members a subset took, with the path of each."""

    def __init__(self, members: list[tuple[Any, str]]) -> None:
        super().__init__(member for member, _ in members)
        self.paths = [path for _, path in members]


class Replay:
    """A chooser that answers from an assignment."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment

    def choose(self, hole: Hole) -> Value:
        """Return the assigned value; a missing or foreign one is a LanguageError."""
        if hole.name not in self._assignment:
            raise LanguageError(hole.name, "the assignment leaves this hole open; give it a value.")
        return hole.values[hole.index(self._assignment[hole.name])]


class Closed:
    """A chooser for architectures: they have no holes."""

    def choose(self, hole: Hole) -> Value:
        """Raise LanguageError: there is nothing to choose in an architecture."""
        raise LanguageError(hole.name, "an architecture has no holes; this document is a space, so draw from it first.")


class Settler:
    """Fills holes lazily, each name once, and remembers what was decided.

    Args:
        lets: The document's ``let``.
        scale: The document's ``scale``.
        chooser: Who decides.
    """

    def __init__(self, lets: Mapping[str, Any], scale: int, chooser: Chooser) -> None:
        self.lets = lets
        self.scale = scale
        self.assignment: dict[str, Value] = {}
        self.read: set[str] = set()
        """Names of the holes read, for whoever wants to know what depends on them; it may be cleared at any time."""
        self._chooser = chooser

    def settle(self, value: Any, path: str, scope: Scope) -> tuple[Any, str]:
        """Return what ``value`` stands for, one level deep, and the path that names what is inside it."""
        for _ in range(DEEPEST_LET):
            if isinstance(value, str):
                if not value.startswith("="):
                    return value, path
                name = value[1:].strip()
                if name not in self.lets:
                    return self._number(value[1:], path, scope, 0), path
                value, path = self.lets[name], f"let.{name}"
            elif is_hole(value):
                value, path = self._fill(value, path)
            else:
                return value, path
        raise LanguageError(
            path, f"names lead to one another more than {DEEPEST_LET} times; let must not go in a circle."
        )

    def deep(self, value: Any, path: str, scope: Scope) -> Any:
        """Return plain data with everything inside ``value`` settled."""
        value, path = self.settle(value, path, scope)
        if isinstance(value, Mapping):
            return {key: self.deep(item, f"{path}.{key}", scope) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.deep(item, at, scope) for item, at in self.items(value, path, scope)]
        return value

    def items(self, value: Any, path: str, scope: Scope) -> list[tuple[Any, str]]:
        """Return the settled items of a list, subsets and lists from holes spliced in."""
        if is_hole(value) or (isinstance(value, str) and value.startswith("=")):
            value, path = self.settle(value, path, scope)
        if not isinstance(value, list | tuple):
            return [(value, path)]
        found: list[tuple[Any, str]] = []
        for index, item in enumerate(value):
            at = value.paths[index] if isinstance(value, Members) else item_path(path, index, item)
            settled, inside = self.settle(item, at, scope)
            spliced = settled is not item and isinstance(settled, list | tuple)
            found.extend(self.items(settled, inside, scope) if spliced else [(settled, inside)])
        return found

    def _number(self, text: str, path: str, scope: Scope, depth: int) -> Any:
        def value_of(name: str) -> Any:
            if name in scope.counters:
                return scope.counters[name]
            if name == "scale":
                return self.scale
            if name == "width":
                return scope.width
            if name not in self.lets or depth > DEEPEST_LET:
                raise KeyError(name)
            return self._let_number(name, scope, depth)

        result = expressions.evaluate(text.strip(), value_of, path)
        return int(result) if isinstance(result, float) and result.is_integer() else result

    def _let_number(self, name: str, scope: Scope, depth: int) -> Any:
        value, path = self.lets[name], f"let.{name}"
        if is_hole(value):
            value, path = self._fill(value, path)
        if isinstance(value, str) and value.startswith("="):
            return self._number(value[1:], path, scope, depth + 1)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise LanguageError(path, f"arithmetic needs a number here, got {value!r}.")
        return value

    def _fill(self, hole: Mapping[str, Any], path: str) -> tuple[Any, str]:
        kind = hole_kind(hole, path)
        if kind == "int":
            low, high = int_bounds(hole, path)
            return self._decide(Hole(path, tuple(range(low, high + 1)), integers=True)), path
        found = options(hole, path)
        names = tags(found, path)
        if kind == "subset":
            return self._members(hole, found, names, path), path
        chosen = self._decide(Hole(path, tuple(names)))
        position = Hole(path, tuple(names)).index(chosen)
        return found[position], f"{path}:{shown(names[position])}"

    def _decide(self, hole: Hole) -> Value:
        self.read.add(hole.name)
        if hole.name not in self.assignment:
            chosen = self._chooser.choose(hole)
            self.assignment[hole.name] = hole.values[hole.index(chosen)]
        return self.assignment[hole.name]

    def _members(self, hole: Mapping[str, Any], found: list[Any], names: list[Value], path: str) -> Members:
        """Ask member by member, but not where min or max leaves no choice, so that every draw is valid."""
        least, most = subset_bounds(hole, len(found), path)
        taken: list[tuple[Any, str]] = []
        for position, (member, name) in enumerate(zip(found, names, strict=True)):
            left = len(found) - position
            at = f"{path}{{{shown(name)}}}"
            forced = len(taken) + left <= least
            if forced or (len(taken) < most and self._decide(Hole(at, (False, True)))):
                taken.append((member, at))
        return Members(taken)
