"""Activations: element-wise, free by the challenge's counting rules."""

from dataclasses import dataclass
from typing import ClassVar, Self

from nas.ops.base import Cost, Op, Shape, register
from nas.ops.fields import FieldError, Real, declare


@dataclass(frozen=True, kw_only=True)
class Activation(Op):
    """An element-wise function; (B, C, H, W) in and out."""

    kind: ClassVar[str] = "activation"


@register
@dataclass(frozen=True, kw_only=True)
class Silu(Activation):
    """x * sigmoid(x)."""

    name: ClassVar[str] = "silu"
    source: ClassVar[str] = "Elfwing et al., 2017. https://arxiv.org/abs/1702.03118"


@register
@dataclass(frozen=True, kw_only=True)
class Gelu(Activation):
    """x * Phi(x), with the exact normal distribution function."""

    name: ClassVar[str] = "gelu"
    source: ClassVar[str] = "Hendrycks and Gimpel, 2016. https://arxiv.org/abs/1606.08415"


@register
@dataclass(frozen=True, kw_only=True)
class Relu(Activation):
    """max(x, 0)."""

    name: ClassVar[str] = "relu"


@register
@dataclass(frozen=True, kw_only=True)
class LeakyRelu(Activation):
    """x where positive, ``slope`` times x elsewhere."""

    name: ClassVar[str] = "leaky_relu"

    slope: float = declare(Real("Factor of negative values."), default=0.05)


@register
@dataclass(frozen=True, kw_only=True)
class Prelu(Activation):
    """Leaky ReLU with one learned slope per channel."""

    name: ClassVar[str] = "prelu"
    source: ClassVar[str] = "He et al., 2015. https://arxiv.org/abs/1502.01852"

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        return Cost(params=inputs[0].channels, training_params=inputs[0].channels)


@register
@dataclass(frozen=True, kw_only=True)
class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""

    name: ClassVar[str] = "sigmoid"


@register
@dataclass(frozen=True, kw_only=True)
class Clamp(Activation):
    """x limited to [low, high]."""

    name: ClassVar[str] = "clamp"

    low: float = declare(Real("Smallest value.", low=-1e6), default=0.0)
    high: float = declare(Real("Largest value.", low=-1e6), default=1.0)

    def bind(self, widths: tuple[int, ...], width: int) -> Self:  # noqa: ARG002
        if self.low >= self.high:
            raise FieldError("high", f"{self.high:g} is not above low ({self.low:g}); give a larger one")
        return self


@register
@dataclass(frozen=True, kw_only=True)
class Nothing(Activation):
    """The identity: no activation, no attention."""

    name: ClassVar[str] = "none"
