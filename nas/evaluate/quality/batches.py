"""Random crops, flips and rotations, cut on the device from photographs that stay there as uint8.

What a step sees follows from (seed, step) alone: the draws are a hash of counters, in integers, and so the same on
every device; no generator has a state to save.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from nas.errors import DataError
from nas.evaluate.quality.data import Pair

DRAWS_PER_CROP = 4
_GOLDEN = -7046029254386353131
"""0x9E3779B97F4A7C15 as a signed number: SplitMix64's increment."""


class CropSource:
    """Training photographs on one device, ready to be cut into batches of square crops.

    Args:
        pairs: What to cut from; photographs smaller than the patch are left out.
        patch: Side of a crop in LR pixels.
        device: Where the photographs live and the batches appear.

    Raises:
        DataError: no photograph is as large as the patch.
    """

    def __init__(self, pairs: Sequence[Pair], patch: int, device: torch.device) -> None:
        usable = [pair for pair in pairs if min(pair.lr.shape[:2]) >= patch]
        if not usable:
            raise DataError(
                f"No training photograph has {patch}x{patch} LR pixels; use larger ones or a smaller patch."
            )
        self.scale = usable[0].hr.shape[0] // usable[0].lr.shape[0]
        self.patch = patch
        self.device = device
        self._lr = torch.cat([pair.lr.reshape(-1, 3) for pair in usable]).to(device)
        self._hr = torch.cat([pair.hr.reshape(-1, 3) for pair in usable]).to(device)
        sizes = torch.tensor([pair.lr.shape[:2] for pair in usable])
        self._heights, self._widths = sizes.to(device).unbind(1)
        areas = sizes.prod(1)
        self._starts = (areas.cumsum(0) - areas).to(device)
        self._lr_grids = _grids(patch, device)
        self._hr_grids = _grids(patch * self.scale, device)

    def draws(self, seed: int, step: int, *, steps: int, batch: int) -> Tensor:
        """The random numbers of ``steps`` batches from ``step`` on: (steps, batch, 4), int64, not negative."""
        return draws(seed, step, (steps, batch, DRAWS_PER_CROP), self.device)

    def batch(self, draws: Tensor) -> tuple[Tensor, Tensor]:
        """Cut one batch.

        Shapes:
            draws: (B, 4)
            returns: LR (B, 3, patch, patch) and HR (B, 3, scale * patch, scale * patch), float32 in [0, 1]
        """
        image, turn = draws[:, 0] % len(self._starts), draws[:, 3] % 8
        width = self._widths[image]
        y = draws[:, 1] % (self._heights[image] - self.patch + 1)
        x = draws[:, 2] % (width - self.patch + 1)
        start, s = self._starts[image], self.scale
        lr = _cut(self._lr, start + y * width + x, width, self._lr_grids[:, turn])
        hr = _cut(self._hr, start * s * s + y * s * width * s + x * s, width * s, self._hr_grids[:, turn])
        return lr, hr


def draws(seed: int, step: int, shape: tuple[int, int, int], device: torch.device) -> Tensor:
    """Uniform integers in [0, 2^63) that depend on the seed, the step and the place in the batch alone.

    Args:
        seed: Any integer below 2^63.
        step: The first step; the shape's first axis counts on from it.
        shape: (steps, batch, draws per crop)
        device: Where they appear; the values are the same everywhere.

    Reference:
        SplitMix64, Steele et al., 2014, as a hash of counters.
    """
    steps, batch, width = shape
    key = _mix(torch.tensor(seed, device=device) * _GOLDEN)
    rows = _mix(key + torch.arange(step, step + steps, device=device) * _GOLDEN)
    places = torch.arange(1, batch * width + 1, device=device) * _GOLDEN
    return (_mix(rows[:, None] + places) & (2**63 - 1)).view(shape)


def _mix(x: Tensor) -> Tensor:
    x = (x ^ _shift_right(x, 30)) * -4658895280553007687  # 0xBF58476D1CE4E5B9
    x = (x ^ _shift_right(x, 27)) * -7723592293110705685  # 0x94D049BB133111EB
    return x ^ _shift_right(x, 31)


def _shift_right(x: Tensor, bits: int) -> Tensor:
    return (x >> bits) & ((1 << (64 - bits)) - 1)  # torch's shift of int64 drags the sign along


def _grids(side: int, device: torch.device) -> Tensor:
    """Rows and columns of a square under its eight flips and rotations: (2, 8, side * side)."""
    line = torch.arange(side, device=device)
    down, right = torch.meshgrid(line, line, indexing="ij")
    last = side - 1
    flipped = [(down, right), (last - down, right), (down, last - right), (last - down, last - right)]
    turned = flipped + [(right, down) for down, right in flipped]
    return torch.stack([torch.stack([pair[axis].flatten() for pair in turned]) for axis in (0, 1)])


def _cut(pixels: Tensor, corner: Tensor, width: Tensor, grid: Tensor) -> Tensor:
    """Gather squares whose first pixel is ``corner`` from rows of ``width`` pixels: (B, 3, side, side) in [0, 1]."""
    index = corner[:, None] + grid[0] * width[:, None] + grid[1]
    side = int(grid.shape[2] ** 0.5)
    rows = pixels[index].view(len(corner), side, side, 3)
    return rows.permute(0, 3, 1, 2).float() / 255
