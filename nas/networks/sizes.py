"""Modules that change a feature's height and width inside a network."""

from torch import Tensor, nn
from torch.nn import functional

from nas.networks.calls import Call, Form, translate
from nas.ops import sizes as ops


class Fit(nn.Module):
    """A feature, resized to the height and width of another: (B, C, h, w) and (B, D, H, W) to (B, C, H, W).

    Args:
        mode: ``bilinear`` or ``nearest``.
    """

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.mode = mode

    def forward(self, x: Tensor, like: Tensor) -> Tensor:
        """Return the resized feature."""
        corners = None if self.mode == "nearest" else False
        return functional.interpolate(x, size=like.shape[-2:], mode=self.mode, align_corners=corners)


@translate.register
def _max_pool(op: ops.MaxPool, widths: tuple[int, ...], form: Form) -> Call:
    return Call(nn.MaxPool2d, op.kernel, stride=op.stride, padding=op.padding)


@translate.register
def _fit(op: ops.Fit, widths: tuple[int, ...], form: Form) -> Call:
    return Call(Fit, op.mode)
