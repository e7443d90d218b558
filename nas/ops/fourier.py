"""Attentions and mixers of an image's spectrum."""

from dataclasses import dataclass
from typing import ClassVar, Self

from nas.ops import counts
from nas.ops.attention import Attention
from nas.ops.base import Cost, Shape, register
from nas.ops.conv import POINT_TRAIN, Convolution, point
from nas.ops.fields import FieldError, Integer, Real, declare
from nas.ops.training import Plain, TrainingForm


def spectrum(x: Shape, channels: int) -> Shape:
    """Shape of a real image's spectrum, of which half is redundant."""
    return Shape(channels, x.height, x.width // 2 + 1)


@register
@dataclass(frozen=True, kw_only=True)
class SpectralGate(Attention):
    """x times the inverse transform of its spectrum, of which every segment has learned factors.

    Real and imaginary part pass one after the other: u = leaky(squeeze(part)), every segment of every channel of u
    times a factor, plus an offset per channel, plus u, activated and expanded, plus the part.
    """

    name: ClassVar[str] = "spectral_gate"
    source: ClassVar[str] = "Team CUIT_HTTP (FSANet) in the NTIRE 2025 Efficient Super-Resolution report."

    inner: int = declare(Integer("Channels of the squeezed spectrum."), default=16)
    segments: int = declare(Integer("Segments of each axis of the spectrum.", high=64), default=5)
    slope: float = declare(Real("Of its leaky ReLUs.", high=1), default=0.2)
    point_train: TrainingForm = declare(POINT_TRAIN, default=Plain())

    def bind(self, widths: tuple[int, ...], width: int) -> Self:  # noqa: ARG002
        self.parts(widths[0])
        return self

    def parts(self, channels: int) -> tuple[Convolution, Convolution]:
        """Return its 1x1 convolutions, bound: squeeze and expand."""
        train = self.point_train
        return point(channels, self.inner, train=train), point(self.inner, channels, train=train)

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,) = inputs
        part = spectrum(x, x.channels)
        factors = self.inner * self.segments**2
        window = Shape(factors, -(-part.height // self.segments), -(-part.width // self.segments))
        squeeze, expand = self.parts(x.channels)
        once = squeeze.cost((part,)) + counts.depthwise(window, (1, 1), bias=False)
        once += expand.cost((part._replace(channels=self.inner),)) + counts.learned(self.inner)
        return once + once.without_params()


@register
@dataclass(frozen=True, kw_only=True)
class SpectralMixer(Attention):
    """The inverse transform of a spectrum that experts for every frequency have mixed.

    The spectrum (real and imaginary parts as 2 C channels) is seen in three radial bands, each scaled by a depthwise
    1x1; their sum times alpha is added to it, and the whole normalised over the batch. Grouped experts of a depthwise
    convolution of that are summed with weights that a softmax gives every frequency.
    """

    name: ClassVar[str] = "spectral_mixer"
    source: ClassVar[str] = "Team NJUPCA (SFNet) in the NTIRE 2025 Efficient Super-Resolution report."

    experts: int = declare(Integer("Experts, each of which sees an equal part of the channels.", high=16), default=4)
    point_train: TrainingForm = declare(POINT_TRAIN, default=Plain())

    def bind(self, widths: tuple[int, ...], width: int) -> Self:  # noqa: ARG002
        if 2 * widths[0] % self.experts:
            raise FieldError(
                "experts", f"{self.experts} experts do not divide the {2 * widths[0]} parts; use a divisor"
            )
        self.weights(widths[0])
        return self

    def weights(self, channels: int) -> Convolution:
        """Return the 1x1 convolution that weighs the experts, bound."""
        return point(2 * channels, self.experts, train=self.point_train)

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,) = inputs
        part = spectrum(x, 2 * x.channels)
        elements, total = part.channels * part.pixels, counts.learned(3 * part.channels)
        for _ in range(BANDS):
            total += counts.depthwise(part, (1, 1))
        total += Cost(flops=2 * elements) + self.weights(x.channels).cost((part,)) + counts.depthwise(part)
        total += counts.conv(part, self.experts * part.channels, groups=self.experts)
        return total + counts.einsum(self.experts * elements, elements)


BANDS = 3
"""Low, middle and high frequencies."""
