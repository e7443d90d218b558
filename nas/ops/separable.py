"""Convolutions that are factored: along the axes of the window, or into its channels and its pixels."""

from dataclasses import dataclass, replace
from math import ceil
from typing import ClassVar, Self

from nas.ops.base import ZERO, Cost, Shape, register
from nas.ops.conv import Conv, Convolution
from nas.ops.fields import FieldError, Flag, Integer, Kernel, Odd, OneOf, OneOp, Real, declare
from nas.ops.training import Plain, TrainingForm

PADDING = ("zero", "reflect", "valid")


@dataclass(frozen=True, kw_only=True)
class ConvChain(Convolution):
    """Several convolutions one after the other, nothing between them.

    Shapes:
        x: (B, C, H, W)
        returns: (B, width, H', W')
    """

    train: TrainingForm = declare(
        OneOp(
            "Training form of every one of its convolutions that it fits; it must fit one.",
            training=True,
            kinds=("training",),
        ),
        default=Plain(),
    )

    def chain(self, channels: int) -> tuple[Conv, ...]:
        """Return its convolutions, each with its width."""
        raise NotImplementedError

    def bind(self, widths: tuple[int, ...], width: int) -> Self:  # noqa: ARG002
        self.parts(widths[0])
        return self

    def channels_out(self, widths: tuple[int, ...]) -> int:
        return self.chain(widths[0])[-1].channels_out(())

    def parts(self, channels: int) -> tuple[Conv, ...]:
        """Return its convolutions, bound, with their training forms."""
        found: list[Conv] = []
        refusals: list[FieldError] = []
        for conv in self.chain(channels):
            try:
                bound = replace(conv, train=self.train).bind((channels,), 0)
            except FieldError as refusal:
                refusals.append(refusal)
                bound = conv.bind((channels,), 0)
            found.append(bound)
            channels = bound.channels_out(())
        if len(refusals) == len(found):
            raise refusals[0]
        return tuple(found)

    def shape(self, inputs: tuple[Shape, ...]) -> Shape:
        (x,) = inputs
        for conv in self.parts(x.channels):
            x = conv.shape((x,))
        return x

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,), total = inputs, ZERO
        for conv in self.parts(x.channels):
            total += conv.cost((x,))
            x = conv.shape((x,))
        return total


@dataclass(frozen=True, kw_only=True)
class SettingChain(ConvChain):
    """A chain that sets its output's channels."""

    width: int | None = declare(Integer("Channels out.", context=True), default=None)

    def bind(self, widths: tuple[int, ...], width: int) -> Self:
        bound = self if self.width is not None else replace(self, width=width)
        bound.parts(widths[0])
        return bound

    def channels_out(self, widths: tuple[int, ...]) -> int:  # noqa: ARG002
        assert self.width is not None, "bind first"
        return self.width


@register
@dataclass(frozen=True, kw_only=True)
class Factorised(SettingChain):
    """A k x 1 window to few channels, then a 1 x k window."""

    name: ClassVar[str] = "factorised"
    source: ClassVar[str] = "Team LZ (TDESR) in the NTIRE 2025 Efficient Super-Resolution report."

    inner: int = declare(Integer("Channels between the two."))
    kernel: tuple[int, int] = declare(Kernel("Length of the first window, and of the second."), default=(3, 3))
    bias: str = declare(
        OneOf("Which of the two adds a bias.", options=("none", "first", "last", "both")), default="last"
    )

    def chain(self, channels: int) -> tuple[Conv, ...]:  # noqa: ARG002
        height, length = self.kernel
        return (
            Conv(width=self.inner, kernel=(height, 1), bias=self.bias in ("first", "both")),
            Conv(width=self.channels_out(()), kernel=(1, length), bias=self.bias in ("last", "both")),
        )

    def part(self, channels: int, width: int, *, place: str = "conv", **fixed: object) -> Self:
        if isinstance(fixed.get("bias"), bool):
            fixed["bias"] = "last" if fixed["bias"] else "none"
        return super().part(channels, width, place=place, **fixed)


@dataclass(frozen=True, kw_only=True)
class Blueprint(SettingChain):
    """Pointwise convolutions without biases, then a depthwise window."""

    source: ClassVar[str] = "Haase and Amthor, Blueprint Separable Convolutions, 2020. https://arxiv.org/abs/2003.13549"

    kernel: tuple[int, int] = declare(Kernel("Window of the depthwise convolution."), default=(3, 3))
    bias: bool = declare(Flag("Whether the depthwise convolution adds a bias."), default=True)
    stride: int = declare(Integer("Step of the depthwise window.", high=8), default=1)
    padding: str = declare(
        OneOf("What surrounds the depthwise convolution's input; valid: nothing.", options=PADDING), default="zero"
    )

    def depthwise(self) -> Conv:
        """Return the last of its convolutions."""
        width = self.channels_out(())
        options = {"bias": self.bias, "stride": self.stride, "padding": self.padding}
        return Conv(width=width, groups=width, kernel=self.kernel, **options)  # type: ignore[arg-type]


@register
@dataclass(frozen=True, kw_only=True)
class Bsu(Blueprint):
    """Blueprint separable convolution: a pointwise (without bias unless asked for), then a depthwise window."""

    name: ClassVar[str] = "bsu"

    point_bias: bool = declare(Flag("Whether the pointwise adds a bias."), default=False)

    def chain(self, channels: int) -> tuple[Conv, ...]:  # noqa: ARG002
        return Conv(width=self.channels_out(()), kernel=(1, 1), bias=self.point_bias), self.depthwise()


@register
@dataclass(frozen=True, kw_only=True)
class Bss(Blueprint):
    """Blueprint separable convolution of low rank: two pointwises without bias, then a depthwise window."""

    name: ClassVar[str] = "bss"

    ratio: float = declare(
        Real("Channels between the pointwises, as a part of those coming in; rounded up, at least 4.", low=0.01),
        default=0.25,
    )

    def chain(self, channels: int) -> tuple[Conv, ...]:
        middle = Conv(width=max(4, ceil(channels * self.ratio)), kernel=(1, 1), bias=False)
        return middle, Conv(width=self.channels_out(()), kernel=(1, 1), bias=False), self.depthwise()


@register
@dataclass(frozen=True, kw_only=True)
class LargeSeparable(ConvChain):
    """A large depthwise window as four one-dimensional ones: a near pair, and a dilated pair that looks far."""

    name: ClassVar[str] = "large_separable"
    source: ClassVar[str] = "Lau et al., Large Separable Kernel Attention, 2023. https://arxiv.org/abs/2309.01439"

    near: int = declare(Odd("Length of the near windows."), default=5)
    far: int = declare(Odd("Length of the far windows."), default=7)
    dilation: int = declare(Integer("Spacing of the far windows' taps.", high=16), default=3)
    order: str = declare(
        OneOf(
            "reach: both near windows first; axis: both of the windows along the width first.",
            options=("reach", "axis"),
        ),
        default="reach",
    )
    bias: bool = declare(Flag("Whether each adds a bias."), default=True)

    def chain(self, channels: int) -> tuple[Conv, ...]:
        near_x, near_y, far_x, far_y = (
            Conv(width=channels, groups=channels, kernel=kernel, bias=self.bias, dilation=dilation)
            for side, dilation in ((self.near, 1), (self.far, self.dilation))
            for kernel in ((1, side), (side, 1))
        )
        return (near_x, near_y, far_x, far_y) if self.order == "reach" else (near_x, far_x, near_y, far_y)
