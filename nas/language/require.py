"""Bounds on what an architecture may cost: ``params <= 276000``, ``flops <= 16.7e9``, ``latency_ms <= 10``."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from nas.errors import LanguageError
from nas.language import expressions

STATIC_METRICS = frozenset({"params", "flops", "activations", "convs", "training_params"})
"""Known from the tree alone, before anything is built."""

MEASURED_METRICS = frozenset({"latency_ms", "latency_ratio", "memory_mb", "energy_mj", "psnr_db", "score"})
"""Known only after measuring or training."""

_SIDES = re.compile(r"\s*([^<>=!]+?)\s*(<=|>=|==|<|>)\s*([^<>=!]+?)\s*")


@dataclass(frozen=True)
class Requirement:
    """One bound.

    Args:
        text: As it was written.
        left: Expression left of the comparison.
        sign: ``<=`` or ``>=``.
        right: Expression right of it.
        metrics: The metrics it reads.
    """

    text: str
    left: str
    sign: str
    right: str
    metrics: frozenset[str]

    @property
    def static(self) -> bool:
        """True when it can be decided from the tree alone."""
        return self.metrics <= STATIC_METRICS

    def violation(self, metrics: Mapping[str, float]) -> float:
        """Return how far the bound is missed, relative to its right side; 0 or less means it holds."""
        left = expressions.evaluate(self.left, metrics, self.text)
        right = expressions.evaluate(self.right, metrics, self.text)
        excess = left - right if self.sign == "<=" else right - left
        return float(excess / (abs(right) or 1.0))


def parse_requirement(text: str, path: str = "require") -> Requirement:
    """Read one bound.

    Raises:
        LanguageError: It is no comparison, or reads no known metric.
    """
    match = _SIDES.fullmatch(text)
    if match is None or match[2] == "==":
        raise LanguageError(path, f'{text!r} is not a bound; write one comparison such as "params <= 276000".')
    left, sign, right = match[1], {"<": "<=", ">": ">="}.get(match[2], match[2]), match[3]
    read = expressions.names(left) | expressions.names(right)
    known = STATIC_METRICS | MEASURED_METRICS
    for name in sorted(read - known):
        raise LanguageError(path, f"{text!r} reads {name!r}; the metrics are {', '.join(sorted(known))}.")
    if not read:
        raise LanguageError(path, f"{text!r} reads no metric; use one of {', '.join(sorted(known))}.")
    found = Requirement(text, left, sign, right, frozenset(read))
    found.violation(dict.fromkeys(known, 1.5))
    return found


def check_contradictions(requirements: tuple[Requirement, ...], path: str = "require") -> None:
    """Refuse bounds of one metric that no value meets, such as params <= 1 and params >= 2.

    Raises:
        LanguageError: Naming the two bounds.
    """
    lows: dict[str, tuple[float, str]] = {}
    highs: dict[str, tuple[float, str]] = {}
    for item in requirements:
        bound = _simple(item)
        if bound is None:
            continue
        metric, sign, value = bound
        if sign == "<=" and value < highs.get(metric, (math.inf, ""))[0]:
            highs[metric] = (value, item.text)
        if sign == ">=" and value > lows.get(metric, (-math.inf, ""))[0]:
            lows[metric] = (value, item.text)
    for metric, (low, text) in lows.items():
        high, other = highs.get(metric, (math.inf, ""))
        if low > high:
            raise LanguageError(path, f"{text!r} and {other!r} contradict each other; no architecture meets both.")
    for metric, (high, text) in highs.items():
        if high < 0 or (high == 0 and metric != "psnr_db"):
            raise LanguageError(path, f"{text!r} can never hold: {metric} is above 0.")


def _simple(item: Requirement) -> tuple[str, str, float] | None:
    """``metric sign number`` (turned round where the number stands left), or None for anything else."""
    for one, other, sign in ((item.left, item.right, item.sign), (item.right, item.left, _turned(item.sign))):
        if one in item.metrics and not expressions.names(other):
            return one, sign, float(expressions.evaluate(other, {}, item.text))
    return None


def _turned(sign: str) -> str:
    return ">=" if sign == "<=" else "<="
