"""What a step can see: labels from the innermost chain outward, its chain's input, width and loop counters."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from nas.language.graph import Ref


@dataclass
class Element:
    """A labelled step after it was laid out.

    Args:
        result: Its feature, ``plus`` included.
        entry: What it read.
        node: The node whose taps may be named, or None.
        labels: The labels inside a chain, which are its taps.
        span: First node, and the one after the last.
    """

    result: Ref
    entry: Ref
    node: int | None
    labels: "dict[str, Label]"
    span: tuple[int, int]


@dataclass
class Run:
    """A list of elements under one label; indices count them."""

    elements: list[Element] = field(default_factory=list)
    growing: bool = True


Label = Element | Run


@dataclass(frozen=True)
class Scope:
    """The surroundings of a step.

    Args:
        labels: Labels of the chain it stands in.
        outer: The scope around that chain, or None.
        entry: The chain's input.
        width: The nearest ``width``.
        counters: ``i`` and ``n`` of the innermost repeat.
    """

    labels: dict[str, Label]
    outer: "Scope | None"
    entry: Ref
    width: int
    counters: dict[str, int]

    def inner(self, entry: Ref, width: int) -> "Scope":
        """Return the scope of a chain that stands here."""
        return Scope({}, self, entry, width, self.counters)

    def counting(self, i: int, n: int) -> "Scope":
        """Return this scope inside copy ``i`` of ``n``."""
        return replace(self, counters={"i": i, "n": n})

    def outward(self) -> "Iterator[Scope]":
        """Yield this scope, then the ones around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.outer
