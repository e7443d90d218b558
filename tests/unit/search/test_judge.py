import math
from typing import Any

import pytest

from nas.errors import MeasurementError
from nas.language import load_architecture, parse_requirement
from nas.search.judge import Judge, costs
from nas.search.records import Forecast
from tests.unit.search.table import ALL_OBJECTIVES, problem

METRICS = {"latency_ms": 12.0, "latency_ratio": 0.5, "psnr_db": 24.0}


def judge(**changes: Any) -> Judge:
    made = Judge(problem(**changes))
    made.baseline_latency_ms = 20.0
    return made


def measured(system: str = "EFDN", **metrics: float) -> dict[str, float]:
    return {**costs(load_architecture(f"system:{system}")), **METRICS, **metrics}


def test_a_network_as_costly_as_the_baseline_scores_as_the_formula_says() -> None:
    found = judge().scored(measured(latency_ratio=1.0))
    assert found["score"] == pytest.approx(math.exp(2))
    assert found["score_runtime"] == pytest.approx(found["score_params"])


def test_all_objectives_have_their_natural_direction() -> None:
    values = judge(objectives=ALL_OBJECTIVES).values(judge().scored(measured()))
    assert list(values) == list(ALL_OBJECTIVES)
    assert (values["psnr"], values["params"]) == (24.0, 276192)


def test_the_latency_that_counts_is_free_of_drift() -> None:
    values = judge(objectives=("latency",)).values(measured(latency_ms=99.0))
    assert values == {"latency": 10.0}


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_an_objective_without_a_number_is_an_error_that_names_it(value: float | None) -> None:
    with pytest.raises(MeasurementError, match="The objective memory needs memory_mb"):
        judge(objectives=("memory",)).values({**METRICS, "memory_mb": value})


def test_only_bounds_whose_metrics_are_known_are_decided() -> None:
    bounds = tuple(parse_requirement(text) for text in ("params <= 1000", "latency_ms <= 8", "psnr_db >= 23"))
    judged = judge(requirements=bounds)
    assert list(judged.violations(costs(load_architecture("system:EMSR")))) == ["params <= 1000"]
    assert judged.violations(measured()) == {
        "params <= 1000": pytest.approx(275.192),
        "latency_ms <= 8": pytest.approx(0.25),
        "psnr_db >= 23": pytest.approx(-1 / 23),
    }


def test_a_bound_that_this_device_cannot_measure_is_refused() -> None:
    judged = judge(requirements=(parse_requirement("energy_mj <= 5"),))
    with pytest.raises(MeasurementError, match=r"energy_mj <= 5.*not measured on this device"):
        judged.check_measured(measured())


def test_a_bound_on_latency_is_held_against_the_paired_one() -> None:
    made = judge(requirements=(parse_requirement("latency_ms <= 11"),))
    assert made.violations({**METRICS, "latency_ms": 99.0})["latency_ms <= 11"] <= 0  # 0.5 x 20 ms
    assert made.violations({"latency_ms": 99.0}) == {"latency_ms <= 11": 8.0}


def test_a_forecast_misses_a_bound_only_where_both_ends_do() -> None:
    made = judge(requirements=(parse_requirement("latency_ms <= 10"), parse_requirement("latency_ms >= 20")))
    near = made.foreseen(measured(), Forecast(0.6, 0.45, 0.75))
    assert near == pytest.approx({"latency_ms <= 10": -0.1, "latency_ms >= 20": 0.25})
    assert made.foreseen(measured(), Forecast(0.9, 0.6, 1.2))["latency_ms <= 10"] == pytest.approx(0.2)
