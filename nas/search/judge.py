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
from nas.search.records import Metrics


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
        """Return by how much each bound is missed that can be decided from these metrics; at most 0 holds."""
        known = {name for name, value in metrics.items() if _is_number(value)}
        decided = [bound for bound in self._problem.requirements if bound.metrics <= known]
        return {bound.text: bound.violation(metrics) for bound in decided}

    def values(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        """Return the objective values, in their natural direction.

        Latency is taken as the ratio to the baseline in the same window times the baseline's latency in this search, so
        that a device that drifts does not favour whatever was measured in a good moment.

        Raises:
            MeasurementError: One of them was not measured.
        """
        drift_free = {**metrics, "latency_ms": metrics.get("latency_ratio", math.nan) * self.baseline_latency_ms}
        values: dict[str, float] = {}
        for name in self._problem.objectives:
            value = drift_free.get(METRIC_OF[name])
            if not _is_number(value):
                raise MeasurementError(
                    f"The objective {name} needs {METRIC_OF[name]}, which was not measured on this device; "
                    "choose other objectives or another device."
                )
            values[name] = float(drift_free[METRIC_OF[name]])
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
