"""In every protocol a network at fault ends as a failed measurement with its reason, and measuring goes on."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from nas.evaluate.latency import Challenge, Measurement, Screen, Settings, StopRule, Strict, challenge, child, strict
from nas.evaluate.latency.child import here
from nas.evaluate.latency.conditions import Conditions, Snapshot
from nas.evaluate.latency.job import Job
from nas.evaluate.latency.process import resident
from nas.evaluate.latency.readings import Reading
from nas.evaluate.latency.settings import Engine
from nas.evaluate.latency.timers import CpuTimer
from nas.evaluate.latency.warmup import Prepared
from nas.evaluate.latency.window import Rivals
from tests.unit.evaluate.latency.networks import (
    BreaksLater,
    Broken,
    Crops,
    Grows,
    Hungry,
    Killed,
    Nan,
    NoImage,
    NoTensor,
    Sleeper,
    upscaler,
)

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
        (Grows(), "The network ran out of memory: "),
        (Broken(most_pixels=80), "The network raised KeyError: 'no such feature'"),
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


def test_a_network_that_takes_its_process_along_fails_with_its_reason(measure: Measure) -> None:
    check(measure(Killed()), "The process that ran the network was ended by SIGKILL; ")
    check(measure(Sleeper(), limit_s=0.5), "No result after 0.5 s, so the process was killed: the network or the ")
    sound = measure(upscaler())
    assert sound.status != "failed", sound.reason
    resident().close()


@pytest.mark.parametrize("calls", [5, 6])
def test_a_baseline_that_breaks_while_it_is_timed_is_named(calls: int) -> None:
    screen = Screen(sizes=SIZES, rule=QUICK, ask=here)
    check(screen.measure(upscaler(), BreaksLater(calls)), "The baseline raised RuntimeError: CUDA error")
    check(screen.measure(BreaksLater(calls + 1), upscaler()), "The network raised RuntimeError: CUDA error")


def test_no_network_is_blamed_for_what_the_device_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost() -> Snapshot:
        raise RuntimeError("the device is lost")

    monkeypatch.setattr(child, "conditions_of", lambda device: Conditions(lost))
    found = Screen(sizes=SIZES, rule=QUICK, ask=here).measure(upscaler(), upscaler())
    check(found, "Measuring raised RuntimeError: the device is lost")


@pytest.mark.parametrize(("engine", "expected"), [("eager", 1.0), ("compile", child._NOT_EAGER)])
def test_only_an_eager_run_is_compared_with_its_graph(
    engine: Engine, expected: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "energy_of_image_mj", lambda *_: 2.0)
    monkeypatch.setattr(child, "replay_ms", lambda *_: 1.0)
    network, cuda = upscaler(), torch.device("cuda", 0)
    prepared = Prepared(Rivals(network, network, [], []), network)
    job = Job("window", "cuda:0", Settings(engine=engine), (), threads=1, limit_s=1.0, extras=True)
    assert child._extras(job, CpuTimer(), prepared, cuda) == {"energy_mj": 2.0, "graph_ms": expected}


@pytest.mark.parametrize("baseline", [NoImage(), Nan()])
def test_a_walking_baseline_at_fault_is_named(baseline: nn.Module) -> None:
    found = Challenge(sizes=SIZES, ask=here).measure(upscaler(), baseline)
    assert found.reason.startswith("The baseline"), found.reason
