"""What a training tells while it runs, and what it asks of the device."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


class Lease(Protocol):
    """A device shared with measurers."""

    def shared(self) -> AbstractContextManager[object]:
        """Hold the device beside other trainers; waits while somebody measures."""


@dataclass(frozen=True)
class TrainResult:
    """Where a training stands after a run."""

    step: int
    """Steps taken from the start of the recipe; after a divergence, those before the chunk that showed it."""

    loss: float
    """Mean of the last chunk; NaN when no step was taken."""

    seconds: float
    """Time in training, without waiting for the lease."""

    patches_per_second: float
    diverged: bool


Progress = Callable[[TrainResult], None]
