"""Who goes on to the next rung of training."""

import math
from collections.abc import Sequence

from nas import fronts


def survivors(points: Sequence[Sequence[float]], maximise: Sequence[bool], eta: int) -> set[int]:
    """Return the positions of the best ``1 / eta`` of all points, at least one.

    A lower non-dominated rank comes first, then more room around the point (crowding), then the earlier position.
    """
    if not points:
        return set()
    ranks, crowding = fronts.ranks(points, maximise)
    order = sorted(range(len(points)), key=lambda index: (ranks[index], -crowding[index], index))
    return set(order[: math.ceil(len(points) / eta)])
