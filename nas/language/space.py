"""A search space: an architecture with holes."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nas.errors import LanguageError
from nas.language.architecture import Architecture
from nas.language.count import count_draws, every_hole
from nas.language.document import in_network, parse_document
from nas.language.encode import find_assignment
from nas.language.expand import Expander, Watcher
from nas.language.fill import Filler
from nas.language.holes import Assignment, Chooser, Hole, Value
from nas.language.names import check_names
from nas.language.require import Requirement, check_contradictions, parse_requirement
from nas.language.settle import Replay

MOST_TRIES = 200
"""Draws in a row that may break a rule before sampling gives up on a space."""


@dataclass(frozen=True)
class Draw:
    """One architecture of a space, and the assignment that gives it."""

    assignment: dict[str, Value]
    architecture: Architecture


class Random:
    """A chooser that draws every hole uniformly."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def choose(self, hole: Hole) -> Value:
        """Return one of the hole's values."""
        return self._rng.choice(hole.values)


class Vector:
    """A chooser that reads positions of a fixed-width vector."""

    def __init__(self, positions: Mapping[str, int], vector: Sequence[int]) -> None:
        self._positions = positions
        self._vector = vector

    def choose(self, hole: Hole) -> Value:
        """Return the value at the hole's position."""
        index = self._vector[self._positions[hole.name]]
        if not 0 <= index < len(hole.values):
            raise LanguageError(hole.name, f"position {index} is outside its {len(hole.values)} values.")
        return hole.values[index]


class Mutation:
    """A chooser that repeats an assignment except at one hole; what that brings to life is drawn at random."""

    def __init__(self, assignment: Assignment, changed: Mapping[str, Value], rng: random.Random) -> None:
        self._known = {**assignment, **changed}
        self._rng = rng

    def choose(self, hole: Hole) -> Value:
        """Return the known value, or a random one."""
        value = self._known.get(hole.name)
        return self._rng.choice(hole.values) if value is None else value


class Space:
    """A set of architectures, described by one document with holes.

    Args:
        plain: The document.

    Raises:
        LanguageError: The document breaks a rule that does not depend on the draw.
    """

    def __init__(self, plain: Mapping[str, Any]) -> None:
        self._document = parse_document(plain)
        self.require: tuple[Requirement, ...] = tuple(
            parse_requirement(text, f"require.{index}") for index, text in enumerate(self._document.require)
        )
        check_contradictions(self.require)
        with in_network():
            check_names(self._document)
            self.holes()

    @property
    def name(self) -> str:
        """What people call it; may be empty."""
        return self._document.name

    @property
    def scale(self) -> int:
        """Enlargement of each side."""
        return self._document.scale

    @property
    def document(self) -> dict[str, Any]:
        """The document as plain data."""
        return dict(self._document.plain)

    def to_dict(self) -> dict[str, Any]:
        """Return the document as plain data."""
        return self.document

    def holes(self) -> tuple[Hole, ...]:
        """Return every hole once, in authored order, at its maximal copies and with all options."""
        return self._holes

    @cached_property
    def _holes(self) -> tuple[Hole, ...]:
        return every_hole(self._document)

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {hole.name: position for position, hole in enumerate(self._holes)}

    def size(self) -> int:
        """Return the exact number of draws (before ``require``)."""
        return self._size

    @cached_property
    def _size(self) -> int:
        return count_draws(self._document)

    def draw(self, chooser: Chooser, watcher: Watcher | None = None) -> Draw:
        """Ask ``chooser`` for every active hole, once each, and return the architecture.

        Raises:
            LanguageError: This draw breaks a rule (widths that do not agree, a tap that does not exist).
        """
        expander = Expander(self._document, chooser, watcher)
        graph = expander.graph()
        assignment = expander.settler.assignment
        filled = Filler(self._document.lets, assignment).document(self._document.plain)
        return Draw(dict(assignment), Architecture.laid_out(parse_document(filled), graph))

    def fill(self, assignment: Assignment) -> Architecture:
        """Return the architecture of an assignment; names of inactive holes are an error."""
        found = self.draw(Replay(assignment))
        for name in assignment:
            if name not in found.assignment:
                raise LanguageError(name, "this hole is not active in the assignment; leave it out.")
        return found.architecture

    def sample(self, rng: random.Random) -> Architecture:
        """Return a random architecture: every hole drawn uniformly, draws that break a rule drawn again."""
        return self.random_draw(rng).architecture

    def random_draw(self, rng: random.Random) -> Draw:
        """As ``sample``, with the assignment."""
        problem: LanguageError | None = None
        for _ in range(MOST_TRIES):
            try:
                return self.draw(Random(rng))
            except LanguageError as error:
                problem = error
        raise LanguageError("", f"{MOST_TRIES} draws in a row broke a rule; the last one: {problem}")

    def neighbour(self, assignment: Assignment, rng: random.Random) -> Draw:
        """Return a draw that differs by one mutation: one active hole takes another value."""
        domains = {hole.name: hole for hole in self._holes}
        movable = [name for name in assignment if len(domains[name].values) > 1]
        if not movable:
            raise LanguageError("", "the space has one architecture only, which has no neighbour.")
        problem: LanguageError | None = None
        for _ in range(MOST_TRIES):
            name = rng.choice(movable)
            values = [item for item in domains[name].values if item != assignment[name]]
            try:
                return self.draw(Mutation(assignment, {name: rng.choice(values)}, rng))
            except LanguageError as error:
                problem = error
        raise LanguageError("", f"no neighbour keeps the rules; the last try: {problem}")

    def vector(self, assignment: Assignment) -> tuple[int, ...]:
        """Return the fixed-width encoding: the position of every hole's value, 0 where it is inactive."""
        return tuple(hole.index(assignment[hole.name]) if hole.name in assignment else 0 for hole in self._holes)

    def mask(self, assignment: Assignment) -> tuple[bool, ...]:
        """Return which positions of the vector are active."""
        return tuple(hole.name in assignment for hole in self._holes)

    def from_vector(self, vector: Sequence[int]) -> Draw:
        """Return the draw of a vector; inactive positions are ignored."""
        if len(vector) != len(self._holes):
            raise LanguageError("", f"this space needs a vector of {len(self._holes)} positions, got {len(vector)}.")
        return self.draw(Vector(self._positions, vector))

    def contains(self, architecture: Architecture) -> bool:
        """Tell whether some assignment gives this architecture."""
        return find_assignment(self._document, architecture.graph) is not None

    def encode(self, architecture: Architecture) -> dict[str, Value]:
        """Return an assignment that gives this architecture, always the same one.

        Raises:
            LanguageError: The architecture is no point of this space.
        """
        found = find_assignment(self._document, architecture.graph)
        if found is None:
            raise LanguageError("", f"{architecture.name or architecture.hash} is no point of the space {self.name!r}.")
        return found

    def __repr__(self) -> str:
        return f"Space({self.name!r}, {len(self._holes)} holes)"
