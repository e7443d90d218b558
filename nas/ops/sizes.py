"""Ops that change a feature's height and width inside a network."""

from dataclasses import dataclass
from typing import ClassVar, Self

from nas.ops.base import Cost, Op, Shape, register
from nas.ops.fields import FieldError, Integer, OneOf, declare


@register
@dataclass(frozen=True, kw_only=True)
class MaxPool(Op):
    """The largest value in every window."""

    name: ClassVar[str] = "max_pool"
    kind: ClassVar[str] = "fusion"

    kernel: int = declare(Integer("Side of the window.", high=64), default=7)
    stride: int = declare(Integer("Step of the window.", high=64), default=3)
    padding: int = declare(Integer("Rows and columns around the input, never the largest.", low=0, high=32), default=0)

    def bind(self, widths: tuple[int, ...], width: int) -> Self:  # noqa: ARG002
        if self.padding > self.kernel // 2:
            raise FieldError("padding", f"{self.padding} is more than half of the window; use {self.kernel // 2}")
        return self

    def shape(self, inputs: tuple[Shape, ...]) -> Shape:
        (x,) = inputs
        height, width = ((side + 2 * self.padding - self.kernel) // self.stride + 1 for side in (x.height, x.width))
        if min(height, width) < 1:
            raise FieldError("kernel", f"an input of {x.height}x{x.width} is smaller than the window")
        return Shape(x.channels, height, width)


@register
@dataclass(frozen=True, kw_only=True)
class Fit(Op):
    """Its first input, resized to the height and width of its second. Per output element: bilinear 4, nearest 1."""

    name: ClassVar[str] = "fit"
    kind: ClassVar[str] = "fusion"
    arity: ClassVar[tuple[int, int]] = (2, 2)
    one_size: ClassVar[bool] = False

    mode: str = declare(OneOf("Interpolation.", options=("nearest", "bilinear")), default="bilinear")

    def shape(self, inputs: tuple[Shape, ...]) -> Shape:
        x, like = inputs
        return like._replace(channels=x.channels)

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        out = self.shape(inputs)
        return Cost(flops=out.channels * out.pixels * (4 if self.mode == "bilinear" else 1))
