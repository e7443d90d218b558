import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas import fronts
from nas.errors import RequestError

Points = list[tuple[float, ...]]
few = st.integers(-3, 3).map(float)  # few values, so that ties and duplicates are common


@st.composite
def problems(draw: st.DrawFn) -> tuple[Points, list[bool]]:
    objectives = draw(st.integers(1, 4))
    value = draw(st.sampled_from([few, st.floats(-1e6, 1e6)]))
    points = draw(st.lists(st.tuples(*[value] * objectives), min_size=1, max_size=25))
    return points, draw(st.lists(st.booleans(), min_size=objectives, max_size=objectives))


def dominates(a: tuple[float, ...], b: tuple[float, ...], maximise: list[bool]) -> bool:
    pairs = [(x, y) if more else (-x, -y) for x, y, more in zip(a, b, maximise, strict=True)]
    return all(x >= y for x, y in pairs) and any(x > y for x, y in pairs)


def peel(points: Points, maximise: list[bool]) -> list[int]:
    """The ranks, by their definition."""
    left, found, rank = set(range(len(points))), [0] * len(points), 0
    while left:
        best = {i for i in left if not any(dominates(points[j], points[i], maximise) for j in left)}
        for index in best:
            found[index] = rank
        left, rank = left - best, rank + 1
    return found


@given(problems())
def test_ranks_and_the_front_are_what_their_definition_says(problem: tuple[Points, list[bool]]) -> None:
    points, maximise = problem
    expected = peel(points, maximise)
    ranks, crowding = fronts.ranks(points, maximise)
    assert ranks == expected
    assert fronts.non_dominated(points, maximise) == [i for i, rank in enumerate(expected) if rank == 0]
    assert all(room >= 0 for room in crowding)


@given(problems(), st.randoms(use_true_random=False))
def test_the_order_of_distinct_points_changes_nothing(problem: tuple[Points, list[bool]], random: Random) -> None:
    points, maximise = sorted(set(problem[0])), problem[1]
    shuffled = random.sample(points, len(points))
    before = dict(zip(points, zip(*fronts.ranks(points, maximise), strict=True), strict=True))
    after = dict(zip(shuffled, zip(*fronts.ranks(shuffled, maximise), strict=True), strict=True))
    assert before == after


@given(problems())
def test_copies_of_a_point_share_its_rank_and_one_of_them_has_the_room(
    problem: tuple[Points, list[bool]],
) -> None:
    points, maximise = problem
    ranks, crowding = fronts.ranks(points, maximise)
    twice_ranks, twice_crowding = fronts.ranks([*points, *points], maximise)
    assert twice_ranks == ranks * 2
    assert twice_crowding == [*crowding, *[0.0] * len(points)]


@given(problems())
def test_the_hypervolume_is_that_of_the_front_and_grows_with_points(
    problem: tuple[Points, list[bool]],
) -> None:
    points, maximise = problem
    reference = fronts.reference_point(points, maximise)
    whole = fronts.hypervolume(points, reference, maximise)
    front = [points[index] for index in fronts.non_dominated(points, maximise)]
    assert math.isclose(fronts.hypervolume(front, reference, maximise), whole)
    assert 0 <= fronts.hypervolume(points[1:], reference, maximise) <= whole * (1 + 1e-9)


@given(problems())
def test_the_reference_point_is_worse_than_every_point_in_everything(
    problem: tuple[Points, list[bool]],
) -> None:
    points, maximise = problem
    reference = fronts.reference_point(points, maximise)
    for point in points:
        for value, limit, more in zip(point, reference, maximise, strict=True):
            assert value > limit if more else value < limit


def test_the_hypervolume_of_two_steps_is_their_area() -> None:
    points = [(24.0, 3.0), (23.0, 2.0), (22.0, 9.0)]
    assert fronts.hypervolume(points, [22.0, 4.0], [True, False]) == 2 * 1 + 1 * 1
    assert fronts.hypervolume([(21.0, 5.0)], [22.0, 4.0], [True, False]) == 0
    assert fronts.hypervolume([], [22.0, 4.0], [True, False]) == 0


def test_the_ends_of_a_front_have_all_the_room_and_the_rest_what_is_between_their_neighbours() -> None:
    ranks, crowding = fronts.ranks([(0, 4), (1, 2), (3, 1), (4, 0), (5, 5)], [False, False])
    assert ranks == [0, 0, 0, 0, 1]
    assert crowding == [math.inf, 3 / 4 + 3 / 4, 3 / 4 + 2 / 4, math.inf, math.inf]


def test_huge_values_do_not_overflow() -> None:
    _, crowding = fronts.ranks([(-1.7e308, 2), (0, 1), (1.7e308, 0)], [False, False])
    assert crowding[1] == 2


def test_no_points_have_no_front() -> None:
    assert fronts.non_dominated([], [True, False]) == []
    assert fronts.ranks([], [True, False]) == ([], [])


def test_the_reference_point_of_equal_points_is_still_worse() -> None:
    assert fronts.reference_point([(20.0, 0.0)] * 2, [True, False]) == pytest.approx([18.0, 0.1])
    with pytest.raises(RequestError, match="at least one point"):
        fronts.reference_point([], [True])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(RequestError, match="finite"):
        fronts.non_dominated([(1.0, value)], [True, False])
    with pytest.raises(RequestError, match="finite"):
        fronts.hypervolume([(1.0, 1.0)], [value, 2.0], [True, False])


def test_points_of_another_length_are_refused() -> None:
    with pytest.raises(RequestError, match="2 values"):
        fronts.ranks([(1.0, 2.0), (1.0,)], [True, False])
