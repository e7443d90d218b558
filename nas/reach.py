"""Whether any architecture of a space meets bounds on cost, and how near the others come."""

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from nas.costing import Cost, cost
from nas.language import Draw, Requirement, Space

RANDOM_TRIES, MOST_TRIES = 64, 256
MOST_NODES = 20_000
"""Nodes in all that is looked at, so that a space of huge networks takes seconds and not minutes."""


@dataclass(frozen=True)
class Nearest:
    """The architecture that came nearest to meeting all bounds.

    Args:
        draw: The architecture and its assignment.
        cost: What it costs.
        violation: By how much it misses its worst bound, relative to the bound; 0 or less when it meets all.
        bound: The worst one.
        tries: How many architectures were looked at.
    """

    draw: Draw
    cost: Cost
    violation: float
    bound: Requirement
    tries: int

    def sentence(self, space: str) -> str:
        """What to tell somebody whose bounds were not met."""
        figures = ", ".join(f"{name} {getattr(self.cost, name):,}" for name in sorted(self.bound.metrics))
        return (
            f"no architecture of the space {space!r} was found that meets {self.bound.text!r} (the nearest of "
            f"{self.tries} has {figures}); loosen the bound or widen the space."
        )


def nearest(space: Space, bounds: Sequence[Requirement]) -> Nearest:
    """Look at random architectures, then go step by step from the nearest; stop at the first that meets all bounds.

    The same space and bounds always give the same answer. A miss is no proof that nothing meets them.

    Args:
        space: Where to look.
        bounds: At least one, all on metrics that the tree alone decides.

    Raises:
        LanguageError: no architecture can be drawn.
    """
    rng = random.Random(0)
    best = _look(space.random_draw(rng), bounds, tries=1)
    nodes = len(best.draw.architecture.graph.nodes)
    while best.violation > 0 and best.tries < MOST_TRIES and nodes < MOST_NODES:
        anywhere = best.tries < RANDOM_TRIES or space.size() == 1
        draw = space.random_draw(rng) if anywhere else space.neighbour(best.draw.assignment, rng)
        seen = _look(draw, bounds, tries=best.tries + 1)
        best = seen if seen.violation <= best.violation else replace(best, tries=seen.tries)
        nodes += len(draw.architecture.graph.nodes)
    return best


def _look(draw: Draw, bounds: Sequence[Requirement], *, tries: int) -> Nearest:
    counted = cost(draw.architecture)
    metrics = {name: float(value) for name, value in asdict(counted).items()}
    violation, worst = max((bound.violation(metrics), number) for number, bound in enumerate(bounds))
    return Nearest(draw, counted, violation, bounds[worst], tries)
