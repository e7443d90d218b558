"""What passes between a search and the world: trials, results, and the two things it is given to work with."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from nas.language import Architecture, Value

State = Literal["running", "complete", "pruned", "infeasible", "failed", "duplicate"]
Metrics = dict[str, Any]


@dataclass
class Trial:
    """One architecture that the sampler asked for, or that took the place of one it had asked for before."""

    number: int
    wave: int
    assignment: dict[str, Value]
    attributes: dict[str, Any] = field(default_factory=dict)
    """What the sampler wants back when the study is rebuilt."""

    state: State = "running"
    hash: str = ""
    deployed_hash: str = ""
    duplicate_of: int | None = None
    error: str = ""

    metrics: Metrics = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    """Objective values of a complete trial, in their natural direction."""

    constraints: dict[str, float] = field(default_factory=dict)
    rungs: list[float] = field(default_factory=list)
    """PSNR in dB at each rung that was trained."""

    counts: bool = True
    """True when it counts towards the budget: it is new and nothing forbids it before it is measured."""

    told: bool = False
    """True when the sampler knows what became of it."""

    architecture: Architecture | None = None
    """Not in a row: filled from the assignment."""

    @property
    def rung(self) -> int:
        """The last rung it was trained to."""
        return max(0, len(self.rungs) - 1)


@dataclass(frozen=True)
class Result:
    """What an evaluation gave: metrics, or the reason why it has none."""

    metrics: Metrics = field(default_factory=dict)
    error: str = ""


Results = Iterator[tuple[int, Result]]
"""Position in the sequence that was given, and its result, in the order in which they finish."""


@dataclass(frozen=True)
class Forecast:
    """Where the latency of something that was not measured is expected; it sifts candidates and is never a result."""

    ratio: float
    """To the baseline's latency."""
    low: float
    high: float


Forecaster = Callable[[Sequence[Architecture]], Sequence[Forecast | None]]
"""Foresees latencies from what was measured before; None where too little is known, or where one was measured already:
what is known is never predicted."""


class Evaluator(Protocol):
    """Measures and trains. It decides where, how many at once, and which results are known already.

    A result that could not be had is a ``Result`` with an error, never an exception. ``Stopped`` passes through.
    """

    def latencies(self, architectures: Sequence[Architecture]) -> Results:
        """Measure each; metrics: latency_ms, latency_ratio (to the baseline), and whatever else was measured."""
        ...

    def qualities(self, architectures: Sequence[Architecture], rung: int) -> Results:
        """Train each up to a rung of the recipe; metrics: psnr_db, and whatever else was measured."""
        ...

    def decided(self, architectures: Sequence[Architecture]) -> None:
        """Hear that these will not be trained any further."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """Describe what stands behind the numbers: device, protocol, recipe, data."""
        ...


class Journal(Protocol):
    """Where a search writes what must outlive it. A method is one transaction; it raises when the search was lost."""

    def trials(self) -> Sequence[Trial]:
        """All trials so far, by number."""
        ...

    def add(self, trials: Sequence[Trial]) -> None:
        """Write new trials."""
        ...

    def update(self, trials: Sequence[Trial]) -> None:
        """Write what changed of known trials."""
        ...

    def baseline(self) -> Mapping[str, Any]:
        """What was measured of the baseline so far; empty at first."""
        ...

    def set_baseline(self, baseline: Mapping[str, Any], reference: Mapping[str, float]) -> None:
        """Write what was measured of the baseline, and the reference point of the hypervolume once it is known."""
        ...

    def check(self) -> None:
        """Return at once, or raise ``Stopped`` when the search has to end here."""
        ...


class Stopped(Exception):  # noqa: N818
    """Somebody wants the search to stop here; what is finished is written."""

    def __init__(self, wish: str) -> None:
        super().__init__(wish)
        self.wish = wish
        """cancel, pause, or release (another worker may go on)."""
