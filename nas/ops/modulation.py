"""Blocks that modulate a part of the channels, and feed-forward blocks that mix all of them."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from nas.ops.activation import Activation, Gelu
from nas.ops.base import ZERO, Cost, Op, Shape, register
from nas.ops.conv import POINT_TRAIN, Conv, Convolution, point, same_size
from nas.ops.fields import FieldError, Flag, Integer, Kernel, Odd, OneOp, Real, declare, portion, within
from nas.ops.pooled import PooledGate
from nas.ops.training import Plain, TrainingForm


@register
@dataclass(frozen=True, kw_only=True)
class Safm(Op):
    """Spatially adaptive feature modulation of the first channels of a convolution.

    A convolution, of whose result the first ``split`` channels are modulated by ``pooled_gate``; the others come first
    in what is activated and mixed by a 1x1 convolution. With ``variance`` the gate's map is the pooled map plus the
    variance of all pixels, mixed by a 1x1. The residual is the step's ``plus: in``.
    """

    name: ClassVar[str] = "safm"
    kind: ClassVar[str] = "block"
    source: ClassVar[str] = "Sun et al., Spatially-Adaptive Feature Modulation, 2023. https://arxiv.org/abs/2302.13800"

    split: int = declare(Integer("Channels that are modulated."))
    pool: int = declare(Integer("Divisor of height and width of the pooled map.", high=64), default=8)
    variance: bool = declare(Flag("Whether the gate sees the variance of all pixels."), default=False)
    projections: int = declare(
        Integer("Convolutions that make the two parts: one for both, or one for each.", high=2), default=1
    )
    conv: Convolution = declare(OneOp("What makes the two parts.", kinds=("conv",)), default=Conv())
    activation: Activation = declare(
        OneOp("Of the gate, and before the mixing.", kinds=("activation",)), default=Gelu()
    )
    bias: bool = declare(Flag("Whether convolutions outside the gate add a bias."), default=True)
    point_train: TrainingForm = declare(POINT_TRAIN, default=Plain())

    def bind(self, widths: tuple[int, ...], width: int) -> Self:
        (channels,) = widths
        if not self.split < channels:
            raise FieldError("split", f"{self.split} of {channels} channels leaves no others; split off fewer")
        self.parts(channels)
        self.gate().bind((self.split,), width)
        return self

    def gate(self) -> PooledGate:
        """Return the attention of the first channels."""
        return PooledGate(
            pool=self.pool,
            variance="global" if self.variance else "none",
            point=self.variance,
            activation=self.activation,
            point_train=self.point_train,
        )

    def parts(self, channels: int) -> tuple[Convolution, ...]:
        """Return the convolutions that make the two parts, bound: one of all channels, or first the modulated ones'."""
        widths = (channels,) if self.projections == 1 else (self.split, channels - self.split)
        return same_size(tuple(self.conv.part(channels, width, bias=self.bias) for width in widths))

    def mix(self, channels: int) -> Convolution:
        """Return the last 1x1 convolution, bound."""
        return point(channels, channels, bias=self.bias, train=self.point_train)

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,) = inputs
        total = self.mix(x.channels).cost(inputs) + self.activation.cost(inputs)
        for conv in self.parts(x.channels):
            total += conv.cost(inputs)
        return total + self.gate().cost((x._replace(channels=self.split),))


@register
@dataclass(frozen=True, kw_only=True)
class Ffn(Op):
    """Feed-forward: a widening convolution, an activation, a 1x1 convolution back.

    With ``depthwise`` the activated depthwise convolution of the widened feature is added to it. The residual is the
    step's ``plus: in``.
    """

    name: ClassVar[str] = "ffn"
    kind: ClassVar[str] = "block"
    source: ClassVar[str] = "Sun et al., Spatially-Adaptive Feature Modulation, 2023. https://arxiv.org/abs/2302.13800"

    ratio: float = declare(Real("Channels between, as a multiple of those outside.", low=0.01, high=16), default=2.0)
    kernel: tuple[int, int] = declare(Kernel("Window of the widening convolution."), default=(1, 1))
    depthwise: int = declare(Odd("Side of the depthwise window between.", none=True), default=0)
    activation: Activation = declare(OneOp("Between the convolutions.", kinds=("activation",)), default=Gelu())
    bias: bool = declare(Flag("Whether its convolutions add a bias."), default=True)
    train: TrainingForm = declare(
        OneOp("Training form of the widening convolution.", training=True, kinds=("training",)), default=Plain()
    )
    point_train: TrainingForm = declare(
        replace(POINT_TRAIN, doc="Training form of the 1x1 convolution back."), default=Plain()
    )

    def bind(self, widths: tuple[int, ...], width: int) -> Self:
        self.parts(widths[0])
        with within("activation"):
            self.activation.bind((self.inner(widths[0]),), width)
        return self

    def inner(self, channels: int) -> int:
        """Channels between the convolutions."""
        return portion(channels, self.ratio)

    def parts(self, channels: int) -> tuple[Convolution, Convolution | None, Convolution]:
        """Return its convolutions, bound: widening, depthwise (or None) and back."""
        inner, sides = self.inner(channels), (self.depthwise, self.depthwise)
        depthwise = Conv(kernel=sides, groups=inner, bias=self.bias) if self.depthwise else None
        return (
            Conv(kernel=self.kernel, bias=self.bias, train=self.train).part(channels, inner, place="kernel"),
            None if depthwise is None else depthwise.part(inner, inner, place="depthwise"),
            point(inner, channels, bias=self.bias, train=self.point_train),
        )

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,) = inputs
        widen, depthwise, back = self.parts(x.channels)
        wide = x._replace(channels=self.inner(x.channels))
        activation = self.activation.cost((wide,))
        between = ZERO if depthwise is None else depthwise.cost((wide,)) + activation
        return widen.cost((x,)) + activation + between + back.cost((wide,))
