"""Which image sizes a latency stands for, and the few that stand for them all."""

import csv
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from nas.errors import RequestError

CHALLENGE_SCALE = 4
CPU_LONGEST_SIDE = 96
"""Longest side of a low-resolution image in measurements on a CPU when no images are given, in pixels."""

_ASPECTS = ((1.5, 0.50), (4 / 3, 0.25), (16 / 9, 0.15), (1.0, 0.10))
_PORTRAIT = 0.25
_STEP = 12
"""Sides are multiples of 12, so that scales 2, 3 and 4 divide them."""


@dataclass(frozen=True, order=True)
class Shape:
    """A low-resolution image size and how many images it stands for."""

    height: int
    width: int
    count: int = 1

    @property
    def pixels(self) -> int:
        """Area of one image."""
        return self.height * self.width


def draw_challenge_sizes(seed: int = 2025) -> Iterator[tuple[str, int, int]]:
    """The 200 high-resolution sizes of the challenge's validation set, drawn instead of copied.

    The first 100 are like DIV2K: the long side 2,040 pixels. The other 100 are like LSDIR: the long side uniform in
    900..2,040. Both: aspect 3:2 (50 %), 4:3 (25 %), 16:9 (15 %) or 1:1 (10 %), a quarter of them upright, sides
    rounded to multiples of 12. The true sizes differ; the area, which sets the time, is of that order.

    Yields:
        Name, height, width.
    """
    rng = random.Random(seed)
    for number in range(200):
        family, longest = ("div2k", 2040) if number < 100 else ("lsdir", rng.randint(900, 2040))
        aspects, odds = zip(*_ASPECTS, strict=True)
        aspect = rng.choices(aspects, odds)[0]
        long, short = (round(side / _STEP) * _STEP for side in (longest, longest / aspect))
        height, width = (long, short) if rng.random() < _PORTRAIT else (short, long)
        yield f"{family}-like-{number % 100 + 1:03}", height, width


@cache
def challenge_shapes() -> tuple[Shape, ...]:
    """Low-resolution sizes (scale 4) of the challenge's 200 validation images, in file order."""
    table = (files(__package__) / "challenge_sizes.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(table.splitlines()))
    return tuple(Shape(int(r["height"]) // CHALLENGE_SCALE, int(r["width"]) // CHALLENGE_SCALE) for r in rows)


def shrink(shapes: Sequence[Shape], longest_side: int) -> tuple[Shape, ...]:
    """The same mix of sizes, all scaled by the factor that brings the longest side to ``longest_side`` pixels."""
    factor = longest_side / max(max(shape.height, shape.width) for shape in shapes)
    return tuple(Shape(round(s.height * factor), round(s.width * factor), s.count) for s in shapes)


def in_small(sizes: Sequence[tuple[int, int]], kind: str) -> list[tuple[int, int]]:
    """Sizes of a data set's images to measure on: as they are on a GPU, on a CPU none over ``CPU_LONGEST_SIDE``.

    Args:
        sizes: (height, width) of low-resolution images.
        kind: ``cpu`` or ``cuda``.
    """
    if kind == "cuda" or max(map(max, sizes), default=0) <= CPU_LONGEST_SIDE:
        return list(sizes)
    return [(max(1, s.height), max(1, s.width)) for s in shrink(shapes_of(sizes), CPU_LONGEST_SIDE)]


def merged(shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    """Every size once, counted as often as it occurs, in the order of the first occurrence."""
    found: dict[tuple[int, int], int] = {}
    for shape in shapes:
        size = (shape.height, shape.width)
        found[size] = found.get(size, 0) + shape.count
    return tuple(Shape(height, width, count) for (height, width), count in found.items())


def area_quantiles(shapes: Sequence[Shape], groups: int = 6) -> tuple[Shape, ...]:
    """The middle size of each of ``groups`` groups of images of rising area, counted as often as its group has images.

    Raises:
        RequestError: There are no images.
    """
    if not shapes:
        raise RequestError("No image sizes to measure latency on; give at least one (height, width).")
    images = sorted((s for s in shapes for _ in range(s.count)), key=lambda s: (s.pixels, s.height))
    chosen = []
    for group in range(min(groups, len(images))):
        members = images[_edge(group, groups, len(images)) : _edge(group + 1, groups, len(images))]
        chosen.append(replace(members[len(members) // 2], count=len(members)))
    return merged(chosen)


def _edge(group: int, groups: int, images: int) -> int:
    return group * images // min(groups, images)


def default_shapes(kind: str) -> tuple[Shape, ...]:
    """Sizes to measure when no images are given: the challenge's on a GPU, the same mix in small on a CPU.

    Args:
        kind: ``cpu`` or ``cuda``.
    """
    return challenge_shapes() if kind == "cuda" else shrink(challenge_shapes(), CPU_LONGEST_SIDE)


def shapes_of(sizes: Sequence[tuple[int, int]]) -> tuple[Shape, ...]:
    """Shapes from the (height, width) of low-resolution images.

    Raises:
        RequestError: A side is not positive.
    """
    wrong = [size for size in sizes if min(size) < 1]
    if wrong:
        raise RequestError(f"Image size {wrong[0]} (height, width) is not positive; give sides of at least 1 pixel.")
    return tuple(Shape(height, width) for height, width in sizes)
