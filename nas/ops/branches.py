"""Training forms that widen, repeat or reshape the window of a convolution, and one for depthwise windows."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from nas.ops.base import register
from nas.ops.fields import FieldError, Flag, Integer, Many, declare
from nas.ops.training import TrainingForm, dense, edge_params, only_square

if TYPE_CHECKING:
    from nas.ops.conv import Conv

REDUCTION = 4
"""Narrowing inside the gate of RepMB."""


@register
@dataclass(frozen=True, kw_only=True)
class Eec(TrainingForm):
    """1x1 to ``expand`` times the width, an edge block with a high-pass branch there, 1x1 back, and identity.

    The edge block is EDBB's with one branch more. Identities are added where widths agree.
    """

    name: ClassVar[str] = "eec"
    source: ClassVar[str] = "Team ChanSR (EECNet) in the NTIRE 2025 Efficient Super-Resolution report."

    expand: int = declare(Integer("Widening of the whole block.", high=8), default=2)
    multiplier: int = declare(Integer("Widening inside the 1x1-3x3 branch.", high=8), default=2)

    def check(self, conv: "Conv", channels: int) -> None:
        super().check(conv, channels)
        only_square(self, conv, 3)

    def params(self, conv: "Conv", channels: int) -> int:
        out, wide = conv.channels_out(()), channels * self.expand
        inner = replace(conv, width=out * self.expand)
        edges = edge_params(inner, wide, self.multiplier, filters=4) + dense(inner, wide, kernel=(1, 1))
        return channels * wide + edges + dense(conv, out * self.expand, kernel=(1, 1))


@register
@dataclass(frozen=True, kw_only=True)
class Rrrb(TrainingForm):
    """1x1 to ``ratio`` times the width, the window beside an identity, 1x1 back, and an identity around all.

    Identities are added where widths agree.
    """

    name: ClassVar[str] = "rrrb"
    source: ClassVar[str] = "Du et al., FMEN, 2022. https://arxiv.org/abs/2204.08397"

    ratio: int = declare(Integer("Widening of the middle.", high=8), default=2)

    def params(self, conv: "Conv", channels: int) -> int:
        return bottleneck_params(conv, channels, self.ratio)


def bottleneck_params(conv: "Conv", channels: int, gain: int) -> int:
    """Parameters of a 1x1 to ``gain`` times the width, the window there and a 1x1 back."""
    out = conv.channels_out(())
    return (
        dense(conv, channels, width=channels * gain, kernel=(1, 1))
        + dense(conv, channels * gain, width=out * gain)
        + dense(conv, out * gain, kernel=(1, 1))
    )


@register
@dataclass(frozen=True, kw_only=True)
class RepMb(TrainingForm):
    """1x1 to ``ratio`` times the width, the window, 1x1 back, beside a 1x1 shortcut.

    With ``gate`` the window's result is multiplied by a learned constant per channel, the sigmoid of a bottleneck of a
    learned vector, and identities around the window and around all take the shortcut's place, where widths agree.
    """

    name: ClassVar[str] = "repmb"
    source: ClassVar[str] = "Team NanoSR in the NTIRE 2025 Efficient Super-Resolution report."

    ratio: int = declare(Integer("Widening of the middle.", high=8), default=2)
    gate: bool = declare(Flag("Whether the window's channels are gated."), default=False)

    def params(self, conv: "Conv", channels: int) -> int:
        between = bottleneck_params(conv, channels, self.ratio)
        if not self.gate:
            return between + dense(conv, channels, kernel=(1, 1))
        wide = conv.channels_out(()) * self.ratio
        narrow = max(wide // REDUCTION, 1)
        return between + wide + (wide + 1) * narrow + (narrow + 1) * wide


@register
@dataclass(frozen=True, kw_only=True)
class MultiShape(TrainingForm):
    """The window beside its middle column, its middle row, a 1x1 and the identity (where widths agree)."""

    name: ClassVar[str] = "multi_shape"
    source: ClassVar[str] = "Team JNU620 (RepRLFN) in the NTIRE 2025 Efficient Super-Resolution report."

    def params(self, conv: "Conv", channels: int) -> int:
        height, width = conv.kernel
        shapes = ((height, width), (height, 1), (1, width), (1, 1))
        return sum(dense(conv, channels, kernel=shape) for shape in shapes)


@register
@dataclass(frozen=True, kw_only=True)
class TenInOne(TrainingForm):
    """Several branches of 1x1, window and 1x1, each with a widening of its own, beside a 1x1 shortcut."""

    name: ClassVar[str] = "ten_in_one"
    source: ClassVar[str] = "Team TACO_SR (TenInOneSR) in the NTIRE 2025 Efficient Super-Resolution report."

    gains: tuple[int, ...] = declare(
        Many("Widening of the middle of each branch.", of=Integer("", high=8), most=8), default=(1, 2, 3)
    )

    def params(self, conv: "Conv", channels: int) -> int:
        branches = sum(bottleneck_params(conv, channels, gain) for gain in self.gains)
        return branches + dense(conv, channels, kernel=(1, 1))


@register
@dataclass(frozen=True, kw_only=True)
class SerialParallel(TrainingForm):
    """The window beside a 1x1 followed by another such window."""

    name: ClassVar[str] = "serial_parallel"
    source: ClassVar[str] = "Team mmSR (FRnet) in the NTIRE 2025 Efficient Super-Resolution report."

    def params(self, conv: "Conv", channels: int) -> int:
        out = conv.channels_out(())
        return dense(conv, channels) + dense(conv, channels, width=out, kernel=(1, 1)) + dense(conv, out)


@register
@dataclass(frozen=True, kw_only=True)
class MultiKernel(TrainingForm):
    """A square depthwise window beside all smaller odd ones and the identity."""

    name: ClassVar[str] = "multi_kernel"
    source: ClassVar[str] = "Team CUIT_HTTP (FSANet) in the NTIRE 2025 Efficient Super-Resolution report."

    def check(self, conv: "Conv", channels: int) -> None:
        if not channels == conv.groups == conv.channels_out(()):
            raise FieldError(
                "train", "multi_kernel trains depthwise convolutions only, groups as many as channels; use plain"
            )
        if conv.kernel[0] != conv.kernel[1]:
            raise FieldError("train", "multi_kernel needs a square window; use plain")
        if conv.padding == "reflect":
            raise FieldError("train", "multi_kernel is exact with zero or valid padding only; use plain")

    def params(self, conv: "Conv", channels: int) -> int:  # noqa: ARG002
        return sum(dense(conv, 1, kernel=(side, side)) for side in range(1, conv.kernel[0] + 1, 2))
