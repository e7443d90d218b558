"""Cells that distil features while they refine them."""

import torch
from torch import Tensor, nn

from nas.networks.calls import Call, Form, call, translate
from nas.ops import refining as ops


class RfdCell(nn.Module):
    """Residual feature distillation: steps that refine, a 1x1 branch before each but the last, and their fusion.

    Args:
        refine: One for each step; the last one narrows.
        branches: 1x1 and activation, one for each step but the last.
        activations: One for each step.
        fusion: Joins branches and last step.
        attention: After the fusion.
        residual: Whether steps but the last add their input.

    Shapes:
        x: (B, C, H, W)
        returns: (B, C, H, W)

    Reference:
        Liu et al., Residual Feature Distillation Network, 2020. https://arxiv.org/abs/2009.11551
    """

    def __init__(
        self,
        refine: list[nn.Module],
        branches: list[nn.Module],
        activations: list[nn.Module],
        *,
        fusion: nn.Module,
        attention: nn.Module,
        residual: bool = True,
    ) -> None:
        super().__init__()
        self.refine, self.branches = nn.ModuleList(refine), nn.ModuleList(branches)
        self.activations, self.fusion, self.attention = nn.ModuleList(activations), fusion, attention
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """Return the attended fusion of all steps."""
        distilled = []
        for step, branch in enumerate(self.branches):
            distilled.append(branch(x))
            y = self.refine[step](x)
            x = self.activations[step](y + x if self.residual else y)
        distilled.append(self.activations[-1](self.refine[-1](x)))
        fused: Tensor = self.attention(self.fusion(torch.cat(distilled, dim=1)))
        return fused


@translate.register
def _rfd_cell(op: ops.RfdCell, widths: tuple[int, ...], form: Form) -> Call:
    (channels,), inner = widths, (op.inner(widths[0]),)
    parts = op.parts(channels)
    branch = Call(nn.Sequential, call(op.branch(channels), widths, form), call(op.activation, inner))
    made = Call(
        RfdCell,
        [call(part, widths, form) for part in parts],
        [branch] * (len(parts) - 1),
        [call(op.activation, inner if part is parts[-1] else widths) for part in parts],
        fusion=call(op.fusion(channels), (len(parts) * inner[0],), form),
        attention=call(op.attention, widths, form),
    )
    return made if op.residual else made.given(residual=False)
