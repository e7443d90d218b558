"""In every protocol a network at fault ends as a failed measurement with its reason, and measuring goes on."""

from collections.abc import Callable
from typing import Any

import pytest
from torch import nn

from nas.evaluate.latency import Challenge, Measurement, Screen, StopRule, Strict, challenge, strict
from nas.evaluate.latency.child import here
from tests.unit.evaluate.latency.networks import Crops, Hungry, Nan, NoImage, NoTensor, upscaler

SIZES = [(8, 12), (9, 7)]
QUICK = StopRule(cap_s=60.0, most_rounds=2)

Measure = Callable[..., Measurement]


@pytest.fixture(params=[Screen, Strict, Challenge])
def measure(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Measure:
    """Measures a network by one of the protocols."""
    monkeypatch.setattr(strict, "PROCESSES", 2)
    monkeypatch.setattr(challenge, "RUNS", 2)
    kind = request.param
    rule: dict[str, Any] = {} if kind is Challenge else {"rule": QUICK}

    def run(network: nn.Module, baseline: nn.Module | None = None, **options: Any) -> Measurement:
        protocol = kind(sizes=SIZES, **rule | options)
        found: Measurement = protocol.measure(network, baseline or upscaler())
        return found

    return run


def check(found: Measurement, reason: str) -> None:
    assert (found.status, found.latency_ms, found.ratio) == ("failed", None, None)
    assert found.reason.startswith(reason), found.reason
    assert "\n" not in found.reason


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (Nan(), "The network's output holds NaN or infinite values."),
        (Hungry(), "The network ran out of memory: "),
        (NoImage(), "The network returned a tuple instead of an image."),
        (NoTensor(), "The network returned a float instead of an image."),
        (Crops(8), "The network's output has the size 1x3x32x47; the baseline's is 1x3x32x48."),
        (Crops(9), "The network's output has the size 1x3x36x27; the baseline's is 1x3x36x28."),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_a_network_at_fault_fails_with_its_reason(measure: Measure, network: nn.Module, reason: str) -> None:
    check(measure(network, ask=here), reason)
    assert measure(upscaler(), ask=here).status != "failed"


@pytest.mark.parametrize("baseline", [NoImage(), Nan()])
def test_a_walking_baseline_at_fault_is_named(baseline: nn.Module) -> None:
    found = Challenge(sizes=SIZES, ask=here).measure(upscaler(), baseline)
    assert found.reason.startswith("The baseline"), found.reason
