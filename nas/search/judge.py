"""From metrics to what is decided by them: scores, objective values and violated bounds."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from nas.costing import counts
from nas.errors import MeasurementError
from nas.language import Architecture
from nas.requests import METRIC_OF
from nas.scoring import score_ratios
from nas.search.problem import Problem
from nas.search.records import Forecast, Metrics

_OF_LATENCY = frozenset({"latency_ms", "latency_ratio", "score"})


def costs(architecture: Architecture) -> Metrics:
    """Return what an architecture costs, from its tree."""
    return {**counts(architecture)}


class Judge:
    """Judges candidates of one search against its baseline."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._baseline = costs(problem.references.baseline)
        self.baseline_latency_ms = math.nan
        """Set once the baseline is measured."""

    def scored(self, metrics: Mapping[str, Any]) -> Metrics:
        """Return the metrics with the challenge score that they give."""
        found = score_ratios(
            metrics["latency_ratio"],
            metrics["params"] / self._baseline["params"],
            metrics["flops"] / self._baseline["flops"],
            self._problem.references.edition,
        )
        parts = {"score_runtime": found.runtime, "score_params": found.params, "score_flops": found.flops}
        return {**metrics, "score": found.final, **parts}

    def violations(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        """Return by how much each bound is missed that can be decided from these metrics; at most 0 holds.

        Latency is taken as ``values`` takes it.
        """
        paired = self._paired(metrics)
        known = {name for name, value in paired.items() if _is_number(value)}
        decided = [bound for bound in self._problem.requirements if bound.metrics <= known]
        return {bound.text: bound.violation(paired) for bound in decided}

    @property
    def bounds_latency(self) -> bool:
        """Whether some bound can be foreseen to be missed once a latency is foreseen."""
        return any(bound.metrics & _OF_LATENCY for bound in self._problem.requirements)

    def foreseen(self, metrics: Mapping[str, Any], forecast: Forecast) -> dict[str, float]:
        """Return ``violations`` as they are at the end of the forecast's interval that is kinder to each bound."""
        ends = [
            self.violations(self.scored({**metrics, "latency_ratio": end})) for end in (forecast.low, forecast.high)
        ]
        return {text: min(end[text] for end in ends) for text in ends[0]}

    def _paired(self, metrics: Mapping[str, Any]) -> Metrics:
        """Return the metrics with the latency that its ratio gives in this search, where there is a ratio."""
        if not _is_number(metrics.get("latency_ratio")):
            return {**metrics}
        return {**metrics, "latency_ms": metrics["latency_ratio"] * self.baseline_latency_ms}

    def values(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        """Return the objective values, in their natural direction.

        Latency is taken as the ratio to the baseline in the same window times the baseline's latency in this search, so
        that a device that drifts does not favour whatever was measured in a good moment.

        Raises:
            MeasurementError: One of them was not measured.
        """
        paired = self._paired({**metrics, "latency_ms": None})
        values: dict[str, float] = {}
        for name in self._problem.objectives:
            value = paired.get(METRIC_OF[name])
            if not _is_number(value):
                raise MeasurementError(
                    f"The objective {name} needs {METRIC_OF[name]}, which was not measured on this device; "
                    "choose other objectives or another device."
                )
            values[name] = float(paired[METRIC_OF[name]])
        return values

    def point(self, values: Mapping[str, float]) -> Sequence[float]:
        """Return objective values in the order of the objectives."""
        return [values[name] for name in self._problem.objectives]

    def check_measured(self, metrics: Mapping[str, Any]) -> None:
        """Refuse a search whose objectives or bounds this device cannot measure, as the baseline shows.

        Raises:
            MeasurementError: Naming the metric.
        """
        trained = {"psnr_db": 0.0, **self.scored(metrics)}
        self.values(trained)
        decided = self.violations(trained)
        for bound in self._problem.requirements:
            if bound.text not in decided:
                raise MeasurementError(
                    f"The bound {bound.text!r} needs a metric that was not measured on this device; "
                    "drop it or choose another device."
                )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
