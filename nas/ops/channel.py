"""Channel attentions: a factor for every channel, from statistics over all pixels."""

from dataclasses import dataclass
from typing import ClassVar, Self

from nas.ops.activation import Activation, Gelu
from nas.ops.attention import Attention
from nas.ops.base import Cost, Shape, register
from nas.ops.conv import POINT_TRAIN, Conv, Convolution, point, same_size
from nas.ops.fields import Integer, Kernel, Odd, OneOp, Real, declare, within
from nas.ops.training import Plain, TrainingForm


def learned(count: int) -> Cost:
    """The cost of ``count`` parameters that no convolution has."""
    return Cost(params=count, training_params=count)


@register
@dataclass(frozen=True, kw_only=True)
class Gct(Attention):
    """Gated channel transformation: x * (1 + tanh(e * n + beta)).

    e is alpha times a channel's L2 norm over all pixels, and n is gamma over the root mean square of e over all
    channels; alpha, beta and gamma are learned per channel. It starts as the identity.
    """

    name: ClassVar[str] = "gct"
    source: ClassVar[str] = "Yang et al., Gated Channel Transformation, 2020. https://arxiv.org/abs/1909.11519"

    eps: float = declare(Real("Added under both roots.", high=1), default=1e-5)

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        return learned(3 * inputs[0].channels)


@register
@dataclass(frozen=True, kw_only=True)
class Eca(Attention):
    """Efficient channel attention: x times the sigmoid of a one-dimensional convolution over the channels' means."""

    name: ClassVar[str] = "eca"
    source: ClassVar[str] = "Wang et al., ECA-Net, 2020. https://arxiv.org/abs/1910.03151"

    kernel: int = declare(Odd("Neighbouring channels that are seen."), default=5)

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,) = inputs
        flops = x.channels * (x.pixels + self.kernel)
        return Cost(self.kernel, flops, activations=x.channels, convs=1, training_params=self.kernel)


@register
@dataclass(frozen=True, kw_only=True)
class Cca(Attention):
    """Contrast-aware channel attention: x times a gate made of the channels' standard deviation plus mean."""

    name: ClassVar[str] = "cca"
    source: ClassVar[str] = "Hui et al., IMDN, 2019. https://arxiv.org/abs/1909.11856"

    inner: int = declare(Integer("Channels between the two 1x1 convolutions."), default=4)
    point_train: TrainingForm = declare(POINT_TRAIN, default=Plain())

    def bind(self, widths: tuple[int, ...], width: int) -> Self:  # noqa: ARG002
        self.parts(widths[0])
        return self

    def parts(self, channels: int) -> tuple[Convolution, Convolution]:
        """Return its convolutions, bound."""
        return (
            point(channels, self.inner, train=self.point_train),
            point(self.inner, channels, train=self.point_train),
        )

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,) = inputs
        squeeze, expand = self.parts(x.channels)
        pooled = squeeze.cost((Shape(x.channels, 1, 1),)) + expand.cost((Shape(self.inner, 1, 1),))
        return pooled + Cost(flops=x.channels * x.pixels)


@register
@dataclass(frozen=True, kw_only=True)
class Rcca(Attention):
    """Residual contrast-aware attention: sigma * (y - activation(1x1 to one channel of y)) + cca(y) + x.

    y is the activated depthwise convolution of x; sigma is learned per channel and starts at 1e-5.
    """

    name: ClassVar[str] = "rcca"
    source: ClassVar[str] = "Team XUPTBoys (FMDN) in the NTIRE 2025 Efficient Super-Resolution report."

    inner: int = declare(Integer("Channels between the two 1x1 convolutions of its cca."), default=4)
    kernel: tuple[int, int] = declare(Kernel("Window of the depthwise convolution."), default=(3, 3))
    activation: Activation = declare(OneOp("After both convolutions.", kinds=("activation",)), default=Gelu())
    point_train: TrainingForm = declare(POINT_TRAIN, default=Plain())

    def bind(self, widths: tuple[int, ...], width: int) -> Self:
        with within("activation"):
            self.activation.bind(widths, width)
        self.parts(widths[0])
        self.cca().bind(widths, width)
        return self

    def cca(self) -> Cca:
        """Return the attention inside."""
        return Cca(inner=self.inner, point_train=self.point_train)

    def parts(self, channels: int) -> tuple[Convolution, Convolution]:
        """Return its depthwise convolution and the 1x1 to one channel, bound."""
        depthwise = Conv(kernel=self.kernel, groups=channels).part(channels, channels)
        return same_size((depthwise,))[0], point(channels, 1, train=self.point_train)

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,) = inputs
        depthwise, single = self.parts(x.channels)
        activations = self.activation.cost(inputs) + self.activation.cost((x._replace(channels=1),))
        return (
            depthwise.cost(inputs) + single.cost(inputs) + activations + self.cca().cost(inputs) + learned(x.channels)
        )
