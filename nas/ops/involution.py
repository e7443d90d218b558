"""Involution: a window whose weights are made of the pixel that it is centred on."""

from dataclasses import dataclass
from typing import ClassVar, Self

from nas.ops.base import Cost, Shape, register
from nas.ops.conv import POINT_TRAIN, Convolution, point
from nas.ops.fields import FieldError, Integer, Odd, Real, declare, portion
from nas.ops.training import Plain, TrainingForm


@register
@dataclass(frozen=True, kw_only=True)
class Involution(Convolution):
    """Every pixel's zero-padded window times weights that two 1x1 convolutions make of the pixel.

    Between the two are a batch norm and a ReLU. The channels of a group share the weights. Channels, height and width
    stay as they are.
    """

    name: ClassVar[str] = "involution"
    source: ClassVar[str] = "Li et al., Involution, 2021. https://arxiv.org/abs/2103.06255"

    kernel: int = declare(Odd("Side of the window."), default=3)
    groups: int = declare(Integer("Groups of channels, each with weights of its own."))
    ratio: float = declare(
        Real("Channels between the two 1x1, as a part of the width.", low=0.01, high=4), default=0.25
    )
    point_train: TrainingForm = declare(POINT_TRAIN, default=Plain())

    def bind(self, widths: tuple[int, ...], width: int) -> Self:  # noqa: ARG002
        if widths[0] % self.groups:
            raise FieldError("groups", f"{self.groups} groups do not divide {widths[0]} channels; choose a divisor")
        self.parts(widths[0])
        return self

    def inner(self, channels: int) -> int:
        """Channels between the two 1x1."""
        return portion(channels, self.ratio)

    def parts(self, channels: int) -> tuple[Convolution, Convolution]:
        """Return its 1x1 convolutions, bound."""
        inner = self.inner(channels)
        return (
            point(channels, inner, bias=False, train=self.point_train),
            point(inner, self.kernel**2 * self.groups, train=self.point_train),
        )

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,) = inputs
        reduce, span = self.parts(x.channels)
        narrow = x._replace(channels=self.inner(x.channels))
        norm = 2 * narrow.channels
        return (
            reduce.cost(inputs)
            + span.cost((narrow,))
            + Cost(params=norm, flops=norm * narrow.pixels, training_params=norm)
        )
