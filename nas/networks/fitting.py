"""Starting values where no channel can carry the image: the last convolution, fitted to features as they are.

What random layers make of an image still holds it, mixed up. Ridge regression finds the kernel of the last convolution
that comes nearest to interpolation from there, whatever the layers are.
"""

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.networks.network import Network
from nas.networks.parts import AddPart, ConvPart, Part, ShufflePart

SIDE, IMAGES = 48, 4
RIDGE = 1e-4
"""Weight of small weights against a near fit, relative to the mean energy of the features."""

ENOUGH = 0.9
"""Share of what interpolation makes of an image that a fit has to explain to be taken."""


def fit(network: Network, parts: list[Part], output: int, scale: int) -> bool:
    """Fit the last convolution; returns whether that was done.

    Args:
        network: A network in training form.
        parts: Its parts.
        output: Wire of its result.
        scale: Enlargement of each side.
    """
    conv, shuffle = last(parts, output)
    if conv is None:
        return False
    images = scenes()
    target = functional.interpolate(images, scale_factor=scale, mode="bicubic").clamp(0, 1)
    weight, bias = (None if tensor is None else tensor.clone() for tensor in conv.kernel)
    assert weight is not None
    conv.assign(torch.zeros_like(weight), None if bias is None else torch.zeros_like(bias))
    features, rest = seen(network, conv.module, images)
    wanted = functional.pixel_unshuffle(target - rest, shuffle).double()
    columns = unfolded(features.double(), weight.shape[2:])
    if features.shape[-2:] != wanted.shape[-2:]:
        conv.assign(weight, bias)
        return False
    found, error = ridge(columns, wanted.transpose(0, 1).flatten(1).T, biased=bias is not None)
    if error > (1 - ENOUGH) * wanted.var().item():
        conv.assign(weight, bias)
        return False
    conv.assign(found[:-1].T.reshape(weight.shape), None if bias is None else found[-1])
    return True


def last(parts: list[Part], output: int) -> tuple[ConvPart | None, int]:
    """Return the dense convolution that only a shuffle and sums separate from the output, and the shuffle's side."""
    side, waiting = 1, [output]
    while waiting:
        wire = waiting.pop()
        part = parts[wire] if wire >= 0 else None
        if isinstance(part, ConvPart) and not (part.fixed or part.grouped) and part.toll() < 2:
            return part, side
        if isinstance(part, ShufflePart) and side == 1:
            side = round(part.size**0.5)
            waiting.append(part.inputs[0])
        elif isinstance(part, AddPart):
            waiting.extend(part.inputs)
    return None, side


@cache
def scenes() -> Tensor:
    """Return images with detail at every size, always the same: (IMAGES, 3, SIDE, SIDE) in [0, 1]."""
    generator, total = torch.Generator().manual_seed(0), torch.full((IMAGES, 3, SIDE, SIDE), 0.5)
    for cells in (2, 4, 8, 16, 32):
        noise = torch.randn(IMAGES, 3, cells, cells, generator=generator) / cells
        total = total + 0.5 * functional.interpolate(noise, size=(SIDE, SIDE), mode="bicubic")
    return total.clamp(0, 1)


@torch.inference_mode()
def seen(network: Network, module: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return what a module reads when the network runs, and the network's result."""
    read: list[Tensor] = []
    hook = module.register_forward_hook(lambda _, inputs, __: read.append(inputs[0].clone()))
    training = network.training
    result = network.eval()(images)
    network.train(training)
    hook.remove()
    return read[-1], result


def unfolded(features: Tensor, kernel: torch.Size) -> Tensor:
    """Return one row for every pixel: its window of all channels, and 1; zeros surround the image."""
    height, width = kernel
    windows = functional.unfold(features, (height, width), padding=(height // 2, width // 2))
    rows = windows.transpose(1, 2).flatten(0, 1)
    return torch.cat([rows, torch.ones(len(rows), 1, dtype=rows.dtype)], dim=1)


def ridge(columns: Tensor, wanted: Tensor, *, biased: bool) -> tuple[Tensor, float]:
    """Return the weights (columns, outputs) that fit best, and the mean squared error."""
    if not biased:
        columns = torch.cat([columns[:, :-1], torch.zeros_like(columns[:, -1:])], dim=1)
    gram = columns.T @ columns
    penalty = (RIDGE * gram.diagonal()[:-1].mean()).clamp_min(1e-12)  # features may all be zero
    damped = gram + torch.diag(torch.cat([penalty.repeat(len(gram) - 1), torch.ones(1).to(penalty)]))
    found = torch.linalg.solve(damped, columns.T @ wanted)
    return found, (columns @ found - wanted).square().mean().item()
