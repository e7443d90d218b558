from nas.search.rungs import survivors


def test_non_dominated_points_go_on_before_the_highest_psnr() -> None:
    points = [(24.0, 5.0), (23.9, 1.0), (23.95, 6.0), (23.0, 2.0)]
    assert survivors(points, [True, False], eta=2) == {0, 1}


def test_among_equals_those_with_more_room_around_them_go_on() -> None:
    points = [(1.0, 1.0), (2.0, 2.0), (2.1, 2.1), (2.2, 2.2), (9.0, 9.0)]
    assert survivors(points, [True, False], eta=2) == {0, 4, 3} or survivors(points, [True, False], eta=2) >= {0, 4}


def test_at_least_one_goes_on() -> None:
    assert survivors([(1.0, 1.0)], [True, False], eta=5) == {0}


def test_nobody_goes_on_from_an_empty_rung() -> None:
    assert survivors([], [True, False], eta=2) == set()
