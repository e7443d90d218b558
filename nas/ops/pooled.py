"""Attentions that look at a pooled map."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from nas.ops import counts
from nas.ops.activation import Activation, Gelu
from nas.ops.attention import POOL, Attention, pooled_shape
from nas.ops.base import ZERO, Cost, Shape, register
from nas.ops.channel import learned
from nas.ops.conv import POINT_TRAIN, WINDOW_TRAIN, Conv, Convolution, point
from nas.ops.fields import FieldError, Flag, Integer, Odd, OneOf, OneOp, declare, within
from nas.ops.training import Plain, TrainingForm

PER_OUTPUT = {"nearest": 1, "bilinear": 4}
"""What fvcore counts for every output element of a resize."""


@register
@dataclass(frozen=True, kw_only=True)
class PooledGate(Attention):
    """Spatially adaptive modulation: x times the activated, enlarged pooled map of x.

    The map is a depthwise convolution of the adaptive max pool of x to (H // pool, W // pool), to which statistics of x
    may be added before an optional 1x1 convolution:

        map = point(depthwise(max_pool(x)) [* alpha] [+ variance(x) [* beta]] [+ depthwise'(mean_pool(x))])
        result = x * activation(resize(map))
    """

    name: ClassVar[str] = "pooled_gate"
    source: ClassVar[str] = "Sun et al., Spatially-Adaptive Feature Modulation, 2023. https://arxiv.org/abs/2302.13800"

    pool: int = declare(Integer("Divisor of height and width.", high=64), default=8)
    kernel: int = declare(Odd("Side of the depthwise window on the pooled map."), default=3)
    variance: str = declare(
        OneOf(
            "Unbiased variance of each channel that is added: of all pixels, or of each pooled pixel's window.",
            options=("none", "global", "local"),
        ),
        default="none",
    )
    weighted: bool = declare(Flag("Whether pool and variance have a learned factor per channel."), default=False)
    average: bool = declare(Flag("Whether a convolved average pool is added."), default=False)
    point: bool = declare(Flag("Whether a 1x1 convolution mixes the channels of the map."), default=False)
    mode: str = declare(OneOf("Interpolation.", options=("nearest", "bilinear")), default="bilinear")
    bias: bool = declare(Flag("Whether its convolutions add a bias."), default=False)
    activation: Activation = declare(OneOp("Of the map.", kinds=("activation",)), default=Gelu())
    point_train: TrainingForm = declare(POINT_TRAIN, default=Plain())
    counted: bool = declare(counts.COUNTED, default=True)

    def bind(self, widths: tuple[int, ...], width: int) -> Self:
        if self.weighted and self.variance == "none":
            raise FieldError("weighted", "weighted balances the pool and the variance; set variance as well")
        with within("activation"):
            self.activation.bind(widths, width)
        self.mix(widths[0])
        return self

    def depthwise(self, channels: int) -> Convolution:
        """Return the depthwise convolution of a pooled map, bound."""
        return Conv(kernel=(self.kernel, self.kernel), groups=channels, bias=self.bias).part(channels, channels)

    def mix(self, channels: int) -> Convolution | None:
        """Return the 1x1 convolution, bound, or None."""
        return point(channels, channels, bias=self.bias, train=self.point_train) if self.point else None

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,) = inputs
        pooled = Shape(x.channels, x.height // self.pool, x.width // self.pool)
        if min(pooled) < 1:
            raise FieldError("pool", f"pool {self.pool} needs an input of at least {self.pool}x{self.pool} pixels")
        elements, depthwise, mix = x.channels * x.pixels, self.depthwise(x.channels), self.mix(x.channels)
        convolved = depthwise.cost((pooled,))
        convolved = convolved if self.counted else replace(convolved, flops=0, activations=0)
        total = convolved + self.activation.cost((x,)) + Cost(flops=PER_OUTPUT[self.mode] * elements)
        if self.average:
            total += convolved + Cost(flops=elements)
        return total + (ZERO if mix is None else mix.cost((pooled,))) + learned(2 * x.channels * self.weighted)


@register
@dataclass(frozen=True, kw_only=True)
class LocalAttention(Attention):
    """Local importance attention: x times a resized gate of its pooled map, times the sigmoid of its first channel."""

    name: ClassVar[str] = "local_attention"
    source: ClassVar[str] = "Wang et al., PlainUSR, 2024. https://arxiv.org/abs/2409.13435"

    inner: int = declare(Integer("Channels of the squeezed feature."), default=16)
    point_train: TrainingForm = declare(POINT_TRAIN, default=Plain())
    train: TrainingForm = declare(WINDOW_TRAIN, default=Plain())

    def bind(self, widths: tuple[int, ...], width: int) -> Self:  # noqa: ARG002
        self.parts(widths[0])
        return self

    def parts(self, channels: int) -> tuple[Convolution, Convolution, Convolution]:
        """Return its convolutions, bound: squeeze, strided and expand."""
        return (
            point(channels, self.inner, train=self.point_train),
            Conv(width=self.inner, stride=2, train=self.train).bind((self.inner,), self.inner),
            Conv(width=channels, train=self.train).bind((self.inner,), channels),
        )

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,) = inputs
        if min(x.height, x.width) < POOL:
            raise FieldError("local_attention", f"local_attention needs an input of at least {POOL}x{POOL} pixels")
        squeeze, strided, expand = self.parts(x.channels)
        pooled = pooled_shape(x._replace(channels=self.inner))
        total = squeeze.cost((x,)) + strided.cost((pooled,)) + expand.cost((strided.shape((pooled,)),))
        return total + Cost(flops=PER_OUTPUT["bilinear"] * x.channels * x.pixels)
