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
    """The value taken at a hole: the first one tried, how many more were, and the holes that those failed for."""

    hole: Hole
    first: int
    more: int = 0
    blamed: set[str] = field(default_factory=set)

    @property
    def position(self) -> int:
        return (self.first + self.more) % len(self.hole.values)


class _Trail:
    """A chooser that repeats decisions, so that a search can go on from there.

    Beyond them it begins with the value that a hole had when it was last passed over: what agreed once, such as a block
    under another number of copies, mostly agrees again.
    """

    def __init__(self) -> None:
        self._decisions: list[_Decision] = []
        self._asked = 0
        self._agreed: dict[str, int] = {}

    def choose(self, hole: Hole) -> Value:
        if self._asked == len(self._decisions):
            self._decisions.append(_Decision(hole, self._agreed.get(hole.name, 0)))
        position = self._decisions[self._asked].position
        self._asked += 1
        return hole.values[position]

    def back_up(self, blamed: Set[str]) -> bool:
        """Move the last decision that is to blame to its next value; False when all were tried."""
        self._asked = 0
        while self._decisions:
            last = self._decisions.pop()
            if last.hole.name not in blamed:
                self._agreed[last.hole.name] = last.position
                continue
            blamed = last.blamed | (blamed - {last.hole.name})
            if last.more + 1 < len(last.hole.values):
                self._decisions.append(_Decision(last.hole, last.first, last.more + 1, blamed))
                return True
        return False


class _Compare(Watcher):
    """Stops a layout at the first difference, and knows which holes were read for what is being laid out."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._nodes = graph.nodes
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
        if position >= len(self._nodes) or name != self._nodes[position].op.name:
            raise _Mismatch

    def made(self, op: type[Op], name: str, value: Any, position: int) -> None:
        wanted = getattr(self._nodes[position].op, name)
        if op.specs()[name].context or value == wanted:
            return
        if op.field_plain(name, value) != op.field_plain(name, wanted):
            raise _Mismatch

    def added(self, node: Node, position: int) -> None:
        if position >= len(self._nodes) or not _alike(node, self._nodes[position]):
            raise _Mismatch
        if not self._inside:
            self._structure |= self._read
        self._read.clear()
        self._inside = False


def _alike(node: Node, wanted: Node) -> bool:
    """Whether two nodes are one in canonical form, shared weights aside: those are known only later."""
    same = node.op == wanted.op or node.op.to_dict() == wanted.op.to_dict()
    return same and node.inputs == wanted.inputs


def find_assignment(document: Document, graph: Graph) -> dict[str, Value] | None:
    """Return an assignment whose draw has this graph, always the same one, or None when there is none."""
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
            pass  # this trail leads elsewhere or nowhere: back up and try the next
        if not trail.back_up(compare.blamed()):
            return None
