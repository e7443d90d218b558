import dataclasses

import pytest
from torch import nn

from nas.evaluate.latency import Challenge, Measurement, Settings, Shape, StopRule, Strict, challenge, strict
from nas.evaluate.latency.fresh import Job, run_fresh
from nas.evaluate.latency.protocol import NetworkError
from tests.unit.evaluate.latency.networks import Exits, Killed, Nan, Sleeper, upscaler

SIZES = [(8, 12), (16, 16), (8, 12)]
QUICK = StopRule(cap_s=60.0, most_rounds=6)
JOB = Job("walk", "cpu", Settings(), (Shape(8, 12),), threads=1, limit_s=120.0)


def test_a_job_survives_json() -> None:
    assert Job.from_dict(JOB.to_dict()) == JOB


def test_strict_pools_fresh_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict, "PROCESSES", 2)
    protocol = Strict(sizes=SIZES, rule=QUICK)
    found = protocol.measure(upscaler(), upscaler(16, 4))
    assert found.shapes == (Shape(8, 12, 2), Shape(16, 16, 1))
    assert found.protocol == "strict/1"
    assert found.rounds == 12
    assert len(found.samples_ms["candidate"][0]) == 12
    assert found.ratio_interval is not None
    assert found.ratio_interval[0] <= min(found.runs_ratio) <= max(found.runs_ratio) <= found.ratio_interval[1]
    assert Measurement.from_dict(found.to_dict()) == found


def test_challenge_walks_over_all_images_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(challenge, "RUNS", 1)
    found = Challenge(sizes=SIZES).measure(upscaler(), upscaler())
    assert found.protocol == "challenge/1"
    assert [len(run) for run in found.samples_ms["candidate"]] == [3]
    times = found.samples_ms["candidate"][0]
    assert found.latency_ms == pytest.approx(sum(times) / 3)
    assert found.without_first_ms == pytest.approx(sum(times[1:]) / 2)


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (Nan(), "The network's output holds NaN"),
        (Killed(), "The process that ran the network was ended by SIGKILL"),
        (Exits(), "The process that ran the network failed with status 3"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_a_network_that_takes_its_process_down_ends_with_its_reason(network: nn.Module, reason: str) -> None:
    found = Challenge(sizes=SIZES).measure(network, upscaler())
    assert found.status == "failed"
    assert found.reason.startswith(reason)


def test_a_network_that_hangs_is_killed() -> None:
    with pytest.raises(NetworkError, match=r"hung: no result after 5 s"):
        run_fresh(dataclasses.replace(JOB, limit_s=5.0), [Sleeper()])


def test_a_network_that_cannot_be_sent_says_so() -> None:
    class Local(nn.Module):
        pass

    with pytest.raises(NetworkError, match="cannot be sent to a fresh process"):
        run_fresh(JOB, [Local()])


def test_outputs_of_another_size_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(challenge, "RUNS", 1)
    found = Challenge(sizes=[(8, 12)]).measure(nn.Identity(), upscaler())
    assert found.reason == "The network's output has the size 1x3x8x12; the baseline's is 1x3x32x48."
