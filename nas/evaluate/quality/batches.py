"""Random crops, flips and rotations, cut where the photographs are and kept there as uint8.

What a step sees follows from (seed, step) alone: the draws are a hash of counters, in integers, and so the same on
every device; no generator has a state to save. Wherever the photographs are kept, the batches are the same to the bit.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.errors import DataError
from nas.evaluate.quality import data_memory
from nas.evaluate.quality.data_pairs import Pair, Pairs, Resident
from nas.evaluate.quality.turns import Point, undisturbed

DRAWS_PER_CROP = 4
_GOLDEN = -7046029254386353131
"""0x9E3779B97F4A7C15 as a signed number: SplitMix64's increment."""


class CropSource:
    """Training photographs, ready to be cut into batches of square crops.

    A GPU that has room for them holds them all, and cuts a batch in a few kernels. Otherwise the host cuts, out of
    memory or mapped files, while the device is busy with the step before; the crops go there through pinned memory.

    Args:
        pairs: What to cut from; photographs smaller than the patch are left out.
        patch: Side of a crop in LR pixels.
        device: Where the batches appear.
        resident: Whether ``device`` holds the photographs; by default a GPU does where they fit.
        point: Called before each photograph is copied there.

    Raises:
        DataError: no photograph is as large as the patch.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        patch: int,
        device: torch.device,
        *,
        resident: bool | None = None,
        point: Point = undisturbed,
    ) -> None:
        pairs = pairs if isinstance(pairs, Pairs) else Pairs(pairs)
        if not pairs:
            raise DataError("The data set has photographs to judge by and none to train on; add some to it.")
        usable = [number for number, pair in enumerate(pairs) if min(pair.lr.shape[:2]) >= patch]
        if not usable:
            raise DataError(
                f"No training photograph has {patch}x{patch} LR pixels; use larger ones or a smaller patch."
            )
        if resident is None:
            # What an earlier stage or training left there is not copied twice, though less is free than it took.
            fits = pairs.held_by(device) or pairs.bytes <= data_memory.device_bytes(device)
            resident = device.type != "cpu" and fits
        self.device = device
        self._cutter: _ResidentCutter | _HostCutter
        if resident:
            self._cutter = _ResidentCutter(pairs.resident(device, point), usable, patch, _scale(pairs))
        else:
            self._cutter = _HostCutter(pairs, usable, patch, device)

    def draws(self, seed: int, step: int, *, steps: int, batch: int) -> Tensor:
        """The random numbers of ``steps`` batches from ``step`` on, where they are needed: (steps, batch, 4), int64."""
        return draws(seed, step, (steps, batch, DRAWS_PER_CROP), self._cutter.draws_on)

    def batch(self, draws: Tensor) -> tuple[Tensor, Tensor]:
        """Cut one batch.

        Shapes:
            draws: (B, 4)
            returns: LR (B, 3, patch, patch) and HR (B, 3, scale * patch, scale * patch), float32 in [0, 1]
        """
        lr, hr = (crops.to(self.device, non_blocking=True).float() for crops in self._cutter.cut(draws))
        return lr.div_(255), hr.div_(255)


class _ResidentCutter:
    """Gathers all crops of a batch at once, from all pixels in one tensor."""

    def __init__(self, pixels: Resident, usable: Sequence[int], patch: int, scale: int) -> None:
        device = self.draws_on = pixels.lr.device
        self._pixels = pixels
        self._usable = torch.tensor(usable, device=device)
        self._scale = scale
        self._patch = patch
        self._lr_grids = _grids(patch, device)
        self._hr_grids = _grids(patch * scale, device)

    def cut(self, draws: Tensor) -> tuple[Tensor, Tensor]:
        image, turn = self._usable[draws[:, 0] % len(self._usable)], draws[:, 3] % 8
        width, s = self._pixels.widths[image], self._scale
        y = draws[:, 1] % (self._pixels.heights[image] - self._patch + 1)
        x = draws[:, 2] % (width - self._patch + 1)
        start = self._pixels.starts[image]
        lr = _gather(self._pixels.lr, start + y * width + x, width, self._lr_grids[:, turn])
        corner = start * s * s + y * s * width * s + x * s
        return lr, _gather(self._pixels.hr, corner, width * s, self._hr_grids[:, turn])


class _HostCutter:
    """Copies crop after crop: on a CPU far faster than to gather, and it touches no other page of a mapped file."""

    draws_on = torch.device("cpu")

    def __init__(self, pairs: Pairs, usable: Sequence[int], patch: int, device: torch.device) -> None:
        self._hr = [pairs[number].hr.numpy() for number in usable]
        self._lr = [pairs[number].lr.numpy() for number in usable]
        self._scale = _scale(pairs)
        self._patch = patch
        self._pinned = device.type == "cuda"

    def cut(self, draws: Tensor) -> tuple[Tensor, Tensor]:
        lr = self._empty(len(draws), self._patch)
        hr = self._empty(len(draws), self._patch * self._scale)
        lr_bchw, hr_bchw = lr.numpy(), hr.numpy()
        for place, (image, y, x, turn) in enumerate(draws.tolist()):
            chosen = image % len(self._lr)
            y %= self._lr[chosen].shape[0] - self._patch + 1
            x %= self._lr[chosen].shape[1] - self._patch + 1
            lr_bchw[place] = _square(self._lr[chosen], y, x, self._patch, turn % 8)
            side = self._patch * self._scale
            hr_bchw[place] = _square(self._hr[chosen], y * self._scale, x * self._scale, side, turn % 8)
        return lr, hr

    def _empty(self, batch: int, side: int) -> Tensor:
        return torch.empty(batch, 3, side, side, dtype=torch.uint8, pin_memory=self._pinned)


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


def _gather(pixels: Tensor, corner: Tensor, width: Tensor, grid: Tensor) -> Tensor:
    """Squares whose first pixel is ``corner`` from rows of ``width`` pixels: (B, 3, side, side)."""
    index = corner[:, None] + grid[0] * width[:, None] + grid[1]
    side = int(grid.shape[2] ** 0.5)
    return pixels[index].view(len(corner), side, side, 3).permute(0, 3, 1, 2).contiguous()


def _square(image: NDArray[np.uint8], y: int, x: int, side: int, turn: int) -> NDArray[np.uint8]:
    """One crop under one of the eight flips and rotations of ``_grids``, as a view: (3, side, side)."""
    square = image[y : y + side, x : x + side].transpose((2, 1, 0) if turn & 4 else (2, 0, 1))
    return square[:, :: -1 if turn & 1 else 1, :: -1 if turn & 2 else 1]


def _scale(pairs: Pairs) -> int:
    return pairs[0].hr.shape[0] // pairs[0].lr.shape[0]
