"""Blocks: a few convolutions with their activations and attention."""

import torch
from torch import Tensor, nn

from nas.networks.activation import activations
from nas.networks.calls import Call, Form, call, translate
from nas.ops import activation as activation_ops
from nas.ops import attention as attention_ops
from nas.ops import block as ops


class ConvBlock(nn.Module):
    """A run of convolutions, each followed by an activation while there are any.

    Args:
        convs: Convolutions that keep height and width.
        activations: One for each convolution, or for each but the last.
        taps: Features returned after the result: ``conv1`` .. raw, ``act1`` .. activated.

    Shapes:
        x: (B, C, H, W)
        returns: (B, width, H, W), and after it one such feature for each tap
    """

    def __init__(self, convs: list[nn.Module], activations: list[nn.Module], taps: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.convs, self.activations, self.taps = nn.ModuleList(convs), nn.ModuleList(activations), taps

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the last feature and the tapped ones."""
        y, tapped = self.run(x)
        return (y, *tapped) if tapped else y

    def run(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the last feature and a list of the tapped ones."""
        tapped = {}
        for step, conv in enumerate(self.convs, 1):
            x = conv(x)
            if f"conv{step}" in self.taps:
                tapped[f"conv{step}"] = x.clone()  # the activation may overwrite it
            if step <= len(self.activations):
                x = self.activations[step - 1](x)
                if f"act{step}" in self.taps:
                    tapped[f"act{step}"] = x
        return x, [tapped[tap] for tap in self.taps]


class Spab(ConvBlock):
    """Swift parameter-free attention block: convolutions, a residual, and an attention on their sum.

    Args:
        convs: Convolutions that keep channels, height and width.
        activations: One for each convolution, or for each but the last.
        attention: What reweights the sum instead of the parameter-free attention.
        taps: Features returned after the result: ``conv1`` .. raw, ``act1`` .. activated.

    Shapes:
        x: (B, C, H, W)
        returns: (B, C, H, W), and after it one such feature for each tap

    Reference:
        Wan et al., Swift Parameter-free Attention Network, 2023. https://arxiv.org/abs/2311.12770
    """

    def __init__(
        self,
        convs: list[nn.Module],
        activations: list[nn.Module],
        attention: nn.Module | None = None,
        taps: tuple[str, ...] = (),
    ) -> None:
        super().__init__(convs, activations, taps)
        self.attention = attention

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the reweighted sum and the tapped features."""
        y, tapped = self.run(x)
        out = (y + x) * (torch.sigmoid(y) - 0.5) if self.attention is None else self.attention(y + x)
        return (out, *tapped) if tapped else out


class DistillCell(nn.Module):
    """Feature distillation: a chain of activated convolutions, a 1x1 branch from every stage, fusion, attention.

    Args:
        convs: The chain; keeps channels, height and width.
        activations: One for each convolution.
        branches: One from the input and one from every stage.
        fusion: Joins the branches.
        attention: After the fusion.

    Shapes:
        x: (B, C, H, W)
        returns: (B, C, H, W)

    Reference:
        Wang, Edge-enhanced Feature Distillation Network, 2022. https://arxiv.org/abs/2204.08759
    """

    def __init__(
        self,
        convs: list[nn.Module],
        activations: list[nn.Module],
        *,
        branches: list[nn.Module],
        fusion: nn.Module,
        attention: nn.Module,
    ) -> None:
        super().__init__()
        self.convs, self.activations = nn.ModuleList(convs), nn.ModuleList(activations)
        self.branches, self.fusion, self.attention = nn.ModuleList(branches), fusion, attention

    def forward(self, x: Tensor) -> Tensor:
        """Return the reweighted fusion of all stages."""
        distilled = [self.branches[0](x)]
        for conv, activation, branch in zip(self.convs, self.activations, self.branches[1:], strict=True):
            x = activation(conv(x))
            distilled.append(branch(x))
        fused: Tensor = self.attention(self.fusion(torch.cat(distilled, dim=1)))
        return fused


@translate.register
def _conv_block(op: ops.ConvBlock, widths: tuple[int, ...], form: Form) -> Call:
    out = op.channels_out(widths)
    convs = [call(conv, (out,) if step else widths, form) for step, conv in enumerate(op.parts(widths[0]))]
    return Call(ConvBlock, convs, activations(op.activation, out, op.n if op.act_on_last else op.n - 1))


@translate.register
def _spab(op: ops.Spab, widths: tuple[int, ...], form: Form) -> Call:
    convs = [call(conv, widths, form) for conv in op.parts(widths[0])]
    between = activations(op.activation, widths[0], op.n if op.act_on_last else op.n - 1)
    if not isinstance(op.after_conv, activation_ops.Nothing):
        after = call(op.after_conv, widths, form)
        between = [Call(nn.Sequential, after, item) for item in between]
        if not op.act_on_last:
            convs[-1] = Call(nn.Sequential, convs[-1], after)
    made = Call(Spab, convs, between)
    if isinstance(op.attention, attention_ops.ParameterFree):
        return made
    if isinstance(op.attention, activation_ops.Nothing):
        return made.given(attention=Call(nn.Identity))
    return made.given(attention=call(op.attention, widths, form))


@translate.register
def _distill_cell(op: ops.DistillCell, widths: tuple[int, ...], form: Form) -> Call:
    (channels,), convs = widths, op.parts(widths[0])
    joined = op.inner * (len(convs) + 1)
    return Call(
        DistillCell,
        [call(conv, widths, form) for conv in convs],
        activations(op.activation, channels, len(convs)),
        branches=[call(op.branch(channels), widths, form)] * (len(convs) + 1),
        fusion=call(op.fusion(channels), (joined,), form),
        attention=call(op.attention, widths, form),
    )
