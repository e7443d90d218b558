import dataclasses
from typing import Any

import pytest

from nas.evaluate.latency import Challenge, Screen, Settings, Shape, StopRule, Strict, measurement_key
from nas.evaluate.latency.device import cpu_record
from nas.evaluate.latency.readings import unavailable

PARTS = {
    "baseline_hash": "b1",
    "protocol": "screen/1",
    "settings": Settings(),
    "threads": 1,
    "shapes": [Shape(8, 8, 1)],
    "rule": StopRule(),
}


def key(deployed_hash: str = "a1", **changes: object) -> str:
    return measurement_key(deployed_hash, **({"device": cpu_record()} | PARTS | changes))  # type: ignore[arg-type]


def test_a_key_is_a_sha256_and_stays() -> None:
    assert len(key()) == 64
    assert key() == key()


@pytest.mark.parametrize(
    "changes",
    [
        {"deployed_hash": "a2"},
        {"baseline_hash": "b2"},
        {"protocol": "strict/1"},
        {"threads": 64},
        {"settings": Settings("bf16")},
        {"settings": Settings(memory_format="channels_last")},
        {"settings": Settings(cudnn_benchmark=True)},
        {"settings": Settings(engine="compile")},
        {"shapes": [Shape(8, 9, 1)]},
        {"shapes": [Shape(8, 8, 2)]},
        {"rule": StopRule(cap_s=60.0)},
        {"rule": StopRule(relative_width=0.0025)},
        {"rule": StopRule(least_rounds=7)},
        {"rule": StopRule(most_rounds=7)},
        {"rule": None},
    ],
)
def test_everything_a_latency_depends_on_changes_the_key(changes: dict[str, object]) -> None:
    assert key(**changes) != key()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"uuid": "CPU-2"},
        {"torch": "3.0"},
        {"openmp_wait": "other"},
        {"huge_pages": "never"},
        {"driver": "1"},
        {"cuda": "13"},
        {"cudnn": 9},
    ],
)
def test_the_device_and_its_software_change_the_key(changes: dict[str, Any]) -> None:
    assert key(device=dataclasses.replace(cpu_record(), **changes)) != key()


def test_the_version_of_the_measuring_code_changes_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key()
    monkeypatch.setattr("nas.evaluate.latency.measurement.CODE_VERSION", 99)
    assert key() != before


def test_what_passes_does_not_change_the_key() -> None:
    device = dataclasses.replace(cpu_record(), load=9.9, clock_mhz=unavailable("unsupported"), memory_used_mb=1.0)
    assert key(device=device) == key()


def test_a_protocol_knows_the_key_before_it_measures() -> None:
    protocol = Screen(sizes=[(8, 8)], threads=1)
    assert protocol.key("a1", "b1") == key(protocol=Screen.id)


@pytest.mark.parametrize("kind", [Screen, Strict])
def test_a_protocol_with_another_rule_has_another_key(kind: type[Screen] | type[Strict]) -> None:
    usual, hasty = kind(sizes=[(8, 8)], threads=1), kind(sizes=[(8, 8)], threads=1, rule=StopRule(cap_s=0.1))
    assert usual.key("a1", "b1") != hasty.key("a1", "b1")


def test_the_challenge_has_no_rule() -> None:
    assert Challenge(sizes=[(8, 8)], threads=1).key("a1", "b1") == key(protocol=Challenge.id, rule=None)


def test_the_engines_version_changes_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key(settings=Settings(engine="onnxruntime"))
    monkeypatch.setattr("nas.evaluate.latency.engines.version", lambda package: f"{package} 99")
    assert key(settings=Settings(engine="onnxruntime")) != before


def test_settings_of_before_there_were_engines_can_be_read() -> None:
    old = {"precision": "bf16", "channels_last": True, "cudnn_benchmark": False, "engine": "torch-eager"}
    assert Settings.from_dict(old) == Settings("bf16", "channels_last")
    assert Settings.from_dict(Settings("fp16", engine="compile").to_dict()) == Settings("fp16", engine="compile")
