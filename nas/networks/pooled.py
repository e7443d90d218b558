"""Attentions that look at a pooled map."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.networks.calls import Call, Form, call, translate
from nas.ops import pooled as ops


class PooledGate(nn.Module):
    """A feature times its activated, enlarged pooled map.

    Args:
        depthwise: Convolves the max pool.
        activation: Of the map.
        pool: Divisor of height and width.
        mode: Interpolation that enlarges the map.
        variance: ``none``, or the unbiased variance that is added: ``global``, or ``local`` to each pooled pixel.
        channels: Of alpha and beta, which balance the two; without it, there are none.
        average: Convolves an average pool, which is added.
        mix: Convolves the map.

    Shapes:
        x: (B, C, H, W), H and W at least ``pool``
        returns: (B, C, H, W)

    Reference:
        Sun et al., Spatially-Adaptive Feature Modulation, 2023. https://arxiv.org/abs/2302.13800
    """

    def __init__(
        self,
        depthwise: nn.Module,
        activation: nn.Module,
        *,
        pool: int,
        mode: str,
        variance: str = "none",
        channels: int | None = None,
        average: nn.Module | None = None,
        mix: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.depthwise, self.activation, self.average, self.mix = depthwise, activation, average, mix
        self.pool, self.mode, self.variance, self.weighted = pool, mode, variance, channels is not None
        if channels is not None:
            self.alpha = nn.Parameter(torch.ones(1, channels, 1, 1))
            self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the modulated feature."""
        corners = None if self.mode == "nearest" else False
        gate = functional.interpolate(self.map(x), size=x.shape[-2:], mode=self.mode, align_corners=corners)
        modulated: Tensor = x * self.activation(gate)
        return modulated

    def map(self, x: Tensor) -> Tensor:
        """Return what is enlarged: (B, C, H // pool, W // pool)."""
        size = (x.shape[-2] // self.pool, x.shape[-1] // self.pool)
        pooled: Tensor = self.depthwise(self.largest(x, size))
        if self.weighted:
            pooled = pooled * self.alpha + self.spread(x, size) * self.beta
        elif self.variance != "none":
            pooled = pooled + self.spread(x, size)
        if self.average is not None:
            pooled = pooled + self.average(functional.adaptive_avg_pool2d(x, size))
        mixed: Tensor = pooled if self.mix is None else self.mix(pooled)
        return mixed

    def largest(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the adaptive max pool; where a graph is recorded, by steps that hold for images of any size."""
        if not torch.compiler.is_compiling():
            return functional.adaptive_max_pool2d(x, size)
        for axis, count in zip((2, 3), size, strict=True):
            side, place = x.shape[axis], torch.arange(count, device=x.device)
            first, last = place * side // count, (place * side + side - 1) // count
            reach = torch.arange(2 * self.pool, device=x.device)  # no window is longer
            taps = torch.minimum(first[:, None] + reach, last[:, None])
            windows = x.index_select(axis, taps.flatten())
            x = torch.unflatten(windows, axis, taps.shape).amax(axis + 1)
        return x

    def spread(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the unbiased variance of all pixels, or of ``size`` windows that cover the feature."""
        if self.variance == "global":
            return x.var((2, 3), keepdim=True)
        for axis, count in zip((2, 3), size, strict=True):
            step = x.shape[axis] // count
            x = x.unfold(axis, x.shape[axis] - (count - 1) * step, step)
        return x.var((4, 5))


class LocalAttention(nn.Module):
    """A feature times a resized gate made of its pooled map, times the sigmoid of its first channel.

    Args:
        squeeze: To few channels.
        strided: Halves height and width of the pooled map.
        expand: Back to the channels of the input.

    Shapes:
        x: (B, C, H, W), H and W at least 7
        returns: (B, C, H, W)

    Reference:
        Wang et al., PlainUSR, 2024. https://arxiv.org/abs/2409.13435
    """

    def __init__(self, squeeze: nn.Module, strided: nn.Module, expand: nn.Module) -> None:
        super().__init__()
        self.squeeze, self.strided, self.expand = squeeze, strided, expand

    def forward(self, x: Tensor) -> Tensor:
        """Return the gated feature."""
        pooled = functional.max_pool2d(self.squeeze(x), 7, stride=3)
        gate = torch.sigmoid(self.expand(self.strided(pooled)))
        gate = functional.interpolate(gate, size=x.shape[-2:], mode="bilinear", align_corners=False)
        return gate * torch.sigmoid(x[:, :1]) * x


@translate.register
def _pooled_gate(op: ops.PooledGate, widths: tuple[int, ...], form: Form) -> Call:
    depthwise, mix = call(op.depthwise(widths[0]), widths, form), op.mix(widths[0])
    depthwise = depthwise if op.counted else depthwise.given(padding="same")
    made = Call(
        PooledGate,
        depthwise,
        call(op.activation, widths),
        pool=op.pool,
        mode=op.mode,
    )
    if op.variance != "none":
        made = made.given(variance=op.variance)
    if op.weighted:
        made = made.given(channels=widths[0])
    if op.average:
        made = made.given(average=depthwise)
    return made if mix is None else made.given(mix=call(mix, widths, form))


@translate.register
def _local_attention(op: ops.LocalAttention, widths: tuple[int, ...], form: Form) -> Call:
    squeeze, strided, expand = op.parts(widths[0])
    inner = (op.inner,)
    return Call(LocalAttention, call(squeeze, widths, form), call(strided, inner, form), call(expand, inner, form))
