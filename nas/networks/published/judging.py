"""Which of several networks is the trained one: published names sometimes leave open where a tensor goes."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from nas.networks.network import Network

SIDE, DISCS, BORDER = 64, 24, 8
"""Of the picture that decides: its side (every system takes it), its discs, and the pixels cut off its enlargement."""

ENLARGES = 0.1
"""Mean difference, of values in [0, 1], from the picture in full size below which a network enlarges it."""


def likeliest(networks: Sequence[Network]) -> Network:
    """Return the network that enlarges a picture best; the first one when none enlarges at all.

    Of trained layers, any order but the right one leaves nothing of the picture, or at least its edges less sharp.
    """
    best = min(networks, key=apart)
    return best if apart(best) < ENLARGES else networks[0]


@torch.no_grad()
def apart(network: Network) -> float:
    """Return the mean difference of a picture that the network enlarged from that picture in full size."""
    full = picture(SIDE * network.graph.scale)
    small = functional.interpolate(full, size=(SIDE, SIDE), mode="bicubic", antialias=True).clamp(0, 1)
    with torch.random.fork_rng(devices=[]):  # some networks draw noise
        difference = (network(small) - full)[..., BORDER:-BORDER, BORDER:-BORDER].abs().mean().item()
    return difference if math.isfinite(difference) else math.inf


def picture(side: int) -> Tensor:
    """Return discs and stripes of many sizes on soft shades: (1, 3, side, side), always the same."""
    draw = torch.Generator().manual_seed(0)
    line = (torch.arange(side) + 0.5) / side
    rows, columns = torch.meshgrid(line, line, indexing="ij")
    shades = torch.stack((rows, columns, 1 - rows)) * 0.5 + 0.25
    stripes = 0.15 * torch.sin(2 * math.pi * (2 + 10 * columns) * columns) * (rows > 0.5)
    image = shades + stripes
    for row, column, radius, *colour in torch.rand(DISCS, 6, generator=draw).tolist():
        distance = ((rows - row).square() + (columns - column).square()).sqrt()
        inside = ((0.02 + 0.15 * radius**2 - distance) * side + 0.5).clamp(0, 1)
        image = torch.lerp(image, torch.tensor(colour)[:, None, None], inside)
    return image[None].clamp(0, 1)
