import csv
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import RequestError
from nas.evaluate.latency.shapes import (
    Shape,
    area_quantiles,
    challenge_shapes,
    default_shapes,
    draw_challenge_sizes,
    shapes_of,
    shrink,
)


def test_the_table_is_what_the_stated_distribution_draws() -> None:
    table = (files("nas.evaluate.latency") / "challenge_sizes.csv").read_text(encoding="utf-8")
    rows = [(r["name"], int(r["height"]), int(r["width"])) for r in csv.DictReader(table.splitlines())]
    assert rows == list(draw_challenge_sizes())


def test_the_challenge_has_200_images_of_two_kinds() -> None:
    shapes = challenge_shapes()
    assert len(shapes) == 200
    assert all(max(shape.height, shape.width) == 510 for shape in shapes[:100])
    assert len({max(shape.height, shape.width) for shape in shapes[100:]}) > 40
    assert 0.15 < sum(shape.height > shape.width for shape in shapes) / 200 < 0.35


@given(st.lists(st.tuples(st.integers(1, 2000), st.integers(1, 2000)), min_size=1, max_size=300))
def test_quantiles_stand_for_every_image_once(sizes: list[tuple[int, int]]) -> None:
    chosen = area_quantiles(shapes_of(sizes))
    assert sum(shape.count for shape in chosen) == len(sizes)
    assert len(chosen) <= 6
    assert {(s.height, s.width) for s in chosen} <= set(sizes)
    assert [s.pixels for s in chosen] == sorted(s.pixels for s in chosen)


def test_quantiles_keep_the_mean_area() -> None:
    chosen, every = area_quantiles(challenge_shapes()), challenge_shapes()
    mean = sum(s.pixels * s.count for s in chosen) / 200
    assert mean == pytest.approx(sum(s.pixels for s in every) / 200, rel=0.03)


def test_one_size_is_one_shape() -> None:
    assert area_quantiles([Shape(10, 20)] * 7) == (Shape(10, 20, 7),)


def test_no_size_is_refused() -> None:
    with pytest.raises(RequestError, match="No image sizes"):
        area_quantiles([])


def test_a_cpu_gets_the_same_mix_in_small() -> None:
    small, large = default_shapes("cpu"), default_shapes("cuda")
    assert max(max(s.height, s.width) for s in small) == 96
    assert small[0].height / small[0].width == pytest.approx(large[0].height / large[0].width, rel=0.02)
    assert shrink([Shape(100, 50, 3)], 10) == (Shape(10, 5, 3),)
