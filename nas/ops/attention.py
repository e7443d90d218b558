"""Attentions: reweight a feature by a function of itself."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Self

from nas.ops.activation import Activation, Relu
from nas.ops.base import ZERO, Cost, Op, Shape, register, spread
from nas.ops.conv import POINT_TRAIN, Conv, Convolution, point, same_size
from nas.ops.fields import FieldError, Flag, Integer, OneOf, OneOp, OpList, declare
from nas.ops.training import Plain, TrainingForm


@dataclass(frozen=True, kw_only=True)
class Attention(Op):
    """A reweighting; (B, C, H, W) in and out."""

    kind: ClassVar[str] = "attention"


@register
@dataclass(frozen=True, kw_only=True)
class ParameterFree(Attention):
    """y * (sigmoid(y) - 0.5); inside a residual block (y + x) * (sigmoid(y) - 0.5)."""

    name: ClassVar[str] = "parameter_free"
    source: ClassVar[str] = "Wan et al., Swift Parameter-free Attention Network, 2023. https://arxiv.org/abs/2311.12770"


POOL, POOL_STEP = 7, 3
"""Side and step of the max pooling inside ESA."""


@register
@dataclass(frozen=True, kw_only=True)
class Esa(Attention):
    """Enhanced spatial attention: squeeze, shrink, look around, grow, gate.

    The pooled map has side ((S - 3) // 2 + 1 - 7) // 3 + 1 for an input of side S, so S must be at least 15.
    """

    name: ClassVar[str] = "esa"
    source: ClassVar[str] = (
        "Liu et al., Residual Feature Aggregation Network, 2020; RFDN, https://arxiv.org/abs/2009.11551"
    )

    inner: int = declare(Integer("Channels of the squeezed feature."), default=16)
    variant: str = declare(
        OneOf("One convolution on the pooled map, or three.", options=("light", "full")), default="light"
    )
    conv_f: bool = declare(
        Flag("Whether a 1x1 convolution carries the squeezed feature past the pooling."), default=True
    )
    bias: bool = declare(Flag("Whether its convolutions add a bias."), default=True)
    conv: tuple[Convolution, ...] = declare(
        OpList("Its 3x3 convolutions: the strided one, then those on the pooled map.", kinds=("conv",)),
        default=(Conv(),),
    )
    activation: Activation = declare(
        OneOp("Between the convolutions on the pooled map (full).", kinds=("activation",)), default=Relu()
    )
    point_train: TrainingForm = declare(POINT_TRAIN, default=Plain())

    def bind(self, widths: tuple[int, ...], width: int) -> Self:  # noqa: ARG002
        self.parts(widths[0])
        return self

    def parts(self, channels: int) -> "EsaParts":
        """Return its convolutions, bound: squeeze, strided, pooled, carry (or None) and expand."""
        count = 2 if self.variant == "light" else 4
        strided, *pooled = spread(self.conv, count, "conv")
        f, one = self.inner, partial(point, bias=self.bias, train=self.point_train)
        return EsaParts(
            squeeze=one(channels, f),
            strided=strided.part(f, f, stride=2, padding="valid", bias=self.bias),
            pooled=same_size(tuple(item.part(f, f, bias=self.bias) for item in pooled)),
            carry=one(f, f) if self.conv_f else None,
            expand=one(f, channels),
        )

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,) = inputs
        parts = self.parts(x.channels)
        squeezed = x._replace(channels=self.inner)
        shrunk = parts.strided.shape((squeezed,))
        pooled = pooled_shape(shrunk)
        activation = self.activation.cost((pooled,)) if self.variant == "full" else ZERO
        total = parts.squeeze.cost((x,)) + parts.strided.cost((squeezed,)) + parts.expand.cost((squeezed,))
        for position, conv in enumerate(parts.pooled):
            total += conv.cost((pooled,)) + (activation if position else ZERO)
        if parts.carry is not None:
            total += parts.carry.cost((squeezed,))
        return total + Cost(flops=4 * squeezed.channels * squeezed.pixels)


@dataclass(frozen=True)
class EsaParts:
    """The bound convolutions of one ESA."""

    squeeze: Convolution
    strided: Convolution
    pooled: tuple[Convolution, ...]
    carry: Convolution | None
    expand: Convolution


def pooled_shape(x: Shape) -> Shape:
    """Shape after ESA's max pooling."""
    height, width = ((side - POOL) // POOL_STEP + 1 for side in (x.height, x.width))
    if min(height, width) < 1:
        raise FieldError("esa", "esa needs an input of at least 15x15 pixels")
    return Shape(x.channels, height, width)
