"""Noise between seeds: what two trainings of one network differ by, and what is left when seeds are paired.

With one seed for all networks, each sees the same crops in the same order. What a seed does to all of them alike then
cancels in a comparison; the rest is the noise that a comparison has to reckon with.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.evaluate.fidelity.ranks import ENOUGH, Agreement, agreement, interval

RESAMPLES = 1000
Floats = NDArray[np.float64]
Table = Mapping[str, Mapping[int, float]]
"""PSNR in dB by network and seed, after equal training."""


def noise(table: Table) -> dict[str, Any] | None:
    """Return the noise between the seeds that most networks share, in dB; None where no network has two.

    Returns:
        ``seeds`` and ``networks``; ``sd_db``: of one network between seeds; ``paired_sd_db``: of the difference of two
        networks when both have the same seed; ``unpaired_sd_db``: when they do not; each with its interval;
        ``ranks``: how well one seed's order agrees with the others', more than which no proxy of one seed promises.
    """
    seeds, values = common(table)
    if values is None:
        return None
    draws = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    figures: dict[str, Any] = {"seeds": seeds, "networks": len(values)}
    kinds = {"sd_db": between, "paired_sd_db": paired, "unpaired_sd_db": unpaired}
    for name, figure in kinds.items():
        value = figure(values)
        spread = interval(np.array([figure(values[draw]) for draw in draws])) if len(values) >= ENOUGH else None
        figures[name] = {"value": value, "interval": None if spread is None else list(spread)}
    return {**figures, "ranks": ranks(values).to_dict()}


def common(table: Table) -> tuple[list[int], Floats | None]:
    """Return the seeds shared by most networks, and their PSNR: (networks, seeds)."""
    several = {name: frozenset(runs) for name, runs in table.items() if len(runs) > 1}
    if not several:
        return [], None
    sets = sorted(
        set(several.values()), key=lambda seeds: (-sum(seeds <= own for own in several.values()), -len(seeds))
    )
    seeds = sorted(sets[0])
    return seeds, np.array([[table[name][seed] for seed in seeds] for name, own in several.items() if sets[0] <= own])


def between(values: Floats) -> float:
    """Return the standard deviation of one network's PSNR between seeds."""
    return float(np.sqrt(values.var(axis=1, ddof=1).mean()))


def unpaired(values: Floats) -> float:
    """Return that of the difference of two networks with seeds of their own."""
    return float(np.sqrt(2)) * between(values)


def paired(values: Floats) -> float:
    """Return that of the difference of two networks with one seed, from all pairs of networks."""
    if len(values) < 2:
        return 0.0
    rest = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0, keepdims=True) + values.mean()
    freedom = (values.shape[0] - 1) * (values.shape[1] - 1)
    return float(np.sqrt(2 * np.square(rest).sum() / freedom))


def ranks(values: Floats) -> Agreement:
    """Return how the first seed's order agrees with that of the mean of the others."""
    return agreement(values[:, 0].tolist(), values[:, 1:].mean(axis=1).tolist())
