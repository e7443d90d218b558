"""Whole pictures through a network, in tiles only where memory demands, and how far such tiles must overlap."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nas.errors import MeasurementError
from nas.evaluate.quality.memory import out_of_memory
from nas.evaluate.quality.turns import Point, undisturbed

GRID = 48
"""Tiles begin at multiples of it, which strides of 2, 3 and 6 and windows of 8, 12 and 16 divide."""

FARTHEST = 96
"""A network that sees farther is taken to see everything."""

SAME = 1e-5
"""Values as near as this are the same but for the order in which a library adds; images are in [0, 1]."""

FIRST_SIDE, LEAST_SIDE = 512, 64
WHOLE_PIXELS = 2**21
"""More LR pixels are worked in tiles on a CPU, where a system that is out of memory kills instead of answering."""

SEED = 0

Warn = Callable[[str], None]


@dataclass(frozen=True)
class Tiling:
    """Tiles of ``side`` LR pixels that overlap their neighbours by ``overlap`` on every side."""

    side: int
    overlap: int

    exact: bool
    """Whether the tiled result is the whole picture's; a network that looks at all of it, or moves its windows or
    pools with the picture's size, gives another."""


@contextmanager
def seeded(device: torch.device) -> Iterator[None]:
    """Fix what a network draws at random when it is run, and leave the process's own generators as they were."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(SEED)
        yield


def restore(network: nn.Module, lr_bchw: Tensor, *, tiling: Tiling | None = None, point: Point = undisturbed) -> Tensor:
    """Enlarge one picture; the same picture gives the same result whatever the network draws.

    ``point`` is called between tiles.

    Shapes:
        lr_bchw: (1, 3, h, w) in [0, 1], where the network is
        returns: (1, 3, scale * h, scale * w), on the CPU if tiled
    """
    with torch.inference_mode(), seeded(lr_bchw.device):
        restored: Tensor = network(lr_bchw) if tiling is None else _tiled(network, lr_bchw, tiling, point)
        return restored


def restore_where_it_fits(network: nn.Module, lr_bchw: Tensor, *, warn: Warn, point: Point = undisturbed) -> Tensor:
    """As ``restore``, whole; where memory does not allow that, in tiles of 512, 256, ... LR pixels; ``warn`` is told.

    Raises:
        MeasurementError: not even the smallest tiles fit.
    """
    large = lr_bchw.device.type == "cpu" and lr_bchw.shape[-2] * lr_bchw.shape[-1] > WHOLE_PIXELS
    side = FIRST_SIDE if large else 2 * FIRST_SIDE
    while side >= LEAST_SIDE:
        try:
            tiling = measure(network, side, lr_bchw.device, point=point) if side <= FIRST_SIDE else None
            restored = restore(network, lr_bchw, tiling=tiling, point=point)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            side //= 2
            point()
        else:
            if tiling is not None:
                warn(sentence(tiling))
            return restored
    raise MeasurementError(f"A picture does not fit into memory, not even in tiles of {LEAST_SIDE}x{LEAST_SIDE}.")


def sentence(tiling: Tiling) -> str:
    """What a user should know of a tiled result."""
    if tiling.exact:
        return f"worked in tiles of {tiling.side} with {tiling.overlap} LR pixels of overlap; the result is the same"
    return f"worked in tiles of {tiling.side}; this network looks at the whole picture, so tiles change its result"


def measure(network: nn.Module, side: int, device: torch.device, *, point: Point = undisturbed) -> Tiling:
    """How far tiles must overlap: the network on a part of a random picture, beside the same part of the whole.

    The part is cut on all four sides; from the distance at which nothing differs any more, a tile shows what the
    whole picture would.
    """
    around = GRID
    inside = 2 * FARTHEST + GRID
    picture = torch.rand(1, 3, *[inside + 2 * around] * 2, generator=torch.Generator().manual_seed(SEED)).to(device)
    cut = slice(around, around + inside)
    whole = restore(network, picture)
    point()
    part = restore(network, picture[..., cut, cut])
    scale = whole.shape[-1] // picture.shape[-1]
    around, inside = around * scale, inside * scale
    expected = whole[..., around : around + inside, around : around + inside]
    differs = (part - expected).abs().amax((0, 1)) > SAME
    line = torch.arange(inside, device=device)
    depth = torch.minimum(line, inside - 1 - line)
    reached = torch.minimum(depth[:, None], depth)[differs]
    least = 0 if not len(reached) else int(reached.max()) // scale + 1
    exact = least <= FARTHEST
    point()
    return Tiling(side, -(-least // GRID) * GRID if exact else GRID, exact)


def _tiled(network: nn.Module, lr_bchw: Tensor, tiling: Tiling, point: Point) -> Tensor:
    height, width = lr_bchw.shape[-2:]
    side = max(tiling.side // GRID, 1) * GRID
    result: Tensor | None = None
    for top in range(0, height, side):
        for left in range(0, width, side):
            above, before = max(top - tiling.overlap, 0), max(left - tiling.overlap, 0)
            below, behind = top + side + tiling.overlap, left + side + tiling.overlap
            part = lr_bchw[..., above:below, before:behind]
            restored = network(part).cpu()
            scale = restored.shape[-1] // part.shape[-1]
            if result is None:
                result = restored.new_empty(1, 3, scale * height, scale * width)
            place = result[..., scale * top : scale * (top + side), scale * left : scale * (left + side)]
            y, x = scale * (top - above), scale * (left - before)
            place.copy_(restored[..., y : y + place.shape[-2], x : x + place.shape[-1]])
            point()
    assert result is not None
    return result
