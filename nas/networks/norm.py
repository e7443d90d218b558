"""Norms over the channels of every pixel."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.networks.calls import Call, Form, translate
from nas.ops import norm as ops


class LayerNorm(nn.Module):
    """Layer norm over the channels of every pixel: (B, channels, H, W) in and out.

    Args:
        channels: Channels in and out.
        eps: Added to the variance.

    Reference:
        Ba et al., Layer Normalization, 2016. https://arxiv.org/abs/1607.06450
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised feature."""
        tokens = functional.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, self.eps)
        return tokens.permute(0, 3, 1, 2)


class ElementwiseLayerNorm(LayerNorm):
    """The same, written element by element, channels first."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised feature."""
        centred = x - x.mean(1, keepdim=True)
        normal = centred / (centred.square().mean(1, keepdim=True) + self.eps).sqrt()
        return self.weight[:, None, None] * normal + self.bias[:, None, None]


class L2Norm(nn.Module):
    """Every pixel's channels divided by their Euclidean norm: (B, C, H, W) in and out.

    Args:
        eps: Smallest norm that is divided by.
    """

    def __init__(self, eps: float = 1e-12) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised feature."""
        return functional.normalize(x, dim=1, eps=self.eps)


@translate.register
def _layer_norm(op: ops.LayerNorm, widths: tuple[int, ...], form: Form) -> Call:
    return Call(LayerNorm if op.form == "framework" else ElementwiseLayerNorm, widths[0], op.eps)


@translate.register
def _l2_norm(op: ops.L2Norm, widths: tuple[int, ...], form: Form) -> Call:
    return Call(L2Norm, op.eps)
