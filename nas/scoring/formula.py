"""The challenge's formula: how much slower, larger and costlier than the baseline a network is."""

import math
import sys
from dataclasses import dataclass

from nas.errors import RequestError
from nas.scoring.edition import Edition, load_edition

LARGEST = sys.float_info.max


@dataclass(frozen=True)
class Score:
    """The parts and their weighted sum; lower is better, and the baseline has exp(2), 7.39, in all four."""

    final: float
    runtime: float
    params: float
    flops: float


def score(
    runtime_ms: float,
    params: float,
    flops: float,
    baseline_runtime_ms: float | None = None,
    edition: str | Edition | None = None,
) -> Score:
    """Score a network against the exact parameters and FLOPs of the edition's baseline.

    Args:
        runtime_ms: Mean runtime of one image, in milliseconds.
        params: Parameters of the deployed form.
        flops: Multiply-accumulates of one 3x256x256 input.
        baseline_runtime_ms: Runtime of the baseline on the same device; the published one when left out.
        edition: The challenge whose baseline and weights count, by name or loaded.

    Raises:
        RequestError: a value is not finite, is negative, or is 0 where it cannot be.
    """
    rules = load_edition(edition)
    baseline = rules.baseline
    published = baseline.runtime_ms
    reference_ms = _above_0("baseline_runtime_ms", published if baseline_runtime_ms is None else baseline_runtime_ms)
    return score_ratios(
        _above_0("runtime_ms", runtime_ms) / reference_ms,
        _not_negative("params", params) / baseline.params,
        _not_negative("flops", flops) / baseline.flops,
        rules,
    )


def score_ratios(
    runtime_ratio: float, params_ratio: float, flops_ratio: float, edition: str | Edition | None = None
) -> Score:
    """Score a network by what it takes of the baseline: 1 is as much.

    Raises:
        RequestError: a ratio is not finite or is negative.
    """
    weights = load_edition(edition).weights
    runtime = _part("runtime_ratio", runtime_ratio)
    params = _part("params_ratio", params_ratio)
    flops = _part("flops_ratio", flops_ratio)
    final = weights.runtime * runtime + weights.params * params + weights.flops * flops
    return Score(min(final, LARGEST), runtime, params, flops)


def _part(name: str, ratio: float) -> float:
    """exp(2 ratio); over a ratio of 354 the largest number there is, so that it stays a number in JSON."""
    try:
        return math.exp(2 * _not_negative(name, ratio))
    except OverflowError:
        return LARGEST


def _not_negative(name: str, value: float) -> float:
    if not math.isfinite(value) or value < 0:
        raise RequestError(f"A score needs {name} to be a number of at least 0, got {value!r}.")
    return value


def _above_0(name: str, value: float) -> float:
    if not math.isfinite(value) or value <= 0:
        raise RequestError(f"A score needs {name} to be a number above 0, got {value!r}.")
    return value
