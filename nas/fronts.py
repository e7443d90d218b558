"""Which points are best when several numbers count at once; on plain numbers."""

import math
from collections.abc import Sequence

import moocore
import numpy as np
from numpy.typing import NDArray

from nas.errors import RequestError

Points = Sequence[Sequence[float]]
Matrix = NDArray[np.float64]


def non_dominated(points: Points, maximise: Sequence[bool]) -> list[int]:
    """The positions of the points that no other beats in one objective without losing in another.

    Equal points do not dominate each other: all of them are kept.

    Args:
        points: One row a point, one column an objective.
        maximise: For each objective, whether more is better.

    Raises:
        RequestError: a value is not finite, or a row has not one value for each objective.
    """
    costs = _costs(points, maximise)
    if not len(costs):
        return []
    return [int(index) for index in np.flatnonzero(moocore.is_nondominated(costs, keep_weakly=True))]


def ranks(points: Points, maximise: Sequence[bool]) -> tuple[list[int], list[float]]:
    """The non-dominated rank of each point, 0 for the front, and its crowding distance among those of its rank.

    Rank 1 is the front of what is left without rank 0, and so on. The crowding distance is that of NSGA-II
    (Deb et al., 2002, https://doi.org/10.1109/4235.996017): the more, the more room is around the point.

    Raises:
        RequestError: as ``non_dominated``.
    """
    costs = _costs(points, maximise)
    if not len(costs):
        return [], []
    rank = np.asarray(moocore.pareto_rank(costs), dtype=np.intp)
    crowding = np.zeros(len(costs))
    for number in range(int(rank.max()) + 1):
        members = np.flatnonzero(rank == number)
        crowding[members] = _crowding(costs[members])
    return rank.tolist(), crowding.tolist()


def _crowding(costs: Matrix) -> Matrix:
    """Of points of one rank: of several equal ones the first has the room, the others have none."""
    distinct, first = np.unique(costs, axis=0, return_index=True)
    room = np.zeros(len(distinct))
    if len(distinct) <= 2:
        room[:] = math.inf
    for column in distinct.T:
        if column.min() < column.max():
            room += _gaps(column)
    result = np.zeros(len(costs))
    result[first] = room
    return result


def _gaps(column: Matrix) -> Matrix:
    """The distance between the neighbours of each value, of the whole range; infinite at both ends."""
    order = np.argsort(column, kind="stable")
    values = column[order] / 2  # halved, so that no range overflows
    gaps = np.full(len(column), math.inf)
    gaps[order[1:-1]] = (values[2:] - values[:-2]) / (values[-1] - values[0])
    return gaps


def hypervolume(points: Points, reference: Sequence[float], maximise: Sequence[bool]) -> float:
    """The volume that the points dominate, as far as ``reference``; what is not better than that counts nothing.

    Raises:
        RequestError: as ``non_dominated``, also for the reference.
    """
    costs = _costs(points, maximise)
    limit = _costs([reference], maximise)[0]
    return float(moocore.hypervolume(costs, ref=limit)) if len(costs) else 0.0


def reference_point(points: Points, maximise: Sequence[bool], *, margin: float = 0.1) -> list[float]:
    """A point worse than all of ``points`` by ``margin`` of their range, to be fixed for a whole search.

    Where all share one value, the margin is of that value.

    Raises:
        RequestError: as ``non_dominated``, or there are no points.
    """
    costs = _costs(points, maximise)
    if not len(costs):
        raise RequestError("A reference point needs at least one point to be worse than.")
    worst = costs.max(axis=0)
    span = worst - costs.min(axis=0)
    span = np.where(span > 0, span, np.where(worst != 0, np.abs(worst), 1.0))
    limit: list[float] = np.where(maximise, -(worst + margin * span), worst + margin * span).tolist()
    return limit


def _costs(points: Points, maximise: Sequence[bool]) -> Matrix:
    """The points as a matrix in which less is better everywhere."""
    if any(len(point) != len(maximise) for point in points):
        raise RequestError(f"Every point needs {len(maximise)} values, one for each objective.")
    matrix = np.array(points, dtype=np.float64).reshape(len(points), len(maximise))
    if not np.isfinite(matrix).all():
        raise RequestError("A front needs finite values: NaN and infinity are neither better nor worse.")
    return np.where(maximise, -matrix, matrix)
