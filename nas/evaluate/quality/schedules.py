"""Learning-rate schedules as data: each gives the factor on the rate from the step alone, so a resumed run agrees."""

import math
from bisect import bisect_right
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from nas.evaluate.quality.part import Part, Share


class OneCycle(Part):
    """Cosine up to the full rate, then cosine down to the floor."""

    kind: Literal["one_cycle"]

    rise: Share = 0.3
    """Part of the steps that the rate rises."""

    start: Share = 0.04
    """Factor at the first step."""

    floor: Share = 4e-6
    """Factor at the last step."""

    def factor(self, step: int, steps: int) -> float:
        """Factor on the rate at ``step`` of a stage of ``steps``."""
        peak = max(self.rise * steps - 1, 0.0)
        if step < peak:
            return _cosine(self.start, 1.0, step / peak)
        return _cosine(1.0, self.floor, (step - peak) / max(steps - 1 - peak, 1.0))


class Cosine(Part):
    """Linear warm-up, then half a cosine down to the floor, once or several times."""

    kind: Literal["cosine"]

    warm_up_steps: NonNegativeInt = 0

    floor: Share = 0.0
    """Factor at the end."""

    cycles: PositiveInt = 1
    """How often the rate falls; between, it starts anew at its full height."""

    def factor(self, step: int, steps: int) -> float:
        """Factor on the rate at ``step`` of a stage of ``steps``."""
        if step < self.warm_up_steps:
            return (step + 1) / (self.warm_up_steps + 1)
        done = (step - self.warm_up_steps) / max(steps - self.warm_up_steps, 1)
        return _cosine(1.0, self.floor, self.cycles * done % 1.0 if self.cycles > 1 else done)


class Linear(Part):
    """Linear warm-up, then straight down to the floor."""

    kind: Literal["linear"]

    warm_up_steps: NonNegativeInt = 0

    floor: Share = 0.0
    """Factor at the end."""

    def factor(self, step: int, steps: int) -> float:
        """Factor on the rate at ``step`` of a stage of ``steps``."""
        if step < self.warm_up_steps:
            return (step + 1) / (self.warm_up_steps + 1)
        done = (step - self.warm_up_steps) / max(steps - self.warm_up_steps, 1)
        return 1.0 + (self.floor - 1.0) * done


class Constant(Part):
    """Linear warm-up, then the full rate."""

    kind: Literal["constant"]

    warm_up_steps: NonNegativeInt = 0

    def factor(self, step: int, steps: int) -> float:  # noqa: ARG002 (one signature for all schedules)
        """Factor on the rate at ``step``."""
        return min((step + 1) / (self.warm_up_steps + 1), 1.0)


class MultiStep(Part):
    """Linear warm-up, then the rate multiplied by ``gamma`` at each milestone."""

    kind: Literal["multistep"]

    milestones: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(min_length=1, strict=False)
    """Where the rate falls, as parts of the stage."""

    gamma: PositiveFloat = 0.5

    warm_up_steps: NonNegativeInt = 0

    def factor(self, step: int, steps: int) -> float:
        """Factor on the rate at ``step`` of a stage of ``steps``."""
        passed = bisect_right(sorted(self.milestones), step / steps)
        return float(min((step + 1) / (self.warm_up_steps + 1), 1.0) * self.gamma**passed)


Schedule = Annotated[OneCycle | Cosine | Linear | Constant | MultiStep, Field(discriminator="kind")]


def _cosine(begin: float, end: float, done: float) -> float:
    return end + (begin - end) * (1 + math.cos(math.pi * done)) / 2
