"""Attentions."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.networks.activation import activations
from nas.networks.calls import Call, Form, call, translate
from nas.ops import attention as ops


class ParameterFree(nn.Module):
    """y * (sigmoid(y) - 0.5), of any shape."""

    def forward(self, y: Tensor) -> Tensor:
        """Return the reweighted feature."""
        return y * (torch.sigmoid(y) - 0.5)


class Esa(nn.Module):
    """Enhanced spatial attention: squeeze, shrink, look around, grow back, gate.

    Args:
        squeeze: To few channels.
        strided: Halves height and width.
        pooled: Convolutions on the pooled map.
        activations: After each of them but the last.
        carry: Takes the squeezed feature past the pooling.
        expand: Back to the channels of the input.

    Shapes:
        x: (B, C, H, W), H and W at least 15
        returns: (B, C, H, W)

    Reference:
        Liu et al., Residual Feature Aggregation Network, 2020
    """

    def __init__(
        self,
        squeeze: nn.Module,
        strided: nn.Module,
        pooled: list[nn.Module],
        activations: list[nn.Module],
        *,
        carry: nn.Module,
        expand: nn.Module,
    ) -> None:
        super().__init__()
        self.squeeze, self.strided = squeeze, strided
        self.pooled, self.activations = nn.ModuleList(pooled), nn.ModuleList(activations)
        self.carry, self.expand = carry, expand

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` times a gate in (0, 1)."""
        squeezed = self.squeeze(x)
        y = self.pooled[0](functional.max_pool2d(self.strided(squeezed), 7, stride=3))
        for activation, conv in zip(self.activations, self.pooled[1:], strict=True):
            y = conv(activation(y))
        y = functional.interpolate(y, size=squeezed.shape[-2:], mode="bilinear", align_corners=False)
        return x * torch.sigmoid(self.expand(y + self.carry(squeezed)))


@translate.register
def _parameter_free(op: ops.ParameterFree, widths: tuple[int, ...], form: Form) -> Call:
    return Call(ParameterFree)


@translate.register
def _esa(op: ops.Esa, widths: tuple[int, ...], form: Form) -> Call:
    parts, inner = op.parts(widths[0]), (op.inner,)
    return Call(
        Esa,
        call(parts.squeeze, widths, form),
        call(parts.strided, inner, form),
        [call(conv, inner, form) for conv in parts.pooled],
        activations(op.activation, op.inner, len(parts.pooled) - 1),
        carry=Call(nn.Identity) if parts.carry is None else call(parts.carry, inner, form),
        expand=call(parts.expand, inner, form),
    )
