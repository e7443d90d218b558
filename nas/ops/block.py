"""Blocks: a few convolutions with their activations and attention."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from nas.ops.activation import Activation, Nothing, Prelu, Silu
from nas.ops.attention import Attention, Esa, ParameterFree
from nas.ops.base import ZERO, Cost, Op, Shape, register, spread
from nas.ops.conv import POINT_TRAIN, Conv, Convolution, point, same_size
from nas.ops.fields import FieldError, Flag, Integer, Kernel, Many, OneOp, OpList, declare, within
from nas.ops.training import Plain, TrainingForm


def step_taps(count: int) -> tuple[str, ...]:
    """``conv1, act1, conv2, ...``: every raw convolution, and its activated form except after the last."""
    return tuple(name for step in range(1, count + 1) for name in (f"conv{step}", f"act{step}"))


@register
@dataclass(frozen=True, kw_only=True)
class ConvBlock(Op):
    """A run of convolutions, each followed by an activation. A residual is the step's ``plus: in``.

    Taps: ``conv1`` .. the raw outputs, ``act1`` .. the activated ones.
    """

    name: ClassVar[str] = "conv_block"
    kind: ClassVar[str] = "block"

    width: int | None = declare(Integer("Channels out, and between.", context=True), default=None)
    n: int = declare(Integer("Convolutions.", high=8), default=3)
    conv: tuple[Convolution, ...] = declare(OpList("Its convolutions.", kinds=("conv",)), default=(Conv(),))
    activation: Activation = declare(OneOp("After each convolution.", kinds=("activation",)), default=Silu())
    act_on_last: bool = declare(Flag("Whether the last convolution is activated too."), default=True)

    def taps(self) -> tuple[str, ...]:
        return step_taps(self.n) if self.act_on_last else step_taps(self.n)[:-1]

    def bind(self, widths: tuple[int, ...], width: int) -> Self:
        bound = self if self.width is not None else replace(self, width=width)
        bound.parts(widths[0])
        return bound

    def channels_out(self, widths: tuple[int, ...]) -> int:  # noqa: ARG002
        assert self.width is not None, "bind first"
        return self.width

    def parts(self, channels: int) -> tuple[Convolution, ...]:
        """Return its convolutions, bound."""
        out = self.channels_out(())
        convs = spread(self.conv, self.n, "conv")
        return same_size(tuple(item.part(out if step else channels, out) for step, item in enumerate(convs)))

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        x = inputs[0]
        between = x._replace(channels=self.channels_out(()))
        activations = self.n if self.act_on_last else self.n - 1
        total = ZERO
        for step, conv in enumerate(self.parts(x.channels)):
            total += conv.cost((between if step else x,))
            total += self.activation.cost((between,)) if step < activations else ZERO
        return total


@register
@dataclass(frozen=True, kw_only=True)
class Spab(Op):
    """Swift parameter-free attention block: n convolutions, a residual, and an attention on their sum.

    With ``parameter_free``: (y + x) * (sigmoid(y) - 0.5), y the last convolution's output; with ``none``: y + x; with
    any other attention: attention(y + x). Taps: ``conv1`` .. raw (the last one after ``after_conv``), ``act1`` ..
    activated (not after the last, unless ``act_on_last``).
    """

    name: ClassVar[str] = "spab"
    kind: ClassVar[str] = "block"
    source: ClassVar[str] = "Wan et al., Swift Parameter-free Attention Network, 2023. https://arxiv.org/abs/2311.12770"

    n: int = declare(Integer("Convolutions.", high=8), default=3)
    conv: tuple[Convolution, ...] = declare(OpList("Its convolutions.", kinds=("conv",)), default=(Conv(),))
    activation: Activation = declare(OneOp("Between convolutions.", kinds=("activation",)), default=Silu())
    attention: Attention | Nothing = declare(
        OneOp("What reweights the sum.", kinds=("attention", "none")), default=ParameterFree()
    )
    after_conv: Attention | Nothing = declare(
        OneOp("After every convolution, before its activation.", kinds=("attention", "none")), default=Nothing()
    )
    act_on_last: bool = declare(Flag("Whether y is the last convolution's output after an activation."), default=False)

    def taps(self) -> tuple[str, ...]:
        return step_taps(self.n) if self.act_on_last else step_taps(self.n)[:-1]

    def bind(self, widths: tuple[int, ...], width: int) -> Self:
        self.parts(widths[0])
        with within("attention"):
            self.attention.bind(widths, width)
        with within("after_conv"):
            self.after_conv.bind(widths, width)
        return self

    def parts(self, channels: int) -> tuple[Convolution, ...]:
        """Return its convolutions, bound."""
        return same_size(tuple(item.part(channels, channels) for item in spread(self.conv, self.n, "conv")))

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,) = inputs
        total = self.attention.cost(inputs)
        for step, conv in enumerate(self.parts(x.channels)):
            total += conv.cost(inputs) + self.after_conv.cost(inputs)
            total += self.activation.cost(inputs) if step or self.act_on_last else ZERO
        return total


@register
@dataclass(frozen=True, kw_only=True)
class DistillCell(Op):
    """Feature distillation: a chain of activated convolutions, a 1x1 branch from every stage, their fusion, attention.

    The residual is the step's ``plus: in``.
    """

    name: ClassVar[str] = "distill_cell"
    kind: ClassVar[str] = "block"
    source: ClassVar[str] = "Wang, Edge-enhanced Feature Distillation Network, 2022. https://arxiv.org/abs/2204.08759"

    kernels: tuple[tuple[int, int], ...] = declare(
        Many("Window of each convolution of the chain.", of=Kernel(""), most=8), default=((1, 1), (3, 3), (3, 3))
    )
    inner: int = declare(Integer("Channels of each branch."), default=24)
    activation: Activation = declare(OneOp("After each convolution.", kinds=("activation",)), default=Prelu())
    conv: tuple[Convolution, ...] = declare(
        OpList("The convolutions of the chain.", kinds=("conv",)), default=(Conv(),)
    )
    attention: Attention | Nothing = declare(OneOp("After the fusion.", kinds=("attention", "none")), default=Esa())
    point_train: TrainingForm = declare(POINT_TRAIN, default=Plain())

    def bind(self, widths: tuple[int, ...], width: int) -> Self:
        self.parts(widths[0])
        with within("attention"):
            self.attention.bind(widths, width)
        return self

    def parts(self, channels: int) -> tuple[Convolution, ...]:
        """Return the convolutions of the chain, bound; ``kernels`` decides their windows."""
        convs = spread(self.conv, len(self.kernels), "conv")
        for item, kernel in zip(convs, self.kernels, strict=True):
            if getattr(item, "kernel", (3, 3)) not in ((3, 3), kernel):
                raise FieldError("conv.kernel", "kernels decides the windows of a distill_cell; leave kernel out")
        pairs = zip(convs, self.kernels, strict=True)
        return same_size(tuple(item.part(channels, channels, kernel=kernel) for item, kernel in pairs))

    def branch(self, channels: int) -> Convolution:
        """Return the 1x1 convolution of one branch, bound."""
        return point(channels, self.inner, train=self.point_train)

    def fusion(self, channels: int) -> Convolution:
        """Return the 1x1 convolution that fuses the branches, bound."""
        return point(self.inner * (len(self.kernels) + 1), channels, train=self.point_train)

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,) = inputs
        total = self.branch(x.channels).cost(inputs) + self.attention.cost(inputs)
        for conv in self.parts(x.channels):
            total += conv.cost(inputs) + self.activation.cost(inputs) + self.branch(x.channels).cost(inputs)
        joined = x._replace(channels=self.inner * (len(self.kernels) + 1))
        return total + self.fusion(x.channels).cost((joined,))
