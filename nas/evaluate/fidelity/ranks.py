"""Agreement of two orders of the same networks, with what chance leaves open.

Intervals come from a bootstrap over the networks: how often each is drawn is a row of weights, and both correlations
are sums under such weights, so that all resamples are one matrix product.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

ENOUGH = 8
"""Networks below which nothing is said."""

RESAMPLES = 1000
MOST = 500
"""Networks that an interval is made of; with more of them it is wider than it need be, and still quick."""

LEVEL = 0.95
TOP = 0.25
BAND = 0.1

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Correlation:
    """A rank correlation and its bootstrap interval."""

    value: float
    interval: tuple[float, float]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {"value": self.value, "interval": list(self.interval)}


@dataclass(frozen=True)
class Recall:
    """How many of the truly best networks are among as many that an estimate calls best."""

    found: int
    of: int
    networks: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; ``chance`` is what a blind draw finds."""
        return {"value": self.found / self.of, "found": self.found, "of": self.of, "chance": self.of / self.networks}


@dataclass(frozen=True)
class Agreement:
    """How well an estimate orders networks; None where there are too few networks, or all look the same to it."""

    networks: int
    spearman: Correlation | None = None
    kendall: Correlation | None = None
    recall: Recall | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, with the reason where there is no figure."""
        parts = {"spearman": self.spearman, "kendall": self.kendall, "recall": self.recall}
        figures = {name: None if part is None else part.to_dict() for name, part in parts.items()}
        return {"networks": self.networks, **figures, "why_not": self.why_not}

    @property
    def why_not(self) -> str:
        """Why there is no figure; empty where there is one."""
        if self.networks < ENOUGH:
            return f"too few to say: {self.networks} networks, at least {ENOUGH} are needed"
        return "" if self.spearman is not None else "all networks look the same to one of the two"


def agreement(estimate: Sequence[float], truth: Sequence[float]) -> Agreement:
    """Compare two scores of the same networks; more is better in both."""
    x, y = np.asarray(estimate, dtype=float), np.asarray(truth, dtype=float)
    if len(x) < ENOUGH or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Agreement(len(x))
    rho, tau = float(stats.spearmanr(x, y).statistic), float(stats.kendalltau(x, y).statistic)
    kept = slice(None, None, math.ceil(len(x) / MOST))
    weights = resamples(len(x[kept]))
    return Agreement(
        len(x),
        Correlation(rho, interval(spearmans(x[kept], y[kept], weights))),
        Correlation(tau, interval(kendalls(x[kept], y[kept], weights))),
        recall(x, y),
    )


def recall(estimate: Sequence[float] | Floats, truth: Sequence[float] | Floats) -> Recall:
    """Return how much of the true best quarter is in the estimated one; equal scores are taken in order."""
    count = math.ceil(TOP * len(truth))
    best = [set(np.argsort(-np.asarray(scores), kind="stable")[:count].tolist()) for scores in (estimate, truth)]
    return Recall(len(best[0] & best[1]), count, len(truth))


def resamples(networks: int, count: int = RESAMPLES) -> Floats:
    """Return how often each network is in each resample: (count, networks), always the same."""
    draws = np.random.default_rng(0).multinomial(networks, [1 / networks] * networks, size=count)
    return draws.astype(float)


def interval(values: Floats) -> tuple[float, float]:
    """Return the middle ``LEVEL`` of resampled values; those that are undefined are left out."""
    kept = values[np.isfinite(values)]
    low, high = np.quantile(kept, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def spearmans(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Return Spearman's rho of every resample: (resamples)."""
    first, second = (mid_ranks(values, weights) for values in (x, y))
    total = weights.sum(1, keepdims=True)
    first, second = (ranks - (weights * ranks).sum(1, keepdims=True) / total for ranks in (first, second))
    spread = np.sqrt((weights * first**2).sum(1) * (weights * second**2).sum(1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((weights * first * second).sum(1) / spread)


def mid_ranks(values: Floats, weights: Floats) -> Floats:
    """Return the ranks in every resample, the middle one for equal values: (resamples, networks)."""
    below = (values[None, :] < values[:, None]) + 0.5 * (values[None, :] == values[:, None])
    return np.asarray(weights @ below.T)


def kendalls(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Return Kendall's tau-b of every resample: (resamples)."""
    first, second = (np.sign(values[:, None] - values[None, :]) for values in (x, y))
    both, own, other = (
        ((weights @ pairs) * weights).sum(1) for pairs in (first * second, np.abs(first), np.abs(second))
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(both / np.sqrt(own * other))


@dataclass(frozen=True)
class Band:
    """The fullest set of networks whose cost is within ``BAND`` of a common middle."""

    middle: float
    members: tuple[int, ...]


def fullest_band(costs: Sequence[float]) -> Band | None:
    """Return the band that holds most networks, around one of them; None without costs."""
    bands = [
        Band(middle, tuple(i for i, cost in enumerate(costs) if abs(cost - middle) <= BAND * middle))
        for middle in costs
    ]
    return max(bands, key=lambda band: len(band.members), default=None)


def close_pairs(estimate: Sequence[float], truth: Sequence[float], costs: Sequence[float]) -> tuple[int, float | None]:
    """Return how many pairs cost nearly the same, and Kendall's tau among them alone."""
    x, y, cost = (np.asarray(values, dtype=float) for values in (estimate, truth, costs))
    first, second = np.triu_indices(len(cost), 1)
    close = np.abs(cost[first] - cost[second]) <= BAND * np.minimum(cost[first], cost[second])
    first, second = first[close], second[close]
    if len(first) < ENOUGH:
        return len(first), None
    return len(first), float((np.sign(x[first] - x[second]) * np.sign(y[first] - y[second])).mean())
