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
def _slice(op: ops.Slice, widths: tuple[int, ...], form: Form) -> Call:
    return Call(Slice, *op.channels)


@translate.register
def _resize(op: ops.Resize, widths: tuple[int, ...], form: Form) -> Call:
    corners = {"align_corners": False} if op.mode == "bilinear" else {}
    return Call(nn.Upsample, scale_factor=op.scale, mode=op.mode, **corners)


@translate.register
def _pixelshuffle(op: ops.PixelShuffle, widths: tuple[int, ...], form: Form) -> Call:
    return Call(nn.PixelShuffle, op.scale)
