"""Norms over the channels of every pixel."""

from dataclasses import dataclass
from typing import ClassVar

from nas.ops.base import Cost, Op, Shape, register
from nas.ops.fields import OneOf, Real, declare


@dataclass(frozen=True, kw_only=True)
class Norm(Op):
    """A normalisation; (B, C, H, W) in and out."""

    kind: ClassVar[str] = "norm"


@register
@dataclass(frozen=True, kw_only=True)
class LayerNorm(Norm):
    """Zero mean and unit variance over the channels of every pixel, then a learned factor and offset per channel.

    The two forms are one function. The challenge counts 5 per element of the framework's own, and nothing of one
    that is written element by element.
    """

    name: ClassVar[str] = "layer_norm"
    source: ClassVar[str] = "Ba et al., Layer Normalization, 2016. https://arxiv.org/abs/1607.06450"

    eps: float = declare(Real("Added to the variance.", high=1), default=1e-5)
    form: str = declare(
        OneOf(
            "framework: one call, on pixels as tokens; elementwise: written out, channels first.",
            options=("framework", "elementwise"),
        ),
        default="framework",
    )

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,) = inputs
        flops = 5 * x.channels * x.pixels if self.form == "framework" else 0
        return Cost(params=2 * x.channels, flops=flops, training_params=2 * x.channels)


@register
@dataclass(frozen=True, kw_only=True)
class L2Norm(Norm):
    """Every pixel's channels divided by their Euclidean norm."""

    name: ClassVar[str] = "l2_norm"

    eps: float = declare(Real("Smallest norm that is divided by.", high=1), default=1e-12)
