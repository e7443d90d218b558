import contextlib
import json
import platform
import resource
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from nas.errors import RequestError
from nas.evaluate.latency import (
    Challenge,
    Measurement,
    Screen,
    Settings,
    Shape,
    StopRule,
    Strict,
    challenge,
    device_record,
    lease,
    protocol_of,
    strict,
)
from nas.evaluate.latency.child import here
from nas.evaluate.latency.conditions import Conditions, Snapshot, conditions_of
from nas.evaluate.latency.environment import platform_of
from nas.evaluate.latency.heap import keep_freed_memory
from nas.evaluate.latency.measurement import CODE_VERSION
from tests.unit.evaluate.latency.networks import BreaksLater, Broken, Nan, upscaler

SIZES = [(8, 12), (16, 16), (12, 20)]
QUICK = StopRule(cap_s=60.0, most_rounds=8)


def screen(
    rule: StopRule = QUICK, sizes: Sequence[tuple[int, int]] = SIZES, settings: Settings | None = None
) -> Screen:
    """The protocol with its work done in this process, which costs no start."""
    return Screen(sizes=sizes, rule=rule, settings=settings, ask=here)


def measure(network: nn.Module, settings: Settings | None = None) -> Measurement:
    return screen(settings=settings).measure(network, upscaler())


def test_a_measurement_has_its_numbers_and_where_they_come_from() -> None:
    found = measure(upscaler(16, 4))
    assert found.status in ("ok", "unstable")
    assert found.protocol == "screen/2"
    assert found.shapes == (Shape(8, 12), Shape(12, 20), Shape(16, 16))
    assert found.latency_ms is not None
    assert found.interval_ms is not None
    assert found.interval_ms[0] <= found.latency_ms <= found.interval_ms[1]
    assert found.ratio is not None
    assert found.ratio_interval is not None
    assert found.ratio_interval[0] <= found.ratio <= found.ratio_interval[1]
    assert found.p90_ms is not None
    assert found.p90_ms >= found.latency_ms * 0.99
    assert {len(row) for rows in found.samples_ms.values() for row in rows} == {found.rounds}
    assert found.threads == torch.get_num_threads()
    assert found.device.kind == "cpu"
    assert found.device_before is not None
    assert found.device_before.threads == found.threads
    assert found.engine_version == f"torch {torch.__version__}"
    assert min(found.probe_before_mhz or 0, found.probe_after_mhz or 0) > 1
    assert 0 < (found.cpu_share or 0) < 1.5
    assert (found.huge_pages_mb is None) == ("huge_pages_mb" in found.unavailable)
    assert found.drift_limit == min(0.1, max(0.01, 3 * (found.noise or 0)))
    assert found.unavailable["launch_bound"] == "unsupported: only CUDA replays graphs"


def test_what_is_missing_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(challenge, "RUNS", 2)
    monkeypatch.setattr("nas.evaluate.latency.cpu.load", lambda: {"unavailable": "no_permission"})
    walked = Challenge(sizes=SIZES, ask=here).measure(upscaler(), upscaler())
    screened, failed = measure(upscaler()), measure(Nan())
    for found in (walked, screened, failed):
        document = found.to_dict()
        assert {name for name, value in document.items() if value is None} == set(found.unavailable)
        assert all(found.unavailable.values())
        assert found.unavailable["load"] == "no_permission"
    assert screened.unavailable["without_first_ms"] == "unsupported: the protocol does not measure it"
    assert screened.unavailable["graph_ms"] == "unsupported: only CUDA replays graphs"
    assert walked.unavailable["host_ms"] == "unsupported: the protocol does not measure it"
    assert walked.unavailable["rule"] == "unsupported: the protocol has a fixed end"
    assert failed.unavailable["drift_limit"] == "error: the measurement failed"


def test_a_measurement_says_what_code_measured_it_where_and_until_when() -> None:
    document = measure(upscaler()).to_dict()
    assert document["code_version"] == CODE_VERSION
    assert document["python"] == platform.python_version()
    assert document["system"].startswith(f"{platform.system()} {platform.release()}")
    assert document["rule"]["most_rounds"] == 8
    assert document["platform"] == platform_of("cpu")


def test_rows_of_before_that_was_recorded_can_be_read() -> None:
    document = measure(upscaler()).to_dict()
    for name in ("code_version", "python", "system", "rule", "platform"):
        del document[name]
    old = Measurement.from_dict(document)
    assert (old.code_version, old.python, old.system, old.rule, old.platform) == (None, "", "", None, {})
    assert Measurement.from_dict(old.to_dict()) == old


def test_a_measurement_survives_json() -> None:
    for found in (measure(upscaler()), measure(Nan())):
        assert Measurement.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (Broken(), "The network raised KeyError: 'no such feature'"),
        (Broken(most_pixels=200), "The network raised KeyError: 'no such feature'"),
        (nn.Identity(), "The network's output has the size 1x3x16x16; the baseline's is 1x3x64x64."),
        (BreaksLater(11), "The network raised RuntimeError: CUDA error: an illegal memory access was encountered"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_a_network_that_cannot_be_measured_ends_with_its_reason(network: nn.Module, reason: str) -> None:
    found = measure(network)
    assert found.status == "failed"
    assert found.reason.startswith(reason)
    assert "\n" not in found.reason
    assert found.latency_ms is None
    assert measure(upscaler()).status != "failed"


def test_a_baseline_at_fault_is_named() -> None:
    found = screen().measure(upscaler(), Broken())
    assert found.reason == "The baseline raised KeyError: 'no such feature'"


def test_both_networks_stay_as_they_are() -> None:
    network = upscaler().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    measure(network, Settings("bf16", "channels_last"))
    assert network.training
    assert all(p.requires_grad for p in network.parameters())
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
        assert value.dtype == torch.float32


def test_the_precision_is_what_runs() -> None:
    class Seen(nn.Module):
        dtypes: set[torch.dtype] = set()  # noqa: RUF012 - shared by the copy that is measured

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.dtypes.add(x.dtype)
            return nn.functional.interpolate(x, scale_factor=4)

    found = measure(Seen(), Settings("bf16"))
    assert Seen.dtypes == {torch.bfloat16}
    assert found.precision == "bf16"


def test_memory_is_weights_and_the_peak_of_tensors() -> None:
    network = nn.Sequential(nn.Conv2d(3, 48, 1, bias=False), nn.PixelShuffle(4))
    found = screen(sizes=[(10, 10)]).measure(network, network)
    weights, features, image = 3 * 48 * 4, 48 * 100 * 4, 48 * 100 * 4
    assert found.memory_mb == pytest.approx((weights + features + image) / 1e6)


def test_three_void_windows_are_unstable_but_keep_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.evaluate.latency.statistics.drift_limit", lambda _: -1.0)
    found = measure(upscaler())
    assert found.status == "unstable"
    assert found.reason.startswith("The baseline drifted in each of 3 windows")
    assert found.voided == 3
    assert found.ratio is not None


def test_too_little_time_is_unstable_and_tells_nothing() -> None:
    found = screen(StopRule(cap_s=0.0)).measure(upscaler(64, 4), upscaler())
    assert (found.status, found.rounds, found.confidence, found.voided) == ("unstable", 2, 0.5, 0)
    assert found.reason.startswith("Only 2 rounds fitted into the time")
    assert found.ratio is not None
    assert found.verdict() == "cannot tell"


def test_verdict_of_two_measurements() -> None:
    found = replace(measure(upscaler()), status="ok", ratio_interval=(0.50, 0.52))
    slower = replace(found, ratio_interval=(0.6, 0.7))
    assert found.verdict() == "faster"
    assert (found.verdict(slower), slower.verdict(found), found.verdict(found)) == ("faster", "slower", "cannot tell")
    assert found.verdict(replace(slower, status="unstable")) == "cannot tell"
    assert found.verdict(measure(Nan())) == "cannot tell"


def test_a_void_window_is_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[list[float]]] = []

    def is_first(rows: list[list[float]]) -> bool:
        seen.append(rows)
        return rows == seen[0]

    monkeypatch.setattr("nas.evaluate.latency.statistics.noise_of_halves", is_first)
    monkeypatch.setattr("nas.evaluate.latency.statistics.drift_limit", lambda first: -1.0 if first else 1e9)
    found = measure(upscaler())
    assert (found.status, found.voided) == ("ok", 1)


def test_a_throttled_device_gives_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    hot = Conditions(lambda: Snapshot(event_reasons=("hw_thermal_slowdown",)))
    monkeypatch.setattr("nas.evaluate.latency.child.conditions_of", lambda device: hot)
    found = screen(StopRule(cap_s=0.05)).measure(upscaler(), upscaler())
    assert found.status == "failed"
    assert "passes were dropped, the last one because of: hw_thermal_slowdown" in found.reason
    assert set(found.drops) == {"hw_thermal_slowdown"}


@pytest.mark.parametrize("kind", [Screen, Strict])
def test_a_device_that_recovers_is_measured_and_the_drops_are_told(
    kind: type[Screen] | type[Strict], monkeypatch: pytest.MonkeyPatch
) -> None:
    hot = iter([Snapshot(event_reasons=("hw_slowdown",))] * 6)
    recovers = Conditions(lambda: next(hot, Snapshot()))
    monkeypatch.setattr("nas.evaluate.latency.child.conditions_of", lambda device: recovers)
    found = kind(sizes=[(8, 12)], rule=StopRule(cap_s=0.1), ask=here).measure(upscaler(), upscaler())
    assert found.status != "failed", found.reason
    assert set(found.drops) == {"hw_slowdown"}


def test_a_cpu_gives_no_sign_that_drops_a_pass() -> None:
    found = conditions_of(torch.device("cpu"))
    assert found.judge(found.snapshot()) == ""


def test_measuring_waits_for_the_device() -> None:
    protocol = screen()
    found: list[Measurement] = []
    thread = threading.Thread(target=lambda: found.append(protocol.measure(upscaler(), upscaler())))
    with lease.shared(device_record("cpu").uuid):
        thread.start()
        thread.join(0.3)
        assert not found
    thread.join(60)
    assert found


def test_a_caller_that_holds_the_device_measures_at_once() -> None:
    with lease.exclusive(device_record("cpu").uuid):
        found = Screen(sizes=SIZES, rule=QUICK, lease=contextlib.nullcontext, ask=here).measure(upscaler(), upscaler())
    assert found.latency_ms is not None


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("careful", {}, "Unknown latency protocol 'careful'; use one of screen, strict, challenge."),
        ("screen", {"device": "tpu"}, "Unknown device 'tpu'"),
        ("screen", {"sizes": []}, "No image sizes"),
        ("strict", {"sizes": [(0, 8)]}, r"Image size \(0, 8\)"),
        ("strict", {"threads": 0}, "Cannot measure with 0 threads"),
        (
            "challenge",
            {"settings": Settings(engine="compile")},
            "The challenge runs networks eagerly",
        ),
    ],
)
def test_a_wrong_request_is_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        protocol_of(name, **{"device": "cpu"} | options)


def test_switches_of_torch_are_put_back() -> None:
    before = torch.backends.cudnn.conv.fp32_precision, torch.backends.cudnn.benchmark  # type: ignore[attr-defined]
    with Settings("tf32", cudnn_benchmark=True).applied():
        assert torch.backends.cudnn.conv.fp32_precision == "tf32"  # type: ignore[attr-defined]
        assert torch.is_inference_mode_enabled()
    after = torch.backends.cudnn.conv.fp32_precision, torch.backends.cudnn.benchmark  # type: ignore[attr-defined]
    assert after == before


def test_no_forward_pass_waits_for_memory_of_the_system() -> None:
    keep_freed_memory()
    network, image = upscaler(32).requires_grad_(False), torch.rand(1, 3, 128, 128)
    network(image)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    network(image)
    network(image)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 100


def test_strict_measures_in_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict, "PROCESSES", 2)
    found = Strict(sizes=[(8, 12), (16, 16), (8, 12)], rule=QUICK, ask=here).measure(upscaler(), upscaler(16, 4))
    assert found.shapes == (Shape(8, 12, 2), Shape(16, 16, 1))
    assert found.protocol == "strict/3"
    assert found.rounds == 16
    assert len(found.samples_ms["candidate"][0]) == 16
    assert found.ratio_interval is not None
    assert found.ratio_interval[0] <= min(found.runs_ratio) <= max(found.runs_ratio) <= found.ratio_interval[1]
    assert Measurement.from_dict(found.to_dict()) == found


def test_challenge_walks_over_all_images_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(challenge, "RUNS", 2)
    found = Challenge(sizes=SIZES, ask=here).measure(upscaler(), upscaler())
    assert found.protocol == "challenge/2"
    assert [len(run) for run in found.samples_ms["candidate"]] == [3, 3]
    times = found.samples_ms["candidate"]
    assert found.latency_ms == pytest.approx(sum(map(sum, times)) / 6)
    assert found.without_first_ms == pytest.approx(sum(sum(run[1:]) for run in times) / 4)
    assert found.probe_after_mhz


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (Nan(), "The network's output holds NaN"),
        (nn.Identity(), "The network's output has the size 1x3x8x12; the baseline's is 1x3x32x48."),
    ],
)
def test_challenge_fails_with_a_reason(network: nn.Module, reason: str) -> None:
    found = Challenge(sizes=SIZES, ask=here).measure(network, upscaler())
    assert found.status == "failed"
    assert found.reason.startswith(reason)
