"""One stage of a recipe, as data. Read without torch."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from nas.evaluate.quality.features import Augmentation, Average, Distillation, ExtraBlocks, LayerName, Pruning
from nas.evaluate.quality.loss_terms import Loss
from nas.evaluate.quality.optimizers import Decay, Optimizer
from nas.evaluate.quality.part import Part
from nas.evaluate.quality.schedules import Schedule

Several = Field(min_length=1, strict=False)


class Stage(Part):
    """A stretch of training with one loss, one patch size and one optimizer; it starts from an earlier result."""

    steps: PositiveInt

    patch: PositiveInt
    """Side of a crop, in LR pixels."""

    batch: PositiveInt
    loss: Loss
    optimizer: Optimizer
    schedule: Schedule

    ema: Decay | None = None
    """Decay of the running average of the weights; the average is then the stage's result."""

    average: Average | None = None
    """The equal mean of weights along the stage; it is then the stage's result."""

    grad_clip: PositiveFloat | None = None
    """Largest norm of the gradient."""

    grad_clip_value: PositiveFloat | None = None
    """Largest magnitude of each element of the gradient; applied before its norm is limited."""

    precision: Literal["fp32", "tf32", "bf16", "fp16"] = "fp32"
    """bf16, fp16: mixed precision, the weights stay fp32; tf32: fp32 with short products where the device has them."""

    start: Literal["result", "last"] | Annotated[tuple[NonNegativeInt, ...], Several] = "result"
    """Weights to start from: the previous stage's result, its last weights, or the mean of several stages' results."""

    best_every: PositiveInt | None = None
    """Steps between two looks at the validation images; the best weights seen are then the stage's result."""

    trains: Literal["all", "base", "lora"] | Annotated[tuple[LayerName, ...], Several] = "all"
    """base: all but low-rank factors; lora: only these, of layers trained so; or patterns of parameter names."""

    distil: Annotated[tuple[Distillation, ...], Field(strict=False)] = ()
    extra: ExtraBlocks | None = None
    augment: Augmentation = Augmentation()
    prune: Annotated[tuple[Pruning, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _fits(self) -> "Stage":
        if self.ema is not None and self.average is not None:
            raise ValueError("ema and average are two results of one stage; leave one out")
        if self.augment.mixup and self.batch < 2:
            raise ValueError(f"mixup needs a batch of 2 or more, got {self.batch}")
        if self.best_every is not None and self.best_every > self.steps:
            raise ValueError(f"best_every has to be at most the stage's steps, {self.steps}, got {self.best_every}")
        return self
