"""Self-attention between channels, within tiles of the image."""

from dataclasses import dataclass
from typing import ClassVar, Self

from nas.ops import counts
from nas.ops.attention import Attention
from nas.ops.base import Cost, Shape, register
from nas.ops.conv import POINT_TRAIN, Convolution, point
from nas.ops.fields import FieldError, Flag, Integer, OneOf, declare
from nas.ops.training import Plain, TrainingForm


def tiles(side: int, tile: int) -> int:
    """How many tiles cover a side."""
    return (side - 1) // tile + 1


@register
@dataclass(frozen=True, kw_only=True)
class ChannelAttention(Attention):
    """Self-attention between the channels of a head, computed in overlapping tiles whose results are averaged.

    Queries and keys are divided by their norms over the pixels of the tile; a learned temperature per head scales the
    scores. ``shared`` makes keys and values one, of a gated projection: depthwise(y1) * y2 = [q, v], k = v.
    """

    name: ClassVar[str] = "channel_attention"
    source: ClassVar[str] = "Zamir et al., Restormer, 2021. https://arxiv.org/abs/2111.09881"

    heads: int = declare(Integer("Groups of channels that attend to each other.", high=64), default=1)
    tile: int = declare(Integer("Longest side of a tile, in pixels.", low=8), default=96)
    score: str = declare(OneOf("What scores pass.", options=("softmax", "relu")), default="softmax")
    shared: bool = declare(Flag("Whether keys and values are one feature."), default=False)
    point_train: TrainingForm = declare(POINT_TRAIN, default=Plain())

    def bind(self, widths: tuple[int, ...], width: int) -> Self:  # noqa: ARG002
        if widths[0] % self.heads:
            raise FieldError("heads", f"{self.heads} heads do not divide {widths[0]} channels; choose a divisor")
        self.parts(widths[0])
        return self

    def parts(self, channels: int) -> tuple[Convolution, Convolution]:
        """Return its 1x1 convolutions, bound: to queries, keys and values, and back."""
        wide = channels * (4 if self.shared else 3)
        return (
            point(channels, wide, bias=False, train=self.point_train),
            point(channels, channels, bias=False, train=self.point_train),
        )

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,) = inputs
        channels, spatial = x.channels, x._replace(channels=x.channels * (2 if self.shared else 3))
        project, mix = self.parts(channels)
        total = project.cost(inputs) + counts.depthwise(spatial, bias=False) + mix.cost(inputs)
        count = tiles(x.height, self.tile) * tiles(x.width, self.tile)
        pixels = min(x.height, self.tile) * min(x.width, self.tile)
        scores = channels * channels // self.heads
        products = counts.matmul(2 * count * scores * pixels, count * (scores + channels * pixels))
        return total + products + counts.learned(self.heads)
