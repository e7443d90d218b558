"""A mixture of experts, of which one acts on an image."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from nas.ops import counts
from nas.ops.base import Cost, Op, Shape, register
from nas.ops.conv import POINT_TRAIN, Convolution, point
from nas.ops.fields import FieldError, Integer, Many, declare
from nas.ops.training import Plain, TrainingForm


@register
@dataclass(frozen=True, kw_only=True)
class ExpertMixture(Op):
    """The first of two features, plus the product of both at the rank of the expert that the first one chooses.

    A linear router reads the mean of a over all pixels; of its softmax the largest weight w and its expert are kept:
    a + w * 1x1(1x1(a) * 1x1(b)), through the expert's rank. Every image of a batch chooses for itself. Which expert
    acts depends on the image, and so do the FLOPs: counted is the expert of ``counted_rank``.

    Shapes:
        a, b: (B, C, H, W)
        returns: (B, C, H, W)
    """

    name: ClassVar[str] = "expert_mixture"
    kind: ClassVar[str] = "fusion"
    arity: ClassVar[tuple[int, int]] = (2, 2)
    source: ClassVar[str] = "Team AiMF_SR (MoEA) in the NTIRE 2025 Efficient Super-Resolution report."

    ranks: tuple[int, ...] = declare(Many("Rank of each expert.", of=Integer("")), default=(2, 4, 8))
    counted_rank: int = declare(
        Integer("Rank of the expert whose FLOPs are counted; 0: the lowest one.", low=0), default=0
    )
    point_train: TrainingForm = declare(POINT_TRAIN, default=Plain())

    def bind(self, widths: tuple[int, ...], width: int) -> Self:  # noqa: ARG002
        if self.counted_rank not in (0, *self.ranks):
            raise FieldError("counted_rank", f"no expert has rank {self.counted_rank}; use 0 or one of ranks")
        if widths[0] != widths[1]:
            raise FieldError("of", f"features of {widths[0]} and {widths[1]} channels; make their widths agree")
        self.expert(widths[0], self.ranks[0])
        return self

    def expert(self, channels: int, rank: int) -> tuple[Convolution, Convolution]:
        """Return the 1x1 convolutions of one expert, bound: that of both features, and the one back."""
        return point(channels, rank, train=self.point_train), point(rank, channels, train=self.point_train)

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x, _), channels = inputs, inputs[0].channels
        router = counts.linear(1, channels, len(self.ranks), bias=False) + Cost(flops=channels * x.pixels)
        experts = {rank: self._cost_of(rank, x) for rank in self.ranks}
        all_of_them = Cost.total([experts[rank] for rank in self.ranks])
        counted = experts[self.counted_rank or min(self.ranks)]
        return router + replace(counted, params=all_of_them.params, training_params=all_of_them.training_params)

    def _cost_of(self, rank: int, x: Shape) -> Cost:
        inner, back = self.expert(x.channels, rank)
        return inner.cost((x,)) + inner.cost((x,)) + back.cost((x._replace(channels=rank),))
