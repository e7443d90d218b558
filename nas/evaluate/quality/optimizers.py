"""Optimizers as data: their kinds and options, by torch's names. Read without torch."""

from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from nas.evaluate.quality.part import Part, Share

Decay = Annotated[float, Field(gt=0, lt=1)]
Betas = Annotated[tuple[Decay, Decay], Field(strict=False)]


class _Optimizer(Part):
    lr: PositiveFloat
    """Learning rate at the schedule's factor 1."""

    weight_decay: NonNegativeFloat = 0.0

    def options(self) -> dict[str, Any]:
        """What torch's class takes beside the parameters and the rate."""
        return self.model_dump(exclude={"kind", "lr"})


class Adam(_Optimizer):
    """Adam and its kin."""

    kind: Literal["adam", "adamw", "nadam", "radam", "adamax"]
    betas: Betas = (0.9, 0.999)
    eps: PositiveFloat = 1e-8


class Sgd(_Optimizer):
    """Gradient descent, with momentum where wanted."""

    kind: Literal["sgd"]
    momentum: Share = 0.0
    nesterov: bool = False

    @model_validator(mode="after")
    def _nesterov_has_momentum(self) -> "Sgd":
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")
        return self


class RmsProp(_Optimizer):
    """Gradients divided by their running size."""

    kind: Literal["rmsprop"]
    alpha: Decay = 0.99
    momentum: Share = 0.0
    eps: PositiveFloat = 1e-8


class Adagrad(_Optimizer):
    """Gradients divided by their size so far."""

    kind: Literal["adagrad"]
    eps: PositiveFloat = 1e-10


class Adadelta(_Optimizer):
    """Steps as large as recent ones."""

    kind: Literal["adadelta"]
    rho: Decay = 0.9
    eps: PositiveFloat = 1e-6


Optimizer = Annotated[Adam | Sgd | RmsProp | Adagrad | Adadelta, Field(discriminator="kind")]
