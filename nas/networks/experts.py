"""A mixture of experts, of which one acts on an image."""

import torch
from torch import Tensor, nn

from nas.networks.calls import Call, Form, call, translate
from nas.ops import experts as ops


class Expert(nn.Module):
    """The product of two features at a low rank.

    Args:
        first: 1x1 of the first feature to the rank.
        second: 1x1 of the second.
        expand: 1x1 of their product back.
    """

    def __init__(self, first: nn.Module, second: nn.Module, expand: nn.Module) -> None:
        super().__init__()
        self.first, self.second, self.expand = first, second, expand

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return (B, channels, H, W)."""
        product: Tensor = self.expand(self.first(a) * self.second(b))
        return product


class ExpertMixture(nn.Module):
    """The first of two features, plus what the expert that it chooses makes of both.

    In evaluation only the chosen expert runs; in training, and where a graph is recorded, all of them do, and all but
    the chosen one count nothing.

    Args:
        channels: Channels in and out.
        experts: Each takes both features.

    Shapes:
        a, b: (B, channels, H, W)
        returns: (B, channels, H, W)

    Reference:
        Team AiMF_SR (MoEA) in the NTIRE 2025 Efficient Super-Resolution report
    """

    def __init__(self, channels: int, experts: list[nn.Module]) -> None:
        super().__init__()
        self.router = nn.Linear(channels, len(experts), bias=False)
        self.experts = nn.ModuleList(experts)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the mixture."""
        means = nn.functional.adaptive_avg_pool2d(a, 1).flatten(1)
        weight, chosen = self.router(means).softmax(dim=1).max(dim=1)
        if self.training or torch.compiler.is_compiling():
            made = self.all(a, b, chosen)
        else:
            made = torch.cat([self.experts[e](a[i : i + 1], b[i : i + 1]) for i, e in enumerate(chosen.tolist())])
        mixture: Tensor = a + weight[:, None, None, None] * made
        return mixture

    def all(self, a: Tensor, b: Tensor, chosen: Tensor) -> Tensor:
        """Return what the chosen experts make, without a branch."""
        made = torch.stack([expert(a, b) for expert in self.experts])
        takes = nn.functional.one_hot(chosen, len(self.experts)).to(a.dtype)
        taken: Tensor = (made * takes.t()[:, :, None, None, None]).sum(0)
        return taken


@translate.register
def _expert_mixture(op: ops.ExpertMixture, widths: tuple[int, ...], form: Form) -> Call:
    channels, made = widths[0], []
    for rank in op.ranks:
        inner, back = op.expert(channels, rank)
        first = call(inner, (channels,), form)
        made.append(Call(Expert, first, first, call(back, (rank,), form)))
    return Call(ExpertMixture, channels, made)
