"""What an actor needs to know of a search, and what it gives back. Plain values: they travel between processes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from nas.language import Architecture

NETWORKS = "workers.networks:backend"
"""The backend that builds, measures and trains real networks."""


@dataclass(frozen=True)
class Job:
    """One search as its actors see it.

    Args:
        database: URL of the store.
        search_id: The search.
        recipe: Document of the recipe.
        data: ``embedded``, or the folder of the data set.
        seed: The search's seed.
        device: auto, cpu, cuda or cuda:N.
        scale: Enlargement of each side.
        baseline: Document of the baseline.
        rungs: Steps of the recipe at each rung.
        scratch: Folder for checkpoints of trainings in progress.
        backend: ``module:factory``; the factory takes the job and returns a ``Backend``.
    """

    database: str
    search_id: str
    recipe: dict[str, Any]
    data: str
    seed: int
    device: str
    scale: int
    baseline: dict[str, Any]
    rungs: tuple[int, ...]
    scratch: str
    backend: str = NETWORKS


@dataclass(frozen=True)
class Latency:
    """A measurement: what a trial shows, and columns of its row in the store."""

    metrics: dict[str, Any]
    device_uuid: str
    protocol: str
    status: str
    latency_ms: float | None
    ratio: float | None
    record: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    """Why it failed; it is kept with its reason and never answers for another one."""


@dataclass(frozen=True)
class Quality:
    """A training up to a rung: what a trial shows, and columns of its row in the store."""

    metrics: dict[str, Any]
    psnr_db: float
    step: int
    recipe_hash: str
    data_fingerprint: str
    code_version: str
    record: dict[str, Any] = field(default_factory=dict)
    weights: bytes | None = None
    """Of the deployed form, as safetensors; kept where the recipe ends."""


Progress = Callable[[dict[str, Any]], None]
"""Told now and then how far a training is: ``step, steps, patches_per_second``."""


class Backend(Protocol):
    """Measures and trains inside an actor. What goes wrong with one network is a ``NasError``."""

    def facts(self) -> dict[str, Any]:
        """Describe what stands behind the numbers: device, protocol, recipe, data."""
        ...

    def latency_key(self, architecture: Architecture) -> str:
        """Return the key that an equal measurement has in the store."""
        ...

    def latency_setup(self) -> str:
        """Return the same without the network: what was measured with one setup can be compared."""
        ...

    def latency(self, architecture: Architecture) -> Latency:
        """Measure an architecture in its deployed form, beside the baseline."""
        ...

    def quality_key(self, architecture: Architecture, rung: int) -> str:
        """Return the key that an equal training has in the store."""
        ...

    def quality(self, architecture: Architecture, rung: int, progress: Progress) -> Quality:
        """Train an architecture up to a rung, going on from the rung before where that is at hand."""
        ...

    def forget(self, architecture: Architecture) -> None:
        """Drop what was kept to go on with this training."""
        ...
