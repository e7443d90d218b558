"""The scatter of a search as a PNG, drawn with Pillow: no browser, no plotting library."""

import math
from dataclasses import dataclass
from itertools import pairwise

from PIL import Image, ImageDraw, ImageFont

from nas.cli.plot import BLUE, GREY, ORANGE, TITLE, X_TITLE, Y_TITLE, Point, Scatter, best_first

SIZE = (1600, 1000)
LEFT, TOP, RIGHT, BOTTOM = 150, 130, 1560, 880
INK, FAINT = "#202124", "#e3e6ea"


@dataclass(frozen=True)
class Axis:
    """A linear scale from values to pixels."""

    low: float
    high: float
    first: int
    last: int

    @classmethod
    def around(cls, values: list[float], first: int, last: int) -> "Axis":
        """A scale that holds ``values`` with a margin."""
        low, high = min(values), max(values)
        margin = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
        return cls(low - margin, high + margin, first, last)

    def pixel(self, value: float) -> float:
        """Where ``value`` is drawn."""
        return self.first + (value - self.low) / (self.high - self.low) * (self.last - self.first)

    def ticks(self) -> list[float]:
        """About six round values."""
        rough = (self.high - self.low) / 6
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
        start = math.ceil(self.low / step)
        return [round(index * step, 10) for index in range(start, math.floor(self.high / step) + 1)]


def picture(scatter: Scatter) -> Image.Image:
    """Draw the points, the front as a staircase, the gate as a line."""
    image = Image.new("RGB", SIZE, "white")
    pen = ImageDraw.Draw(image)
    gate = [] if scatter.gate_psnr_db is None else [scatter.gate_psnr_db]
    x = Axis.around([place[0] for place in scatter.points], LEFT, RIGHT)
    y = Axis.around([place[1] for place in scatter.points] + gate, BOTTOM, TOP)
    frame(pen, x, y, f"{TITLE}, {scatter.device}".rstrip(", "))
    if scatter.gate_psnr_db is not None:
        line_at(pen, y.pixel(scatter.gate_psnr_db), "gate (one paired baseline seed)")
    dots(pen, [(x.pixel(a), y.pixel(b)) for a, b in scatter.tried], GREY, 8)
    staircase(pen, [(x.pixel(a), y.pixel(b)) for a, b in best_first(scatter.front)])
    dots(pen, [(x.pixel(a), y.pixel(b)) for a, b in scatter.front], BLUE, 12)
    if scatter.baseline is not None:
        dots(pen, [(x.pixel(scatter.baseline[0]), y.pixel(scatter.baseline[1]))], ORANGE, 12)
    legend(pen, [("tried", GREY), ("front", BLUE), ("EFDN (baseline)", ORANGE)])
    return image


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The typeface that comes with Pillow."""
    return ImageFont.load_default(size)


def frame(pen: ImageDraw.ImageDraw, x: Axis, y: Axis, title: str) -> None:
    """Grid, figures and titles."""
    for value in x.ticks():
        pen.line([(x.pixel(value), TOP), (x.pixel(value), BOTTOM)], FAINT, 2)
        pen.text((x.pixel(value), BOTTOM + 14), f"{value:g}", INK, font(24), anchor="mt")
    for value in y.ticks():
        pen.line([(LEFT, y.pixel(value)), (RIGHT, y.pixel(value))], FAINT, 2)
        pen.text((LEFT - 14, y.pixel(value)), f"{value:g}", INK, font(24), anchor="rm")
    pen.text((LEFT, 24), title, INK, font(34))
    pen.text(((LEFT + RIGHT) // 2, SIZE[1] - 24), X_TITLE, INK, font(28), anchor="mb")
    pen.text((16, TOP - 16), Y_TITLE, INK, font(24), anchor="lb")


def line_at(pen: ImageDraw.ImageDraw, height: float, words: str) -> None:
    """A dashed line across, with what it means."""
    for start in range(LEFT, RIGHT, 24):
        pen.line([(start, height), (min(start + 12, RIGHT), height)], ORANGE, 3)
    pen.text((LEFT + 10, height - 6), words, ORANGE, font(22), anchor="lb")


def dots(pen: ImageDraw.ImageDraw, points: list[Point], colour: str, radius: int) -> None:
    """A disc at every point."""
    for a, b in points:
        pen.ellipse([a - radius, b - radius, a + radius, b + radius], colour)


def staircase(pen: ImageDraw.ImageDraw, points: list[Point]) -> None:
    """Between two points nothing is better than the faster one."""
    for (a, b), (c, d) in pairwise(points):
        pen.line([(a, b), (c, b), (c, d)], BLUE, 3)


def legend(pen: ImageDraw.ImageDraw, entries: list[tuple[str, str]]) -> None:
    """What the colours mean, at the right border of the title."""
    for index, (words, colour) in enumerate(entries):
        left = RIGHT - 620 + index * 180
        dots(pen, [(left, 44)], colour, 10)
        pen.text((left + 20, 44), words, INK, font(24), anchor="lm")
