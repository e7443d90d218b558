"""Find an assignment that gives an architecture: a depth-first search that backs up to a decision that matters.

Laying out a draw is compared with the wanted graph field by field and node by node, and ends at the first difference.
To blame are the holes read for what differs, and those that decide which steps there are; any other decision led to
nodes that agree, so its other values end at the same difference or earlier, and the search passes it over.
"""

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Any

from nas.errors import LanguageError
from nas.language.document import Document
from nas.language.expand import Expander, Watcher
from nas.language.graph import Graph, InputSpec, Node, OutputSpec
from nas.language.holes import Hole, Value
from nas.ops.base import Op


class _Mismatch(Exception):  # noqa: N818
    """The draw differs from the wanted architecture: this branch cannot lead there."""


@dataclass
class _Decision:
    """The value taken at a hole, and the holes that the values before it failed for."""

    hole: Hole
    position: int = 0
    blamed: set[str] = field(default_factory=set)


class _Trail:
    """A chooser that repeats decisions and takes first values beyond them, so that a search can go on from there."""

    def __init__(self) -> None:
        self._decisions: list[_Decision] = []
        self._asked = 0

    def choose(self, hole: Hole) -> Value:
        if self._asked == len(self._decisions):
            self._decisions.append(_Decision(hole))
        position = self._decisions[self._asked].position
        self._asked += 1
        return hole.values[position]

    def back_up(self, blamed: Set[str]) -> bool:
        """Move the last decision that is to blame to its next value; False when all were tried."""
        self._asked = 0
        while self._decisions:
            last = self._decisions.pop()
            if last.hole.name not in blamed:
                continue
            blamed = last.blamed | (blamed - {last.hole.name})
            if last.position + 1 < len(last.hole.values):
                self._decisions.append(_Decision(last.hole, last.position + 1, blamed))
                return True
        return False


class _Compare(Watcher):
    """Stops a layout at the first difference, and knows which holes were read for what is being laid out."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._nodes = [{key: item for key, item in node.items() if key != "tie"} for node in graph.canonical()["nodes"]]
        self._read: set[str] = set()
        self._structure: set[str] = set()
        self._inside = False

    def begin(self, read: set[str]) -> None:
        """Follow a new layout; ``read`` is where it notes the holes it reads."""
        self._read, self._structure, self._inside = read, set(), False

    def blamed(self) -> set[str]:
        """The holes that can be to blame for what was met last."""
        return self._structure | self._read

    def framed(self, entry: InputSpec, result: OutputSpec) -> None:
        if (entry, result) != (self._graph.input, self._graph.result):
            raise _Mismatch

    def making(self, name: object, position: int) -> None:
        self._structure |= self._read
        self._read.clear()
        self._inside = True
        if position >= len(self._nodes) or name != self._nodes[position]["op"]:
            raise _Mismatch

    def made(self, op: type[Op], name: str, value: Any, position: int) -> None:
        spec, wanted = op.specs()[name], self._nodes[position]
        if spec.context:
            return
        expected = wanted[name] if name in wanted else op.default_plain(name)
        if op.field_plain(name, value) != expected:
            raise _Mismatch

    def added(self, node: Node, position: int) -> None:
        if position >= len(self._nodes) or node.plain(deployed=False) != self._nodes[position]:
            raise _Mismatch
        if not self._inside:
            self._structure |= self._read
        self._read.clear()
        self._inside = False


def find_assignment(document: Document, graph: Graph) -> dict[str, Value] | None:
    """Return the first assignment whose draw has this graph, or None when there is none."""
    if document.scale != graph.scale:
        return None
    trail, compare = _Trail(), _Compare(graph)
    while True:
        expander = Expander(document, trail, compare)
        compare.begin(expander.settler.read)
        try:
            if expander.graph().hash == graph.hash:
                return dict(expander.settler.assignment)
        except (LanguageError, _Mismatch):
            pass
        if not trail.back_up(compare.blamed()):
            return None
