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
    sides = ((side, -(-side // multiple) * multiple) for side in image.shape[-2:])
    rows, columns = (mirrored(side, longer, mode, image.device) for side, longer in sides)
    return image[..., rows[:, None], columns]


def mirrored(side: int, longer: int, mode: str, device: torch.device) -> Tensor:
    """Return which of ``side`` positions each of ``longer`` ones repeats; on the host, a GPU would wait for them."""
    repeated = 1 if mode == "flip" else 0
    period = max(2 * side - 2 + 2 * repeated, 1)
    position = torch.arange(longer, device=device) % period
    return torch.minimum(position, (period - repeated - position).abs())
