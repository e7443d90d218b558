"""The published systems: what the report prints of each, what its tree counts, and which spaces hold it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from nas.costing import cost
from nas.language import load_architecture, system_document, system_names
from nas.language.reader import read_text


@dataclass(frozen=True)
class System:
    """One published system.

    Args:
        name: What requests call it.
        team: Who made it.
        model: What they call it.
        rank: Place in the report's table; None for baselines and for those that were not ranked.
        unranked: Why the report's table does not rank it; empty when it does, and for its baseline.
        baseline_of: The edition of the challenge whose baseline it is, or None.
        params: Parameters of the deployed form, counted from the tree.
        flops: Multiply-accumulates of a 3x256x256 image, counted from the tree.
        table: The report's own row: ``params_m``, ``flops_g``, ``runtime_ms``, ``score``.
    """

    name: str
    team: str
    model: str
    rank: int | None
    unranked: str
    baseline_of: str | None
    params: int
    flops: int
    table: Mapping[str, float]


@lru_cache(maxsize=1)
def systems() -> tuple[System, ...]:
    """All published systems: the baselines, those with a rank in their order, the others by name."""
    return tuple(sorted((system(name) for name in system_names()), key=_place))


def _place(one: System) -> tuple[bool, bool, int, str]:
    return one.baseline_of is None, one.rank is None, one.rank or 0, one.name


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
        unranked=document.get("unranked", ""),
        baseline_of=document.get("baseline_of"),
        params=counted.params,
        flops=counted.flops,
        table=document["table"],
    )


@dataclass(frozen=True)
class Family:
    """How the published systems stand to one ready-made space.

    Args:
        points: Systems that are points of it.
        near: Systems that come near without being points, and why they are none.
    """

    points: tuple[str, ...]
    near: Mapping[str, str]


@lru_cache(maxsize=1)
def families() -> Mapping[str, Family]:
    """How the published systems stand to the ready-made spaces, by the space's name."""
    text = (resources.files("search_spaces") / "points.yaml").read_text(encoding="utf-8")
    plain = read_text(text, "points.yaml")
    return {name: Family(tuple(one["points"]), one["near"]) for name, one in plain.items()}
