"""What is known of the networks whose order is judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, order=True)
class Length:
    """How long a network was trained.

    Args:
        step: Steps taken.
        recipe: Name of the recipe.
    """

    step: int
    recipe: str

    def __str__(self) -> str:
        """Return what people read."""
        return f"{self.step:,} steps of {self.recipe}"


@dataclass(frozen=True)
class Candidate:
    """One network.

    Args:
        hash: Of the architecture.
        params: Of the deployed form.
        flops: Of the deployed form.
        latency_ms: Where it was measured.
        psnr_db: By length and seed.
        loss_sums: Mean loss of a step, summed over the steps of a training from its start, by length and seed.
        zero_cost: Scores of the untrained network by name.
    """

    hash: str
    params: int
    flops: int
    latency_ms: float | None = None
    psnr_db: Mapping[Length, Mapping[int, float]] = field(default_factory=dict)
    loss_sums: Mapping[Length, Mapping[int, float]] = field(default_factory=dict)
    zero_cost: Mapping[str, float] = field(default_factory=dict)

    def mean_db(self, length: Length) -> float | None:
        """Return the mean PSNR of all seeds after a training; None where there was none."""
        found = self.psnr_db.get(length)
        return sum(found.values()) / len(found) if found else None

    def first_db(self, length: Length) -> float | None:
        """Return the PSNR of the lowest seed after a training."""
        found = self.psnr_db.get(length)
        return found[min(found)] if found else None
