"""What a search is about, as plain values: nothing here measures, trains or stores."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nas.language import Architecture, Requirement, Space
from nas.requests import MAXIMISED, CheckedRequest, Objective
from nas.scoring import Edition
from nas.search.samplers import resolve


@dataclass(frozen=True)
class References:
    """What candidates are compared with.

    Args:
        baseline: Trained and measured like a candidate; gives the gate and every ratio.
        systems: Published systems by name, in the order in which their latency is measured.
        edition: The challenge whose formula and gate hold.
    """

    baseline: Architecture
    edition: Edition
    systems: Mapping[str, Architecture] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """One search.

    Args:
        space: What is searched.
        requirements: Bounds of the space and of the request.
        objectives: What the front is taken over.
        references: What candidates are compared with.
        rungs: How many rungs the recipe has, at least 1.
        eta: One candidate in this many goes on to the next rung.
        sampler: Which one, ``auto`` resolved.
        trials: Budget: architectures to measure.
        wave: Trials asked before any of them is told.
        seed: Decides every draw.
        warm_start: Begin with the published systems that are points of the space.
    """

    space: Space
    requirements: tuple[Requirement, ...]
    objectives: tuple[Objective, ...]
    references: References
    rungs: int
    eta: int
    sampler: str
    trials: int
    wave: int
    seed: int
    warm_start: bool = False

    @property
    def maximise(self) -> list[bool]:
        """For each objective, whether more is better."""
        return [name in MAXIMISED for name in self.objectives]

    @classmethod
    def of(cls, checked: CheckedRequest, references: References, *, rungs: int, eta: int) -> "Problem":
        """Return the problem that a checked request and a recipe pose."""
        request = checked.request
        return cls(
            space=checked.space,
            requirements=checked.requirements,
            objectives=request.objectives,
            references=references,
            rungs=rungs,
            eta=eta,
            sampler=resolve(request.sampler, trials=request.trials, objectives=len(request.objectives)),
            trials=request.trials,
            wave=request.wave,
            seed=request.seed,
            warm_start=request.warm_start,
        )
