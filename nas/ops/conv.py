"""Convolutions, dense or grouped, and what every op has in common that may stand for one."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from nas.ops.base import Cost, Op, Shape, register
from nas.ops.fields import FieldError, Flag, Integer, Kernel, OneOf, OneOp, Real, declare, within
from nas.ops.training import Plain, TrainingForm


@dataclass(frozen=True, kw_only=True)
class Convolution(Op):
    """An op that may stand where larger ops convolve."""

    kind: ClassVar[str] = "conv"

    @property
    def keeps_size(self) -> bool:
        """Whether height and width stay as they are."""
        return getattr(self, "stride", 1) == 1 and getattr(self, "padding", "zero") != "valid"

    def part(self, channels: int, width: int, *, place: str = "conv", **fixed: object) -> Self:
        """Return this op bound as a part of a larger op, which decides its width and the ``fixed`` fields.

        Args:
            channels: Channels that come in.
            width: Channels out.
            place: The owner's field that holds the part, for messages.
            fixed: Fields that the owner sets.

        Raises:
            FieldError: The document gave the part a width of its own, or the op cannot be such a part.
        """
        if getattr(self, "width", None) is not None:
            raise FieldError(f"{place}.width", f"the width of a part is set by its owner ({width}); leave width out")
        for name in fixed:
            if name not in self.specs():
                raise FieldError(place, f"{self.name} has no {name}, which is set by its owner; use conv here")
        with within(place):
            bound = replace(self, **fixed).bind((channels,), width)
        if bound.channels_out((channels,)) != width:
            raise FieldError(place, f"{self.name} makes no {width} channels of {channels}; use conv here")
        return bound


@register
@dataclass(frozen=True, kw_only=True)
class Conv(Convolution):
    """A 2-D convolution, deployed as exactly one convolution whatever its training form.

    Shapes:
        x: (B, C, H, W)
        returns: (B, width, H', W'); H' = H for stride 1 unless ``padding`` is valid
    """

    name: ClassVar[str] = "conv"

    width: int | None = declare(Integer("Channels out.", context=True), default=None)
    kernel: tuple[int, int] = declare(Kernel("Window."), default=(3, 3))
    bias: bool = declare(Flag("Whether a bias is added."), default=True)
    groups: int = declare(Integer("Groups of channels that are convolved separately."), default=1)
    stride: int = declare(Integer("Step of the window.", high=8), default=1)
    padding: str = declare(
        OneOf("What surrounds the input; valid: nothing.", options=("zero", "reflect", "valid")), default="zero"
    )
    dilation: int = declare(Integer("Spacing of the window's taps.", high=16), default=1)
    gain: float = declare(Real("A constant that the result is multiplied by.", low=-1e3, high=1e3), default=1.0)
    train: TrainingForm = declare(
        OneOp("Training form; merges into the one convolution.", training=True, kinds=("training",)), default=Plain()
    )
    init: str = declare(
        OneOf("Weights at the start of training.", training=True, options=("default", "nearest")), default="default"
    )
    frozen: bool = declare(
        Flag("Whether training leaves the weights alone (of lora: what it updates).", training=True), default=False
    )

    def bind(self, widths: tuple[int, ...], width: int) -> Self:
        bound = self if self.width is not None else replace(self, width=width)
        for side, channels in (("input", widths[0]), ("output", bound.channels_out(widths))):
            if channels % self.groups:
                raise FieldError(
                    "groups", f"{self.groups} groups do not divide {channels} {side} channels; choose a divisor"
                )
        self.train.check(bound, widths[0])
        return bound

    def channels_out(self, widths: tuple[int, ...]) -> int:  # noqa: ARG002
        assert self.width is not None, "bind first"
        return self.width

    def shape(self, inputs: tuple[Shape, ...]) -> Shape:
        (x,) = inputs
        sides = (self._side(x.height, self.kernel[0]), self._side(x.width, self.kernel[1]))
        if min(sides) < 1:
            raise FieldError("kernel", f"an input of {x.height}x{x.width} is too small for this convolution")
        return Shape(self.channels_out((x.channels,)), *sides)

    def _side(self, size: int, kernel: int) -> int:
        reach = self.dilation * (kernel - 1)
        padding = 0 if self.padding == "valid" else reach // 2 * 2
        return (size + padding - reach - 1) // self.stride + 1

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,) = inputs
        out = self.shape(inputs)
        weights = out.channels * (x.channels // self.groups) * self.kernel[0] * self.kernel[1]
        params = weights + (out.channels if self.bias else 0)
        return Cost(
            params=params,
            flops=weights * out.pixels,
            activations=out.channels * out.pixels,
            convs=1,
            training_params=self.train.params(self, x.channels),
        )


def same_size(convs: tuple[Convolution, ...]) -> tuple[Convolution, ...]:
    """Return ``convs``; raise FieldError when one of them changes height or width."""
    for conv in convs:
        if not conv.keeps_size:
            raise FieldError("conv", "these keep height and width; use stride 1 and zero or reflect padding")
    return convs


POINT_TRAIN = OneOp("Training form of its 1x1 convolutions.", training=True, kinds=("training",))
"""A field of ops that have 1x1 convolutions of their own."""

WINDOW_TRAIN = OneOp("Training form of its 3x3 convolutions.", training=True, kinds=("training",))
"""A field of ops that have 3x3 convolutions of their own."""


def point(channels: int, width: int, *, bias: bool = True, train: TrainingForm | None = None) -> Convolution:
    """Return a 1x1 convolution, bound.

    Raises:
        FieldError: The training form does not fit it.
    """
    conv = Conv(width=width, kernel=(1, 1), bias=bias, train=train or Plain())
    try:
        return conv.bind((channels,), width)
    except FieldError as error:
        raise FieldError("point_train", str(error)) from None
