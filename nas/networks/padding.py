"""Padding of images to sides that a network can work on."""

import torch
from torch import Tensor


def padded(image: Tensor, multiple: int, mode: str) -> Tensor:
    """Mirror an image at its right and lower border until both sides are multiples of ``multiple``.

    Args:
        image: (B, C, H, W).
        multiple: What the sides become multiples of.
        mode: ``flip`` repeats the pixels at the border, ``reflect`` does not.
    """
    rows, columns = (mirrored(side, -(-side // multiple) * multiple, mode) for side in image.shape[-2:])
    return image[..., rows[:, None], columns]


def mirrored(side: int, longer: int, mode: str) -> Tensor:
    """Return which of ``side`` positions each of ``longer`` ones repeats."""
    repeated = 1 if mode == "flip" else 0
    period = max(2 * side - 2 + 2 * repeated, 1)
    position = torch.arange(longer) % period
    return torch.minimum(position, (period - repeated - position).abs())
