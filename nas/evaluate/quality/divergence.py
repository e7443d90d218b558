"""Noticing that a training has gone wrong, from its losses alone and the same whatever chunks they are read in."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

SETTLING_STEPS = 50
"""Losses averaged before the first verdict; a single batch says little."""

MOMENTUM = 0.98
TOLERANCE = 3.0
"""A running mean this many times above its lowest is a divergence."""

TOLERANCE_DB = 10.0
"""So is one this many decibels above, where the loss counts some."""


@dataclass
class DivergenceWatch:
    """Follows the running mean of the losses of one stage."""

    seen: int = 0
    mean: float = 0.0
    lowest: float = math.inf
    decibels: float = 0.0
    """Weight of a term in decibels in the loss."""

    def diverged(self, losses: Iterable[float]) -> bool:
        """Take in the next losses; true at the first that is not finite or leaves the mean too high."""
        return any(self._judge(loss) for loss in losses)

    def state(self) -> dict[str, float]:
        """Plain numbers for a checkpoint; ``DivergenceWatch(**state, decibels=...)`` goes on from them."""
        return {"seen": self.seen, "mean": self.mean, "lowest": self.lowest}

    def _judge(self, loss: float) -> bool:
        if not math.isfinite(loss):
            return True
        momentum = min(MOMENTUM, self.seen / (self.seen + 1))
        self.mean += (1 - momentum) * (loss - self.mean)
        self.seen += 1
        if self.seen >= SETTLING_STEPS:
            self.lowest = min(self.lowest, self.mean)
        climbed = self.decibels > 0 and self.mean > self.lowest + TOLERANCE_DB * self.decibels
        return climbed or self.mean > TOLERANCE * self.lowest
