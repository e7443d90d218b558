"""Cells that distil features while they refine them."""

from dataclasses import dataclass
from typing import ClassVar, Self

from nas.ops.activation import Activation, Gelu, Nothing
from nas.ops.attention import Attention
from nas.ops.base import Cost, Op, Shape, register, spread
from nas.ops.conv import POINT_TRAIN, Convolution, point, same_size
from nas.ops.fields import Flag, OneOp, OpList, Real, declare, portion, within
from nas.ops.separable import Bsu
from nas.ops.training import Plain, TrainingForm

STEPS = 4


@register
@dataclass(frozen=True, kw_only=True)
class RfdCell(Op):
    """Residual feature distillation: three steps that refine, a 1x1 branch before each, a last step, and their fusion.

    A step is activation(refine(x) + x); the last one narrows, as the branches do, and has no residual.
    """

    name: ClassVar[str] = "rfd_cell"
    kind: ClassVar[str] = "cell"
    source: ClassVar[str] = "Liu et al., Residual Feature Distillation Network, 2020. https://arxiv.org/abs/2009.11551"

    refine: tuple[Convolution, ...] = declare(
        OpList("What refines in each of the four steps.", kinds=("conv",)), default=(Bsu(),)
    )
    ratio: float = declare(Real("Channels of each branch, as a part of the width.", low=0.01, high=4), default=0.5)
    activation: Activation = declare(OneOp("After each step and branch.", kinds=("activation",)), default=Gelu())
    residual: bool = declare(Flag("Whether the first three steps add their input."), default=True)
    attention: Attention | Nothing = declare(OneOp("After the fusion.", kinds=("attention", "none")), default=Nothing())
    point_train: TrainingForm = declare(POINT_TRAIN, default=Plain())

    def bind(self, widths: tuple[int, ...], width: int) -> Self:
        self.parts(widths[0])
        self.fusion(widths[0])
        with within("activation"):
            self.activation.bind(widths, width)
        with within("attention"):
            self.attention.bind(widths, width)
        return self

    def inner(self, channels: int) -> int:
        """Channels of each branch and of the last step."""
        return portion(channels, self.ratio)

    def parts(self, channels: int) -> tuple[Convolution, ...]:
        """Return what refines, bound."""
        *first, last = spread(self.refine, STEPS, "refine")
        steps = [op.part(channels, channels, place="refine") for op in first]
        return same_size((*steps, last.part(channels, self.inner(channels), place="refine")))

    def branch(self, channels: int) -> Convolution:
        """Return the 1x1 convolution of one branch, bound."""
        return point(channels, self.inner(channels), train=self.point_train)

    def fusion(self, channels: int) -> Convolution:
        """Return the 1x1 convolution that fuses branches and last step, bound."""
        return point(STEPS * self.inner(channels), channels, train=self.point_train)

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,) = inputs
        narrow = x._replace(channels=self.inner(x.channels))
        total = self.fusion(x.channels).cost((x._replace(channels=STEPS * narrow.channels),))
        total += self.attention.cost(inputs) + self.activation.cost((narrow,))
        *first, last = self.parts(x.channels)
        step = self.branch(x.channels).cost(inputs) + self.activation.cost(inputs) + self.activation.cost((narrow,))
        for refine in first:
            total += refine.cost(inputs) + step
        return total + last.cost(inputs)
