"""Modules that join features, take part of one, or change its size."""

import torch
from torch import Tensor, nn

from nas.networks.calls import Call, Form, translate
from nas.ops import fusion as ops


class Concat(nn.Module):
    """Features side by side along the channel axis: (B, C1, H, W), (B, C2, H, W), ... to (B, C1 + C2 + ..., H, W)."""

    def forward(self, *features: Tensor) -> Tensor:
        """Return the joined feature."""
        return torch.cat(features, dim=1)


class Add(nn.Module):
    """The sum of features of one shape."""

    def forward(self, *features: Tensor) -> Tensor:
        """Return the sum, added from the left."""
        total = features[0]
        for feature in features[1:]:
            total = total + feature
        return total


class Multiply(nn.Module):
    """The product of features of one shape, element by element."""

    def forward(self, *features: Tensor) -> Tensor:
        """Return the product, multiplied from the left."""
        product = features[0]
        for feature in features[1:]:
            product = product * feature
        return product


class LayerScale(nn.Module):
    """Every channel times a learned factor: (B, channels, H, W) in and out.

    Args:
        channels: Channels in and out.
        init: The factors at the start of training.

    Reference:
        Touvron et al., Going deeper with Image Transformers, 2021. https://arxiv.org/abs/2103.17239
    """

    def __init__(self, channels: int, init: float = 1e-6) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((1, channels, 1, 1), init))

    def forward(self, x: Tensor) -> Tensor:
        """Return the scaled feature."""
        return x * self.scale


class RepeatChannels(nn.Module):
    """Every channel several times in a row: (B, C, H, W) to (B, times * C, H, W)."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def forward(self, x: Tensor) -> Tensor:
        """Return the repeated channels."""
        return x.repeat_interleave(self.times, dim=1)


class Slice(nn.Module):
    """Channels from ``first`` to just before ``last``."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__()
        self.first, self.last = first, last

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, last - first, H, W)."""
        return x[:, self.first : self.last]


@translate.register
def _concat(op: ops.Concat, widths: tuple[int, ...], form: Form) -> Call:
    return Call(Concat)


@translate.register
def _add(op: ops.Add, widths: tuple[int, ...], form: Form) -> Call:
    return Call(Add)


@translate.register
def _multiply(op: ops.Multiply, widths: tuple[int, ...], form: Form) -> Call:
    return Call(Multiply)


@translate.register
def _layer_scale(op: ops.LayerScale, widths: tuple[int, ...], form: Form) -> Call:
    return Call(LayerScale, widths[0], op.init) if form == "training" else Call(LayerScale, widths[0])


@translate.register
def _repeat_channels(op: ops.RepeatChannels, widths: tuple[int, ...], form: Form) -> Call:
    return Call(RepeatChannels, op.times)


@translate.register
def _slice(op: ops.Slice, widths: tuple[int, ...], form: Form) -> Call:
    return Call(Slice, *op.channels)


@translate.register
def _resize(op: ops.Resize, widths: tuple[int, ...], form: Form) -> Call:
    corners = {"align_corners": False} if op.mode == "bilinear" else {}
    return Call(nn.Upsample, scale_factor=op.scale, mode=op.mode, **corners)


@translate.register
def _pixelshuffle(op: ops.PixelShuffle, widths: tuple[int, ...], form: Form) -> Call:
    return Call(nn.PixelShuffle, op.scale)
