"""Attention for the windows of an image that are worth it."""

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

from nas.ops import counts
from nas.ops.base import Cost, Op, Shape, register
from nas.ops.conv import POINT_TRAIN, WINDOW_TRAIN, Conv, Convolution, point
from nas.ops.fields import FieldError, Integer, Real, declare
from nas.ops.training import Plain, TrainingForm
from nas.ops.windows import covered

LEAST_SHARE = 1 / (1 + math.e)
"""Expected share of windows that is drawn when every window's score is as low as a softmax makes it."""


class RouterParts(NamedTuple):
    """The convolutions of a router."""

    see: Convolution
    offsets: tuple[Convolution, Convolution]
    channel_gate: Convolution
    pixel_gate: Convolution


@register
@dataclass(frozen=True, kw_only=True)
class ContentMixer(Op):
    """Mixes a feature with more effort in the windows that a router draws.

    u = silu(1x1(x)) and v = 1x1(u). A router sees v, the condition (one for all blocks of a network) and the place in
    the window, and gives offsets, a channel gate, a gate for every pixel, and a score for every window. Drawn windows
    become (v + x) * (sigmoid(linear(u + x warped by the offsets)) - 0.5), the others v times the pixel's gate; two
    depthwise convolutions and the channel gate follow.

    How many windows are drawn is random (Gumbel noise from torch's generator on the scores, in evaluation too; use
    ``torch.manual_seed`` to repeat it) and depends on the image, and so do the FLOPs. Counted is the least share that
    is to be expected, 1 / (1 + e), which training drives the router to. One share serves all images of a batch.

    Shapes:
        x: (B, C, H, W)
        condition: (B, D, H, W)
        returns: (B, C, H, W)
    """

    name: ClassVar[str] = "content_mixer"
    kind: ClassVar[str] = "block"
    arity: ClassVar[tuple[int, int]] = (2, 2)
    source: ClassVar[str] = "Wang et al., CAMixerSR, 2024. https://arxiv.org/abs/2402.19289; team SCMSR of NTIRE 2025."

    window: int = declare(Integer("Side of a window, in pixels.", low=2, high=64), default=16)
    reach: float = declare(Real("Longest offset, in pixels.", high=256), default=8.0)
    point_train: TrainingForm = declare(POINT_TRAIN, default=Plain())
    train: TrainingForm = declare(WINDOW_TRAIN, default=Plain())

    def bind(self, widths: tuple[int, ...], width: int) -> Self:  # noqa: ARG002
        if sum(widths) < 6:
            raise FieldError("of", f"a router needs 6 channels of feature and condition, got {sum(widths)}")
        self.router(self.inner(widths), widths[0])
        return self

    def point(self, channels: int, width: int) -> Convolution:
        """Return one of its 1x1 convolutions, bound."""
        return point(channels, width, train=self.point_train)

    def router(self, seen: int, channels: int) -> RouterParts:
        """Return the convolutions of the router, bound."""
        inner, offset = seen // 4, seen // 8
        return RouterParts(
            see=self.point(seen, inner),
            offsets=(self.point(inner, offset), self.point(offset, 2)),
            channel_gate=self.point(inner, channels),
            pixel_gate=Conv(width=1, train=self.train).bind((inner,), 1),
        )

    @staticmethod
    def inner(widths: tuple[int, ...]) -> int:
        """Channels of what the router sees: the two inputs and two coordinates."""
        return sum(widths) + 2

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        x, condition = (covered(item, self.window) for item in inputs)
        channels, seen, side = x.channels, self.inner((x.channels, condition.channels)), self.window
        z, windows = x._replace(channels=seen // 4), x.pixels // side**2
        router, same = self.router(seen, channels), self.point(channels, channels).cost((x,))
        first, second = router.offsets
        total = same + same + same + router.see.cost((x._replace(channels=seen),)) + counts.learned(2 * z.channels)
        total += first.cost((z,)) + second.cost((z._replace(channels=seen // 8),))
        total += counts.linear(windows, side**2, side) + counts.linear(windows, side, 2)
        total += router.channel_gate.cost((Shape(z.channels, 1, 1),)) + Cost(flops=z.channels * z.pixels)
        total += router.pixel_gate.cost((z,)) + Cost(flops=4 * channels * x.pixels)
        total += counts.linear(int(windows * LEAST_SHARE) * side**2, channels, channels)
        return total + counts.depthwise(x) + counts.depthwise(x)
