"""Parts of the networks that disperse a feature over window shapes, and gate it by its local variance."""

from dataclasses import dataclass
from typing import ClassVar, Self

from nas.ops import counts
from nas.ops.activation import Activation, Gelu, Nothing
from nas.ops.attention import Attention
from nas.ops.base import ZERO, Cost, Shape, register
from nas.ops.conv import POINT_TRAIN, Convolution, point, same_size
from nas.ops.fields import FieldError, Flag, Integer, OneOp, declare, within
from nas.ops.separable import Bsu
from nas.ops.training import Plain, TrainingForm

WINDOWS = ((3, 3), (5, 3), (3, 5))
SOURCE = "Team XUPTBoys (FMDN) in the NTIRE 2025 Efficient Super-Resolution report."


@register
@dataclass(frozen=True, kw_only=True)
class Dispersion(Convolution):
    """The channels in equal groups, each convolved depthwise by a window of its own, and handed on to the next group.

    s1 = a(dw3(x1)); s2 = a(dw5x3(x2 + s1)); s3 = a(dw3x5(x3 + s2)); and of four groups s4 = a(dw3(dw3(x4 + s3))).

    Shapes:
        x: (B, C, H, W)
        returns: (B, C, H, W)
    """

    name: ClassVar[str] = "dispersion"
    source: ClassVar[str] = SOURCE

    groups: int = declare(Integer("Groups of channels.", low=2, high=4), default=4)
    point: bool = declare(Flag("Whether a 1x1 convolution comes first."), default=True)
    residual: bool = declare(Flag("Whether the input is added at the end, and the sum activated."), default=True)
    activation: Activation = declare(OneOp("After each window.", kinds=("activation",)), default=Gelu())
    counted: bool = declare(counts.COUNTED, default=True)
    point_train: TrainingForm = declare(POINT_TRAIN, default=Plain())

    def bind(self, widths: tuple[int, ...], width: int) -> Self:
        if widths[0] % self.groups:
            raise FieldError("groups", f"{self.groups} groups do not divide {widths[0]} channels; choose a divisor")
        with within("activation"):
            self.activation.bind((widths[0] // self.groups,), width)
        self.first(widths[0])
        return self

    def first(self, channels: int) -> Convolution | None:
        """Return the 1x1 convolution that comes first, bound, or None."""
        return point(channels, channels, train=self.point_train) if self.point else None

    def channels_out(self, widths: tuple[int, ...]) -> int:
        return widths[0]

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,) = inputs
        group = x._replace(channels=x.channels // self.groups)
        windows = (*WINDOWS, (3, 3), (3, 3))[: self.groups if self.groups < 4 else 5]
        first = self.first(x.channels)
        total = ZERO if first is None else first.cost(inputs)
        for window in windows:
            total += counts.depthwise(group, window, counted=self.counted)
        for _ in range(self.groups):
            total += self.activation.cost((group,))
        return total + (self.activation.cost(inputs) if self.residual else ZERO)


REACH, STEP = 7, 3
"""Longest window and step of its pooling."""


@register
@dataclass(frozen=True, kw_only=True)
class VarianceAttention(Attention):
    """A gate from the maxima and the local variances of a squeezed feature at half its size.

    Four strided convolutions of the squeezed feature; of two the maxima, of two the unbiased variances in windows of 5
    and 7; both pairs are summed, refined, enlarged and added to the squeezed feature.
    """

    name: ClassVar[str] = "variance_attention"
    source: ClassVar[str] = SOURCE

    inner: int = declare(Integer("Channels of the squeezed feature."), default=6)
    refine: Convolution = declare(OneOp("The convolutions on the pooled maps.", kinds=("conv",)), default=Bsu())
    activation: Activation = declare(
        OneOp("Between the two refinements of a map.", kinds=("activation",)), default=Gelu()
    )
    extra: Convolution | Nothing = declare(
        OneOp("A convolution of the squeezed feature that is added as well.", kinds=("conv", "none")), default=Nothing()
    )
    offset: bool = declare(Flag("Whether a learned offset per channel is taken from the gate."), default=False)
    residual: bool = declare(Flag("Whether the input is added to the gated one."), default=False)
    point_train: TrainingForm = declare(POINT_TRAIN, default=Plain())

    def bind(self, widths: tuple[int, ...], width: int) -> Self:
        with within("activation"):
            self.activation.bind((self.inner,), width)
        self.points(widths[0])
        self.refinement()
        self.extra_part()
        return self

    def refinement(self) -> Convolution:
        """Return the convolution on a pooled map, bound."""
        return same_size((self.refine.part(self.inner, self.inner, place="refine"),))[0]

    def extra_part(self) -> Convolution | None:
        """Return the extra convolution, bound, or None."""
        if isinstance(self.extra, Nothing):
            return None
        return same_size((self.extra.part(self.inner, self.inner, place="extra"),))[0]

    def strided(self) -> Convolution:
        """Return one of the convolutions that halve the size, bound."""
        return Bsu(stride=2, padding="reflect", train=self.point_train).part(self.inner, self.inner)

    def points(self, channels: int) -> tuple[Convolution, Convolution, Convolution]:
        """Return the 1x1 convolutions, bound: squeeze, carry and expand."""
        sides = ((channels, self.inner), (self.inner, self.inner), (self.inner, channels))
        squeeze, carry, expand = (point(*side, train=self.point_train) for side in sides)
        return squeeze, carry, expand

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,) = inputs
        squeeze, carry, expand = self.points(x.channels)
        squeezed = x._replace(channels=self.inner)
        if min(x.height, x.width) < 2 * REACH - 5:
            raise FieldError("variance_attention", "variance_attention needs an input of at least 9x9 pixels")
        strided, refine, extra = self.strided(), self.refinement(), self.extra_part()
        total = squeeze.cost(inputs) + carry.cost((squeezed,)) + expand.cost((squeezed,))
        for window in (5, 7):
            half = strided.shape((squeezed,))
            height, width = ((side + 2 - window) // STEP + 1 for side in (half.height, half.width))
            pooled = Shape(self.inner, height, width)
            total += strided.cost((squeezed,)) + strided.cost((squeezed,)) + self.activation.cost((pooled,))
            total += refine.cost((pooled,)) + refine.cost((pooled,)) + Cost(flops=4 * self.inner * x.pixels)
        total += ZERO if extra is None else extra.cost((squeezed,))
        return total + counts.learned(x.channels * self.offset)
