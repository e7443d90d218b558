"""Modules on a part of the channels, or on their order."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.networks.calls import Call, Form, call, translate
from nas.ops import partial as ops


class Partial(nn.Module):
    """A convolution of the first channels; the others pass untouched: (B, C, H, W) in and out.

    Args:
        conv: Keeps channels, height and width.
        first: Channels that it gets.

    Reference:
        Chen et al., Run, Don't Walk (FasterNet), 2023. https://arxiv.org/abs/2303.03667
    """

    def __init__(self, conv: nn.Module, first: int) -> None:
        super().__init__()
        self.conv, self.first = conv, first

    def forward(self, x: Tensor) -> Tensor:
        """Return the feature with its first channels convolved."""
        return torch.cat((self.conv(x[:, : self.first]), x[:, self.first :]), dim=1)


class ChannelShuffle(nn.Module):
    """The channels of several groups, dealt in turn: (B, C, H, W) in and out."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """Return the channels in their new order."""
        batch, channels, height, width = x.shape
        grouped = x.reshape(batch, self.groups, channels // self.groups, height, width)
        return grouped.transpose(1, 2).reshape(batch, channels, height, width)


class Sobel(nn.Module):
    """Horizontal slopes, vertical slopes and magnitudes of every channel: (B, C, H, W) to (B, 3 C, H, W).

    Args:
        eps: Added under the root of the magnitude.
    """

    horizontal: Tensor
    vertical: Tensor

    def __init__(self, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        slope = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
        self.register_buffer("horizontal", slope.view(1, 1, 3, 3))
        self.register_buffer("vertical", slope.t().contiguous().view(1, 1, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Return the edges."""
        across, down = (
            functional.conv2d(x, kernel.expand(x.shape[1], -1, -1, -1), padding=1, groups=x.shape[1])
            for kernel in (self.horizontal, self.vertical)
        )
        return torch.cat((across, down, (across.square() + down.square() + self.eps).sqrt()), dim=1)


class Idle(nn.Module):
    """The feature itself, and ``count`` parameters that nothing uses."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.ones(count), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the feature."""
        return x


@translate.register
def _partial(op: ops.Partial, widths: tuple[int, ...], form: Form) -> Call:
    return Call(Partial, call(op.inner(), (op.first,), form), op.first)


@translate.register
def _channel_shuffle(op: ops.ChannelShuffle, widths: tuple[int, ...], form: Form) -> Call:
    return Call(ChannelShuffle, op.groups)


@translate.register
def _sobel(op: ops.Sobel, widths: tuple[int, ...], form: Form) -> Call:
    return Call(Sobel, op.eps)


@translate.register
def _idle(op: ops.Idle, widths: tuple[int, ...], form: Form) -> Call:
    return Call(Idle, op.count)
