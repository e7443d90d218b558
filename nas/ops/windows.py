"""Attention between the pixels of a window."""

from dataclasses import dataclass
from typing import ClassVar, Self

from nas.ops import counts
from nas.ops.attention import Attention
from nas.ops.base import ZERO, Cost, Shape, register
from nas.ops.conv import POINT_TRAIN, WINDOW_TRAIN, Conv, Convolution, point
from nas.ops.fields import FieldError, Integer, declare
from nas.ops.training import Plain, TrainingForm


def covered(x: Shape, window: int) -> Shape:
    """Shape of a feature that is mirrored at its borders until windows cover it."""
    return Shape(x.channels, -(-x.height // window) * window, -(-x.width // window) * window)


@register
@dataclass(frozen=True, kw_only=True)
class WindowAttention(Attention):
    """Self-attention between the pixels of a window, with a learned bias for every relative position.

    With ``fold`` above 1, keys and values have fewer channels, and those of fold x fold neighbours are folded into one:
    permuted self-attention. Windows of a shifted step wrap around the image, and what is not adjacent is kept apart. An
    image that windows do not cover is mirrored at its right and lower border.
    """

    name: ClassVar[str] = "window_attention"
    source: ClassVar[str] = (
        "Liu et al., Swin Transformer, 2021. https://arxiv.org/abs/2103.14030; fold: Zhou et al., SRFormer, 2023. "
        "https://arxiv.org/abs/2303.09735"
    )

    window: int = declare(Integer("Side of a window, in pixels.", low=2, high=128), default=16)
    shift: int = declare(Integer("Pixels by which the windows are shifted.", low=0, high=64), default=0)
    heads: int = declare(Integer("Groups of channels.", high=64), default=4)
    fold: int = declare(Integer("Side of the neighbourhood that keys and values are folded from.", high=4), default=1)

    def bind(self, widths: tuple[int, ...], width: int) -> Self:  # noqa: ARG002
        (channels,) = widths
        if channels % self.heads:
            raise FieldError("heads", f"{self.heads} heads do not divide {channels} channels; choose a divisor")
        if channels % self.fold**2 or self.window % self.fold:
            raise FieldError(
                "fold", f"fold {self.fold} does not fit {channels} channels in windows of {self.window}; use 1"
            )
        if self.shift >= self.window or self.shift % self.fold:
            raise FieldError("shift", f"takes a multiple of fold ({self.fold}) below the window ({self.window})")
        return self

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        channels, pixels = inputs[0].channels, covered(inputs[0], self.window).pixels
        keys = (self.window // self.fold) ** 2
        total = counts.linear(pixels, channels, channels) + counts.linear(pixels, channels, channels)
        total += counts.linear(pixels, channels, 2 * channels // self.fold**2)
        products = counts.matmul(2 * pixels * keys * channels, pixels * (keys * self.heads + channels))
        return total + products + counts.learned((2 * self.window // self.fold - 1) ** 2 * self.heads)


@register
@dataclass(frozen=True, kw_only=True)
class SelfCorrelation(Attention):
    """Correlations within a window, without softmax: between channels, and with ``heads`` also between pixels.

    A gated bottleneck makes queries and values. Pixels are correlated with a base grid of the window, whose cells a
    linear layer reduces to one token each, plus a bias that a small network makes of the relative position. An image
    that windows do not cover is mirrored at its right and lower border.
    """

    name: ClassVar[str] = "self_correlation"
    source: ClassVar[str] = "Zhang et al., HiT-SR, 2024. https://arxiv.org/abs/2407.05878"

    window: int = declare(Integer("Side of a window, in pixels.", low=2, high=128), default=8)
    heads: int = declare(
        Integer("Groups of channels of the correlation between pixels; 0: channels only.", low=0, high=64), default=0
    )
    base: int = declare(Integer("Longest side of the base grid.", low=2, high=64), default=8)
    squeeze: int = declare(Integer("Divisor of the channels inside the bottleneck.", high=64), default=5)
    point_train: TrainingForm = declare(POINT_TRAIN, default=Plain())
    train: TrainingForm = declare(WINDOW_TRAIN, default=Plain())

    def bind(self, widths: tuple[int, ...], width: int) -> Self:  # noqa: ARG002
        (channels,) = widths
        if channels % 2 or (self.heads and channels // 2 % self.heads):
            raise FieldError("heads", f"half of {channels} channels does not divide by {max(self.heads, 1)}")
        if channels < self.squeeze:
            raise FieldError("squeeze", f"{self.squeeze} is more than the {channels} channels; choose a smaller one")
        if self.heads and self.window % min(self.base, self.window):
            raise FieldError("base", f"a grid of {self.base} does not divide a window of {self.window}")
        self.bottleneck(channels)
        return self

    def bottleneck(self, channels: int) -> tuple[Convolution, Convolution, Convolution]:
        """Return the convolutions of the bottleneck, bound."""
        inner = channels // self.squeeze
        return (
            point(channels, inner, train=self.point_train),
            Conv(width=inner, train=self.train).bind((inner,), inner),
            point(inner, channels, train=self.point_train),
        )

    def gate(self, channels: int) -> Convolution:
        """Return the 1x1 convolution that the bottleneck is multiplied with, bound."""
        return point(channels, channels, train=self.point_train)

    def position_inner(self, channels: int) -> int:
        """Channels inside the network that makes the position bias."""
        return max(channels // 16, 1)

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        x = covered(inputs[0], self.window)
        channels, half, tokens = x.channels, x.channels // 2, self.window**2
        narrow = x._replace(channels=channels // self.squeeze)
        first, second, third = self.bottleneck(channels)
        total = first.cost((x,)) + second.cost((narrow,)) + third.cost((narrow,)) + self.gate(channels).cost((x,))
        windows = x.pixels // tokens
        total += counts.matmul(2 * half * half * x.pixels, windows * half * half + half * x.pixels)
        total += counts.linear(x.pixels, half * (2 if self.heads else 1), channels)
        return total + (self._spatial(x, half) if self.heads else ZERO)

    def _spatial(self, x: Shape, half: int) -> Cost:
        base, inner = min(self.base, self.window), self.position_inner(x.channels)
        cells, cell = base * base, (self.window // base) ** 2
        windows = x.pixels // self.window**2
        offsets = (2 * self.window - 1) ** 2
        total = counts.linear(windows * cells * half, cell, 1)
        total += counts.matmul(2 * half * x.pixels * cells, x.pixels * (cells * self.heads + half))
        total += counts.linear(offsets, 2, inner)
        for width in (inner, inner, self.heads):
            total += counts.layer_norm(offsets * inner, inner) + counts.linear(offsets, inner, width)
        return total
