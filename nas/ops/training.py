"""Training forms of a convolution: branches that merge into it exactly, and cost nothing when deployed."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from nas.ops.base import Op, register
from nas.ops.fields import FieldError, Flag, Integer, Real, declare

if TYPE_CHECKING:
    from nas.ops.conv import Conv


def dense(conv: "Conv", channels: int, *, width: int | None = None, kernel: tuple[int, int] | None = None) -> int:
    """Parameters of a dense convolution shaped like ``conv``, biased as it is."""
    side = conv.kernel if kernel is None else kernel
    out = conv.channels_out(()) if width is None else width
    return channels * out * side[0] * side[1] + (out if conv.bias else 0)


@dataclass(frozen=True, kw_only=True)
class TrainingForm(Op):
    """How a convolution is trained. Every form merges into one convolution, borders included."""

    kind: ClassVar[str] = "training"

    def check(self, conv: "Conv", channels: int) -> None:  # noqa: ARG002
        """Raise FieldError unless this form fits ``conv`` on ``channels`` input channels."""
        if conv.groups != 1:
            raise FieldError(
                "train", f"{self.name} trains dense convolutions only, got groups {conv.groups}; use plain"
            )
        if conv.padding == "reflect":
            raise FieldError("train", f"{self.name} is exact with zero or valid padding only; use plain")

    def params(self, conv: "Conv", channels: int) -> int:
        """Parameters of the training form (fixed filters are no parameters)."""
        raise NotImplementedError


def only_square(form: TrainingForm, conv: "Conv", side: int) -> None:
    """Raise FieldError unless ``conv`` has a square window of this side and no dilation."""
    if conv.kernel != (side, side) or conv.dilation != 1:
        raise FieldError("train", f"{form.name} needs a {side}x{side} window without dilation; use conv3xc or plain")


@register
@dataclass(frozen=True, kw_only=True)
class Plain(TrainingForm):
    """The convolution itself."""

    name: ClassVar[str] = "plain"

    def check(self, conv: "Conv", channels: int) -> None:
        pass

    def params(self, conv: "Conv", channels: int) -> int:
        return dense(conv, channels // conv.groups)


@register
@dataclass(frozen=True, kw_only=True)
class Conv3XC(TrainingForm):
    """1x1 to ``gain`` times the width, the window, 1x1 back, beside a 1x1 shortcut."""

    name: ClassVar[str] = "conv3xc"
    source: ClassVar[str] = "Wan et al., Swift Parameter-free Attention Network, 2023. https://arxiv.org/abs/2311.12770"

    gain: int = declare(Integer("Widening of the middle.", high=8), default=2)

    def params(self, conv: "Conv", channels: int) -> int:
        out = conv.channels_out(())
        wide, narrow = channels * self.gain, out * self.gain
        return (
            dense(conv, channels, width=wide, kernel=(1, 1))
            + dense(conv, wide, width=narrow)
            + dense(conv, narrow, width=out, kernel=(1, 1))
            + dense(conv, channels, kernel=(1, 1))
        )


@register
@dataclass(frozen=True, kw_only=True)
class Edbb(TrainingForm):
    """Parallel 3x3, 1x1, 1x1-3x3, 1x1-Sobel-x, 1x1-Sobel-y, 1x1-Laplacian and identity (where widths agree)."""

    name: ClassVar[str] = "edbb"
    source: ClassVar[str] = "Wang, Edge-enhanced Feature Distillation Network, 2022. https://arxiv.org/abs/2204.08759"

    multiplier: int = declare(Integer("Widening inside the 1x1-3x3 branch.", high=8), default=2)
    identity: bool = declare(Flag("Whether the identity branch is kept where widths agree."), default=True)

    def check(self, conv: "Conv", channels: int) -> None:
        super().check(conv, channels)
        only_square(self, conv, 3)

    def params(self, conv: "Conv", channels: int) -> int:
        return edge_params(conv, channels, self.multiplier) + dense(conv, channels, kernel=(1, 1))


def edge_params(conv: "Conv", channels: int, multiplier: int, *, filters: int = 3) -> int:
    """Parameters of the branches that EDBB and ECB share: 3x3, 1x1-3x3 and (three) 1x1-filter branches."""
    out = conv.channels_out(())
    middle = out * multiplier
    bias = out if conv.bias else 0
    edge = dense(conv, channels, kernel=(1, 1)) + out + bias
    sequence = dense(conv, channels, width=middle, kernel=(1, 1)) + dense(conv, middle)
    return dense(conv, channels) + sequence + filters * edge


@register
@dataclass(frozen=True, kw_only=True)
class Ecb(TrainingForm):
    """Edge-oriented block: 3x3, 1x1-3x3 and three 1x1-filter branches, and identity (where widths agree).

    With ``expand`` above 1 the block works at a widened width between a 1x1 expansion and a 1x1 reduction.
    """

    name: ClassVar[str] = "ecb"
    source: ClassVar[str] = (
        "Zhang et al., Edge-oriented Convolution Block, 2021. https://doi.org/10.1145/3474085.3475291"
    )

    multiplier: int = declare(Integer("Widening inside the 1x1-3x3 branch.", high=8), default=2)
    expand: int = declare(Integer("Widening of the whole block.", high=8), default=1)
    identity: bool = declare(Flag("Whether the identity branch is kept where widths agree."), default=True)

    def check(self, conv: "Conv", channels: int) -> None:
        super().check(conv, channels)
        only_square(self, conv, 3)

    def params(self, conv: "Conv", channels: int) -> int:
        if self.expand == 1:
            return edge_params(conv, channels, self.multiplier)
        out = conv.channels_out(())
        inner = replace(conv, width=out * self.expand)
        expansion = dense(conv, channels, width=channels * self.expand, kernel=(1, 1))
        reduction = dense(conv, out * self.expand, kernel=(1, 1))
        return expansion + edge_params(inner, channels * self.expand, self.multiplier) + reduction


@register
@dataclass(frozen=True, kw_only=True)
class Espan(TrainingForm):
    """Several parallel 1x1-window branches, a 1x1 and the window itself, without identity."""

    name: ClassVar[str] = "espan"
    source: ClassVar[str] = "Team mbga in the NTIRE 2025 Efficient Super-Resolution report."

    branches: int = declare(Integer("Parallel 1x1-window branches.", high=8), default=4)

    def params(self, conv: "Conv", channels: int) -> int:
        out = conv.channels_out(())
        branch = dense(conv, channels, width=out, kernel=(1, 1)) + dense(conv, out)
        return self.branches * branch + dense(conv, channels, kernel=(1, 1)) + dense(conv, channels)


@register
@dataclass(frozen=True, kw_only=True)
class Lora(TrainingForm):
    """The convolution plus a low-rank update (alpha / rank) * B A of its kernel."""

    name: ClassVar[str] = "lora"
    source: ClassVar[str] = "Hu et al., Low-Rank Adaptation, 2021. https://arxiv.org/abs/2106.09685"

    rank: int = declare(Integer("Rank of the update, per side of the window.", high=256), default=4)
    alpha: float = declare(Real("Scale of the update; it is divided by the rank.", high=1e4), default=4.0)

    def check(self, conv: "Conv", channels: int) -> None:
        super().check(conv, channels)
        if conv.kernel[0] != conv.kernel[1]:
            raise FieldError("train", "lora needs a square window; use plain")

    def params(self, conv: "Conv", channels: int) -> int:
        out, side = conv.channels_out(()), conv.kernel[0]
        return dense(conv, channels) + self.rank * side * side * (channels + out)
