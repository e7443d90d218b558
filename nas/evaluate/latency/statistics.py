"""What a list of timings says: the median and its interval, drift, noise. Plain numbers only."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, stdev
from typing import Literal

from nas.verdicts import Verdict as Verdict
from nas.verdicts import verdict as verdict

LEAST_SAMPLES = 6
"""Samples without which the median has no 95 % interval."""

MOST_BLOCKS = 5
"""Blocks of successive rounds whose spread shows how long a disturbance lasts."""

_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""97.5 % quantile of Student's t for 1 to 9 degrees of freedom."""

LEAST_DRIFT = 0.01
"""A drift of the baseline up to this, relative, never voids a window."""

MOST_DRIFT = 0.10
"""A baseline that moved by more than a tenth is never the same machine, however noisy it was meanwhile."""


@dataclass(frozen=True)
class Interval:
    """Bounds of a statistic and how surely they hold it."""

    low: float
    high: float
    confidence: float
    """Probability that the true value lies between the bounds; below what was asked when samples are few."""

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def relative_width(self, value: float) -> float:
        """Width of the interval as a share of ``value``."""
        return (self.high - self.low) / value


def median_interval(samples: Sequence[float], confidence: float = 0.95) -> Interval:
    """Interval of the median from order statistics; it assumes no distribution.

    The number of samples under the true median is binomial(n, 1/2), so the bounds are the k-th smallest and k-th
    largest sample for the largest k that keeps the confidence. Fewer than 6 samples cannot reach 95 %: the bounds
    are then the smallest and largest sample and ``confidence`` says what they are worth.

    Source: Conover, Practical Nonparametric Statistics, 1999, section 3.2.
    """
    ordered = sorted(samples)
    count = len(ordered)
    outside = 2.0 * 0.5**count
    reached = 1.0 - outside
    rank = 0
    while rank + 1 < count / 2:
        outside += 2.0 * math.exp(_log_binomial(count, rank + 1))
        if 1.0 - outside < confidence:
            break
        rank, reached = rank + 1, 1.0 - outside
    return Interval(ordered[rank], ordered[count - 1 - rank], max(0.0, reached))


def _log_binomial(count: int, chosen: int) -> float:
    """Log of the chance of ``chosen`` heads in ``count`` tosses."""
    ways = math.lgamma(count + 1) - math.lgamma(chosen + 1) - math.lgamma(count - chosen + 1)
    return ways - count * math.log(2.0)


@dataclass(frozen=True)
class Estimate:
    """A value with its interval."""

    value: float
    interval: Interval

    @property
    def relative_width(self) -> float:
        return self.interval.relative_width(self.value)


def weighted_median(samples: Sequence[Sequence[float]], weights: Sequence[float]) -> Estimate:
    """Mean over shapes of per-shape medians, each shape counted ``weights`` times.

    The half-widths of the shapes' intervals are added in quadrature, each side by itself: shapes are timed at
    different moments, so their errors are independent. Order statistics take samples for independent, but what slows
    a machine down lasts longer than a sample: so the interval is at least the one that the values of successive
    blocks of rounds give (batch means, Student's t).

    Args:
        samples: One list of timings for each shape, in the order they were taken.
        weights: Images each shape stands for.
    """
    medians = [median(row) for row in samples]
    intervals = [median_interval(row) for row in samples]
    total = sum(weights)
    shares = [weight / total for weight in weights]
    value = sum(share * middle for share, middle in zip(shares, medians, strict=True))
    below = math.hypot(*(s * (m - i.low) for s, m, i in zip(shares, medians, intervals, strict=True)))
    above = math.hypot(*(s * (i.high - m) for s, m, i in zip(shares, medians, intervals, strict=True)))
    factor = _factor_between_blocks(samples, shares)
    low, high = min(value - below, value / factor), max(value + above, value * factor)
    return Estimate(value, Interval(low, high, min(i.confidence for i in intervals)))


def _factor_between_blocks(samples: Sequence[Sequence[float]], shares: Sequence[float]) -> float:
    """How far off the value may be for the spread of successive blocks of rounds; 1 where there are too few rounds."""
    rounds = min(map(len, samples))
    blocks = min(MOST_BLOCKS, rounds // 2)
    if rounds < LEAST_SAMPLES:
        return 1.0
    edges = [block * rounds // blocks for block in range(blocks + 1)]
    values = [
        sum(share * median(row[begin:end]) for share, row in zip(shares, samples, strict=True))
        for begin, end in itertools.pairwise(edges)
    ]
    return factor_of_mean(values)


def factor_of_mean(values: Sequence[float]) -> float:
    """The factor by which Student's 95 % interval reaches above and below the geometric mean of a few values."""
    freedom = min(len(values) - 1, len(_STUDENT))
    if not freedom:
        return 1.0
    return math.exp(_STUDENT[freedom - 1] * stdev(map(math.log, values)) / math.sqrt(len(values)))


def paired_ratio(
    candidate: Sequence[Sequence[float]], baseline: Sequence[Sequence[float]], weights: Sequence[float]
) -> Estimate:
    """Ratio of two weighted means from samples taken in pairs, robust against a drift that hits both.

    Each candidate sample is divided by the baseline sample taken beside it; the medians of these ratios are then
    weighted by the baseline's share of time in each shape, which makes their mean the ratio of the means.
    """
    ratios = [[c / b for c, b in zip(*rows, strict=True)] for rows in zip(candidate, baseline, strict=True)]
    times = [w * median(row) for w, row in zip(weights, baseline, strict=True)]
    return weighted_median(ratios, times)


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that at least ``share`` of all samples do not exceed."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def drift(before: float, after: float) -> float:
    """Relative change from ``before`` to ``after``; positive when it became slower."""
    return after / before - 1.0


def noise(samples: Sequence[Sequence[float]]) -> float:
    """Relative standard deviation of one sample, from differences of neighbours, so that a drift does not count.

    Robust: half of the differences may be outliers.
    """
    steps = [
        2.0 * abs(later - earlier) / (later + earlier) for row in samples for earlier, later in itertools.pairwise(row)
    ]
    return 1.4826 * median(steps) / math.sqrt(2.0) if steps else 0.0


def noise_of_halves(samples: Sequence[Sequence[float]]) -> float:
    """A/A noise of a device: relative standard deviation of the difference between two half-window means of medians."""
    halves = max(1, sum(len(row) for row in samples) // 2)
    of_one_half = math.sqrt(math.pi / 2.0) * noise(samples) / math.sqrt(halves)
    return math.sqrt(2.0) * of_one_half


def drift_limit(noise_of_halves: float) -> float:
    """Largest drift between two halves that is not a drift: three times the A/A noise, at least 1 %, at most 10 %.

    The noise is taken from the samples that are judged, so a disturbance raises it; the upper bound keeps it from
    excusing itself.
    """
    return min(MOST_DRIFT, max(LEAST_DRIFT, 3.0 * noise_of_halves))


@dataclass(frozen=True)
class StopRule:
    """When a window has seen enough."""

    relative_width: float = 0.005
    """Width of the interval of the median, as a share of the median, that is narrow enough."""

    least_rounds: int = LEAST_SAMPLES
    """Rounds before the width counts: fewer samples have no 95 % interval."""

    cap_s: float = 2.0
    """Seconds after which the window ends with the interval it has reached; twice as many when rounds are missing."""

    most_rounds: int = 400
    """Rounds after which the window ends, however wide the interval."""

    def reason(self, rounds: int, widest: float, *, elapsed_s: float) -> Literal["", "precise", "time", "rounds"]:
        """Why to stop after ``rounds`` rounds, or empty to go on."""
        if rounds >= self.least_rounds and widest <= self.relative_width:
            return "precise"
        if elapsed_s >= self.cap_s * (1.0 if rounds >= self.least_rounds else 2.0):
            return "time"
        return "rounds" if rounds >= self.most_rounds else ""
