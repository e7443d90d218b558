"""Photographs with their reductions, and what a device holds of them."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from nas.evaluate.quality.turns import Point, undisturbed


@dataclass(frozen=True, eq=False)
class Pair:
    """A photograph and its reduction.

    Shapes:
        hr: (scale * h, scale * w, 3), uint8
        lr: (h, w, 3), uint8
    """

    name: str
    hr: Tensor
    lr: Tensor


class Resident(NamedTuple):
    """All pixels of some pairs on one device, row by row and image after image.

    Shapes:
        hr: (scale^2 * N, 3), uint8
        lr: (N, 3), uint8
        starts, heights, widths: (images,), int64, of the reductions
    """

    hr: Tensor
    lr: Tensor
    starts: Tensor
    heights: Tensor
    widths: Tensor


class Pairs(tuple[Pair, ...]):
    """Pairs in a fixed order; a copy of them on a device is made once, however many stages cut from it."""

    @cached_property
    def bytes(self) -> int:
        """What all pixels take."""
        return sum(pair.hr.numel() + pair.lr.numel() for pair in self)

    def resident(self, device: torch.device, point: Point = undisturbed) -> Resident:
        """The pairs on ``device``, copied there one by one so that the host never holds them twice.

        ``point`` is called before each.
        """
        if device not in self._residents:
            sizes = torch.tensor([pair.lr.shape[:2] for pair in self])
            areas = sizes.prod(1)
            heights, widths = sizes.to(device).unbind(1)
            hr, lr = (
                _flat(images, device, point) for images in ([pair.hr for pair in self], [pair.lr for pair in self])
            )
            self._residents[device] = Resident(hr, lr, (areas.cumsum(0) - areas).to(device), heights, widths)
        return self._residents[device]

    def held_by(self, device: torch.device) -> bool:
        """Whether the pairs are on ``device`` already."""
        return device in self._residents

    @cached_property
    def _residents(self) -> dict[torch.device, Resident]:
        return {}


def _flat(images: list[Tensor], device: torch.device, point: Point) -> Tensor:
    rows = [image.reshape(-1, 3) for image in images]
    flat = torch.empty(sum(map(len, rows)), 3, dtype=torch.uint8, device=device)
    for place, image in zip(torch.split(flat, [len(row) for row in rows]), rows, strict=True):
        point()
        place.copy_(image)
    return flat
