"""Involution: a window whose weights are made of the pixel that it is centred on."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.networks.calls import Call, Form, call, translate
from nas.ops import involution as ops


class Involution(nn.Module):
    """Every pixel's zero-padded window times weights made of the pixel.

    Args:
        reduce: 1x1 to ``inner`` channels.
        span: 1x1 to a weight for each tap and group.
        inner: Channels between the two.
        kernel: Side of the window, odd.
        groups: Groups of channels that share weights.

    Shapes:
        x: (B, C, H, W)
        returns: (B, C, H, W)

    Reference:
        Li et al., Involution, 2021. https://arxiv.org/abs/2103.06255
    """

    def __init__(self, reduce: nn.Module, span: nn.Module, *, inner: int, kernel: int, groups: int) -> None:
        super().__init__()
        self.reduce, self.norm, self.span = reduce, nn.BatchNorm2d(inner), span
        self.kernel, self.groups = kernel, groups

    def forward(self, x: Tensor) -> Tensor:
        """Return the weighted sums."""
        (batch, channels, height, width), half = x.shape, self.kernel // 2
        weights = self.span(torch.relu(self.norm(self.reduce(x))))
        weights = weights.view(batch, self.groups, 1, -1, height, width)
        padded = functional.pad(x, (half, half, half, half))
        padded = padded.view(batch, self.groups, channels // self.groups, height + 2 * half, width + 2 * half)
        total = torch.zeros_like(padded[..., :height, :width])
        for tap in range(self.kernel**2):
            row, column = divmod(tap, self.kernel)
            seen = padded[..., row : row + height, column : column + width]
            total = total + weights[:, :, :, tap] * seen
        return total.view(batch, channels, height, width)


@translate.register
def _involution(op: ops.Involution, widths: tuple[int, ...], form: Form) -> Call:
    reduce, span = op.parts(widths[0])
    inner = op.inner(widths[0])
    return Call(
        Involution,
        call(reduce, widths, form),
        call(span, (inner,), form),
        inner=inner,
        kernel=op.kernel,
        groups=op.groups,
    )
