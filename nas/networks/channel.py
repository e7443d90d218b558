"""Channel attentions."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.networks.calls import Call, Form, call, translate
from nas.ops import channel as ops


class Gct(nn.Module):
    """Gated channel transformation: x * (1 + tanh(e * n + beta)).

    Args:
        channels: Channels in and out.
        eps: Added under both roots.

    Shapes:
        x: (B, channels, H, W)
        returns: (B, channels, H, W)

    Reference:
        Yang et al., Gated Channel Transformation, 2020. https://arxiv.org/abs/1909.11519
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.alpha = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` times a gate in (0, 2)."""
        embedding = self.alpha * (x.square().sum((2, 3), keepdim=True) + self.eps).sqrt()
        norm = self.gamma / (embedding.square().mean(1, keepdim=True) + self.eps).sqrt()
        return x * (1 + torch.tanh(embedding * norm + self.beta))


class Eca(nn.Module):
    """Efficient channel attention: a gate from a one-dimensional convolution over the channels' means.

    Args:
        kernel: Neighbouring channels that are seen, odd.

    Shapes:
        x: (B, C, H, W)
        returns: (B, C, H, W)

    Reference:
        Wang et al., ECA-Net, 2020. https://arxiv.org/abs/1910.03151
    """

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` times a gate in (0, 1)."""
        means = functional.adaptive_avg_pool2d(x, 1).squeeze(-1).transpose(1, 2)
        gate: Tensor = torch.sigmoid(self.conv(means)).transpose(1, 2).unsqueeze(-1)
        return x * gate


class Cca(nn.Module):
    """Contrast-aware channel attention: a gate from the channels' standard deviation plus mean.

    Args:
        squeeze: 1x1 to few channels.
        expand: 1x1 back.

    Shapes:
        x: (B, C, H, W)
        returns: (B, C, H, W)

    Reference:
        Hui et al., IMDN, 2019. https://arxiv.org/abs/1909.11856
    """

    def __init__(self, squeeze: nn.Module, expand: nn.Module) -> None:
        super().__init__()
        self.squeeze, self.expand = squeeze, expand

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` times a gate in (0, 1)."""
        # The root has no gradient at 0, where channels are that no pixel wakes.
        deviation = x.var((2, 3), correction=0, keepdim=True).clamp_min(1e-20).sqrt()
        contrast = deviation + functional.adaptive_avg_pool2d(x, 1)
        return x * torch.sigmoid(self.expand(torch.relu(self.squeeze(contrast))))


class Rcca(nn.Module):
    """Residual contrast-aware attention.

    Args:
        depthwise: Convolves every channel, and activates.
        single: 1x1 to one channel, and activates.
        attention: Of the activated convolution.
        channels: Channels in and out.

    Shapes:
        x: (B, channels, H, W)
        returns: (B, channels, H, W)

    Reference:
        Team XUPTBoys (FMDN) in the NTIRE 2025 Efficient Super-Resolution report
    """

    def __init__(
        self,
        depthwise: nn.Sequential,
        single: nn.Sequential,
        attention: nn.Module,
        channels: int,
    ) -> None:
        super().__init__()
        self.depthwise, self.single, self.attention = depthwise, single, attention
        self.sigma = nn.Parameter(torch.full((1, channels, 1, 1), 1e-5))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` plus what stands out of it, plus its attended convolution."""
        y = self.depthwise(x)
        total: Tensor = self.sigma * (y - self.single(y)) + self.attention(y) + x
        return total


@translate.register
def _gct(op: ops.Gct, widths: tuple[int, ...], form: Form) -> Call:
    return Call(Gct, widths[0], op.eps)


@translate.register
def _eca(op: ops.Eca, widths: tuple[int, ...], form: Form) -> Call:
    return Call(Eca, op.kernel)


@translate.register
def _cca(op: ops.Cca, widths: tuple[int, ...], form: Form) -> Call:
    squeeze, expand = op.parts(widths[0])
    return Call(Cca, call(squeeze, widths, form), call(expand, (op.inner,), form))


@translate.register
def _rcca(op: ops.Rcca, widths: tuple[int, ...], form: Form) -> Call:
    depthwise, single = op.parts(widths[0])
    return Call(
        Rcca,
        Call(nn.Sequential, call(depthwise, widths, form), call(op.activation, widths)),
        Call(nn.Sequential, call(single, widths, form), call(op.activation, (1,))),
        call(op.cca(), widths, form),
        widths[0],
    )
