"""Blocks that modulate a part of the channels, and feed-forward blocks that mix all of them."""

import torch
from torch import Tensor, nn

from nas.networks.calls import Call, Form, call, translate
from nas.ops import modulation as ops


class Safm(nn.Module):
    """Spatially adaptive feature modulation of the first channels of a convolution.

    Args:
        project: One convolution of all channels, or first that of the modulated ones, then that of the others.
        gate: Modulates the first channels.
        activation: Before the mixing.
        mix: 1x1.
        split: Channels that are modulated.

    Shapes:
        x: (B, C, H, W)
        returns: (B, C, H, W)

    Reference:
        Sun et al., Spatially-Adaptive Feature Modulation, 2023. https://arxiv.org/abs/2302.13800
    """

    def __init__(
        self, project: list[nn.Module], gate: nn.Module, activation: nn.Module, mix: nn.Module, *, split: int
    ) -> None:
        super().__init__()
        self.project, self.split = nn.ModuleList(project), split
        self.gate, self.activation, self.mix = gate, activation, mix

    def forward(self, x: Tensor) -> Tensor:
        """Return the mixed feature."""
        projected = [conv(x) for conv in self.project]
        if len(projected) == 1:
            projected = [projected[0][:, : self.split], projected[0][:, self.split :]]
        seen, others = projected
        mixed: Tensor = self.mix(self.activation(torch.cat((others, self.gate(seen)), dim=1)))
        return mixed


class Ffn(nn.Module):
    """Feed-forward: a widening convolution, an activation, a 1x1 convolution back.

    Args:
        widen: Convolution to more channels.
        activation: After it, and after the depthwise convolution.
        back: 1x1 to the channels of the input.
        depthwise: Convolution of the widened feature, which is added to it.

    Shapes:
        x: (B, C, H, W)
        returns: (B, C, H, W)
    """

    def __init__(
        self, widen: nn.Module, activation: nn.Module, back: nn.Module, depthwise: nn.Sequential | None = None
    ) -> None:
        super().__init__()
        self.widen, self.activation, self.depthwise, self.back = widen, activation, depthwise, back

    def forward(self, x: Tensor) -> Tensor:
        """Return the mixed feature."""
        y = self.activation(self.widen(x))
        if self.depthwise is not None:
            y = y + self.depthwise(y)
        mixed: Tensor = self.back(y)
        return mixed


@translate.register
def _safm(op: ops.Safm, widths: tuple[int, ...], form: Form) -> Call:
    return Call(
        Safm,
        [call(conv, widths, form) for conv in op.parts(widths[0])],
        call(op.gate(), (op.split,), form),
        call(op.activation, widths),
        call(op.mix(widths[0]), widths, form),
        split=op.split,
    )


@translate.register
def _ffn(op: ops.Ffn, widths: tuple[int, ...], form: Form) -> Call:
    widen, depthwise, back = op.parts(widths[0])
    inner = (op.inner(widths[0]),)
    made = Call(Ffn, call(widen, widths, form), call(op.activation, inner), call(back, inner, form))
    if depthwise is None:
        return made
    return made.given(depthwise=Call(nn.Sequential, call(depthwise, inner, form), call(op.activation, inner)))
