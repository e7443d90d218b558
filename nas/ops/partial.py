"""Ops on a part of the channels, or on their order."""

from dataclasses import dataclass
from typing import ClassVar, Self

from nas.ops import counts
from nas.ops.base import Cost, Op, Shape, register
from nas.ops.conv import Conv, Convolution
from nas.ops.fields import FieldError, Integer, OneOp, Real, declare


@register
@dataclass(frozen=True, kw_only=True)
class Partial(Convolution):
    """A convolution of the first channels; the others pass untouched.

    Shapes:
        x: (B, C, H, W)
        returns: (B, C, H, W)
    """

    name: ClassVar[str] = "partial"
    source: ClassVar[str] = "Chen et al., Run, Don't Walk (FasterNet), 2023. https://arxiv.org/abs/2303.03667"

    first: int = declare(Integer("Channels that are convolved."))
    conv: Convolution = declare(OneOp("What convolves them.", kinds=("conv",)), default=Conv())

    @property
    def keeps_size(self) -> bool:
        return self.conv.keeps_size

    def bind(self, widths: tuple[int, ...], width: int) -> Self:  # noqa: ARG002
        if self.first > widths[0]:
            raise FieldError("first", f"there are {widths[0]} channels, so {self.first} cannot be the first of them")
        if not self.conv.keeps_size:
            raise FieldError("conv", "a part keeps height and width; use stride 1 and zero or reflect padding")
        self.inner()
        return self

    def inner(self) -> Convolution:
        """Return the convolution, bound."""
        return self.conv.part(self.first, self.first)

    def channels_out(self, widths: tuple[int, ...]) -> int:
        return widths[0]

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        return self.inner().cost((inputs[0]._replace(channels=self.first),))


@register
@dataclass(frozen=True, kw_only=True)
class ChannelShuffle(Op):
    """The channels of several groups, dealt in turn: the first of each group, the second of each, and so on."""

    name: ClassVar[str] = "channel_shuffle"
    kind: ClassVar[str] = "fusion"
    source: ClassVar[str] = "Zhang et al., ShuffleNet, 2017. https://arxiv.org/abs/1707.01083"

    groups: int = declare(Integer("Groups."))

    def bind(self, widths: tuple[int, ...], width: int) -> Self:  # noqa: ARG002
        if widths[0] % self.groups:
            raise FieldError("groups", f"{self.groups} groups do not divide {widths[0]} channels; choose a divisor")
        return self


@register
@dataclass(frozen=True, kw_only=True)
class Sobel(Op):
    """Edges of every channel: the horizontal slopes, the vertical ones, and their magnitudes, side by side.

    The two filters are fixed; they are no parameters, but convolutions in what is counted.

    Shapes:
        x: (B, C, H, W)
        returns: (B, 3 C, H, W)
    """

    name: ClassVar[str] = "sobel"
    kind: ClassVar[str] = "fusion"
    source: ClassVar[str] = "Team Cidaut AI (FEAN) in the NTIRE 2025 Efficient Super-Resolution report."

    eps: float = declare(Real("Added under the root of the magnitude.", high=1), default=1e-6)

    def channels_out(self, widths: tuple[int, ...]) -> int:
        return 3 * widths[0]

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,) = inputs
        return Cost(flops=2 * 9 * x.channels * x.pixels, activations=2 * x.channels * x.pixels, convs=2)


@register
@dataclass(frozen=True, kw_only=True)
class Idle(Op):
    """The feature itself, and parameters that nothing uses: some published networks hold such, and count them."""

    name: ClassVar[str] = "idle"
    kind: ClassVar[str] = "fusion"

    count: int = declare(Integer("Unused parameters."))

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:  # noqa: ARG002
        return counts.learned(self.count)
