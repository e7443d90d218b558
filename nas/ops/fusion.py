"""Ops that join features, take part of one, or change its size."""

from dataclasses import dataclass
from typing import ClassVar, Self

from nas.ops.base import Cost, Op, Shape, register
from nas.ops.fields import FieldError, Integer, Many, OneOf, Real, declare

MOST_OPERANDS = 64


@register
@dataclass(frozen=True, kw_only=True)
class Concat(Op):
    """Its inputs side by side along the channel axis."""

    name: ClassVar[str] = "concat"
    kind: ClassVar[str] = "fusion"
    arity: ClassVar[tuple[int, int]] = (1, MOST_OPERANDS)

    def channels_out(self, widths: tuple[int, ...]) -> int:
        return sum(widths)


@register
@dataclass(frozen=True, kw_only=True)
class Add(Op):
    """The sum of its inputs."""

    name: ClassVar[str] = "add"
    kind: ClassVar[str] = "fusion"
    arity: ClassVar[tuple[int, int]] = (1, MOST_OPERANDS)

    def bind(self, widths: tuple[int, ...], width: int) -> Self:  # noqa: ARG002
        if len(set(widths)) != 1:
            shown = ", ".join(str(item) for item in widths)
            raise FieldError("of", f"features of {shown} channels cannot be added; make their widths agree")
        return self


@register
@dataclass(frozen=True, kw_only=True)
class Multiply(Op):
    """The product of its inputs, element by element."""

    name: ClassVar[str] = "multiply"
    kind: ClassVar[str] = "fusion"
    arity: ClassVar[tuple[int, int]] = (2, MOST_OPERANDS)

    def bind(self, widths: tuple[int, ...], width: int) -> Self:  # noqa: ARG002
        if len(set(widths)) != 1:
            shown = ", ".join(str(item) for item in widths)
            raise FieldError("of", f"features of {shown} channels cannot be multiplied; make their widths agree")
        return self


@register
@dataclass(frozen=True, kw_only=True)
class LayerScale(Op):
    """Every channel times a learned factor."""

    name: ClassVar[str] = "layer_scale"
    kind: ClassVar[str] = "fusion"
    source: ClassVar[str] = (
        "Touvron et al., Going deeper with Image Transformers, 2021. https://arxiv.org/abs/2103.17239"
    )

    init: float = declare(
        Real("The factors at the start of training.", training=True, low=-1e3, high=1e3), default=1e-6
    )

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        return Cost(params=inputs[0].channels, training_params=inputs[0].channels)


@register
@dataclass(frozen=True, kw_only=True)
class Slice(Op):
    """Channels from the first to just before the last of two bounds."""

    name: ClassVar[str] = "slice"
    kind: ClassVar[str] = "fusion"

    channels: tuple[int, int] = declare(
        Many("First channel, and the one after the last.", of=Integer("", low=0), least=2, most=2)
    )

    def bind(self, widths: tuple[int, ...], width: int) -> Self:  # noqa: ARG002
        first, last = self.channels
        if not first < last <= widths[0]:
            raise FieldError(
                "channels", f"[{first}, {last}] is no range of {widths[0]} channels; use [first, last) inside it"
            )
        return self

    def channels_out(self, widths: tuple[int, ...]) -> int:  # noqa: ARG002
        return self.channels[1] - self.channels[0]


@register
@dataclass(frozen=True, kw_only=True)
class Resize(Op):
    """Enlarge by interpolation (half-pixel centres). Counted per output element: bilinear 4, nearest 1."""

    name: ClassVar[str] = "resize"
    kind: ClassVar[str] = "skip"

    scale: int = declare(Integer("Enlargement of each side.", low=2, high=8))
    mode: str = declare(OneOf("Interpolation.", options=("nearest", "bilinear")), default="bilinear")

    def shape(self, inputs: tuple[Shape, ...]) -> Shape:
        (x,) = inputs
        return Shape(x.channels, x.height * self.scale, x.width * self.scale)

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        out = self.shape(inputs)
        return Cost(flops=out.channels * out.pixels * (4 if self.mode == "bilinear" else 1))


@register
@dataclass(frozen=True, kw_only=True)
class RepeatChannels(Op):
    """Every channel several times in a row: an image repeated scale^2 times and shuffled is enlarged to the nearest."""

    name: ClassVar[str] = "repeat_channels"
    kind: ClassVar[str] = "skip"

    times: int = declare(Integer("Copies of every channel.", high=64))

    def channels_out(self, widths: tuple[int, ...]) -> int:
        return widths[0] * self.times


@register
@dataclass(frozen=True, kw_only=True)
class PixelShuffle(Op):
    """Rearrange (B, C * scale^2, H, W) into (B, C, scale * H, scale * W)."""

    name: ClassVar[str] = "pixelshuffle"
    kind: ClassVar[str] = "upsampler"
    source: ClassVar[str] = "Shi et al., 2016. https://arxiv.org/abs/1609.05158"

    scale: int = declare(Integer("Enlargement of each side.", high=8))

    def bind(self, widths: tuple[int, ...], width: int) -> Self:  # noqa: ARG002
        if widths[0] % self.scale**2:
            raise FieldError("scale", f"{widths[0]} channels do not divide by scale^2 = {self.scale**2}")
        return self

    def channels_out(self, widths: tuple[int, ...]) -> int:
        return widths[0] // self.scale**2

    def shape(self, inputs: tuple[Shape, ...]) -> Shape:
        (x,) = inputs
        return Shape(self.channels_out((x.channels,)), x.height * self.scale, x.width * self.scale)
