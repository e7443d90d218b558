"""The published systems: what the report prints of each, beside what its tree counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from nas.costing import cost
from nas.language import load_architecture, system_document, system_names

BASELINE_TEAM = "Baseline"


@dataclass(frozen=True)
class System:
    """One published system.

    Args:
        name: What requests call it.
        team: Who made it.
        model: What they call it.
        rank: Place in the report's table; None for the baseline and for those that were not ranked.
        params: Parameters of the deployed form, counted from the tree.
        flops: Multiply-accumulates of a 3x256x256 image, counted from the tree.
        table: The report's own row: ``params_m``, ``flops_g``, ``runtime_ms``, ``score``.
    """

    name: str
    team: str
    model: str
    rank: int | None
    params: int
    flops: int
    table: Mapping[str, float]


@lru_cache(maxsize=1)
def systems() -> tuple[System, ...]:
    """All published systems: the baseline, those with a rank in their order, the others by name."""
    return tuple(sorted((system(name) for name in system_names()), key=_place))


def _place(one: System) -> tuple[bool, bool, int, str]:
    return one.team != BASELINE_TEAM, one.rank is None, one.rank or 0, one.name


def system(name: str) -> System:
    """One published system.

    Raises:
        UnknownNameError: there is none of this name.
    """
    document = system_document(name)
    counted = cost(load_architecture(f"system:{name}"))
    return System(
        name=name,
        team=document["team"],
        model=document["model"],
        rank=document.get("rank"),
        params=counted.params,
        flops=counted.flops,
        table=document["table"],
    )
