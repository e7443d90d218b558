"""What a stage may add to plain training, as data: teachers, extra blocks, pruning, mixing. Read without torch."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from nas.evaluate.quality.loss_terms import Loss
from nas.evaluate.quality.part import Part, Share

LayerName = Annotated[str, Field(min_length=1)]
Layers = Annotated[tuple[LayerName, ...], Field(min_length=1, strict=False)]
"""Names of layers as the weights have them, such as ``spab_1``; a pattern stands for all it meets, as they run."""


class Average(Part):
    """The equal mean of weights along a stage (stochastic weight averaging)."""

    begin: Share = 0.75
    """Part of the stage after which weights are taken in."""

    every: PositiveInt = 1
    """Steps between two weights that are."""


class FeatureDistillation(Part):
    """Layers of the student that follow layers of the teacher."""

    layers: Layers

    of_teacher: Annotated[tuple[LayerName, ...], Field(strict=False)] = ()
    """Layers of the teacher, one for each of the student's; empty: of the same names."""

    kind: Literal["affinity", "l1", "l2"] = "affinity"
    """affinity: how alike the places of a feature are to each other, whatever the widths; l1, l2: the features."""

    weight: PositiveFloat = 1.0


class Distillation(Part):
    """What the student learns from one teacher."""

    teacher: Annotated[str, Field(min_length=1)]
    """A name among the recipe's teachers."""

    output: Loss | None = None
    """Distance from what the teacher restores."""

    features: FeatureDistillation | None = None

    @model_validator(mode="after")
    def _teaches(self) -> "Distillation":
        if self.output is None and self.features is None:
            raise ValueError("a teacher teaches its output, its features or both")
        return self


class ExtraBlocks(Part):
    """Self-distillation: more blocks on a shared backbone make the teacher, and are dropped in the end."""

    after: LayerName
    """Layer that the blocks follow; they are made like it and begin as its copies."""

    blocks: PositiveInt
    """How many; a following stage with fewer loses the last ones, one with more gets new ones."""

    distil: Loss
    """Distance of the output without the blocks from the output with them; both learn by the stage's loss, too."""


class Augmentation(Part):
    """What happens to crops."""

    flip: bool = True
    rotate: bool = True
    """By multiples of 90 degrees."""

    colours: bool = False
    """Red, green and blue in any order."""

    mixup: NonNegativeFloat = 0.0
    """Above 0: neighbours in a batch are mixed, in shares drawn from Beta(mixup, mixup)."""


class Pruning(Part):
    """A convolution made narrower when a stage begins; the channels with the smallest l2 norms go."""

    layer: LayerName
    keep: PositiveInt
    """Channels left."""
