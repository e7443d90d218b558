import dataclasses
import os
import subprocess
from importlib.metadata import PackageNotFoundError
from typing import Any

import pytest
import torch

from nas.evaluate.latency import Challenge, Screen, Settings, Shape, StopRule, Strict, measurement_key
from nas.evaluate.latency.device import cpu_record
from nas.evaluate.latency.engines import engine_version
from nas.evaluate.latency.environment import platform_of
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


@pytest.mark.parametrize(
    ("kind", "other", "variable"),
    [
        *(
            ("cpu", "cuda", name)
            for name in (
                "ATEN_CPU_CAPABILITY", "ONEDNN_DEFAULT_FPMATH_MODE", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA",
                "MKL_ENABLE_INSTRUCTIONS", "OMP_PROC_BIND", "OMP_PLACES", "KMP_AFFINITY",
            )
        ),
        *(
            ("cuda", "cpu", name)
            for name in (
                "CUDA_LAUNCH_BLOCKING", "NVIDIA_TF32_OVERRIDE", "CUBLAS_WORKSPACE_CONFIG",
                "TORCH_CUDNN_V8_API_DISABLED",
            )
        ),
    ],
)  # fmt: skip
def test_a_variable_changes_the_key_of_the_devices_it_matters_on(
    kind: str, other: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = (dataclasses.replace(cpu_record(), kind=name) for name in (kind, other))
    before = key(device=here), key(device=there)
    monkeypatch.setenv(variable, "something")
    assert key(device=here) != before[0]
    assert key(device=there) == before[1]


def test_cores_instructions_and_huge_pages_change_the_key_of_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [key()]
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(43)))
    keys.append(key())
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX9000")
    keys.append(key())
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=0")
    keys.append(key())
    assert len(set(keys)) == 4
    assert platform_of("cpu") | {"variables": {}} == {"cores": 43, "capability": "AVX9000", "variables": {}}


def test_asking_for_huge_pages_oneself_changes_nothing() -> None:
    asked = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
    assert platform_of("cpu", {}) == platform_of("cpu", asked) != platform_of("cpu", {"GLIBC_TUNABLES": "a.b=1"})
    assert platform_of("cpu", {})["variables"] == asked


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


def test_another_package_may_provide_onnx_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    packages = {"onnxruntime-gpu": "1.99"}

    def version(package: str) -> str:
        if package not in packages:
            raise PackageNotFoundError(package)
        return packages[package]

    monkeypatch.setattr("nas.evaluate.latency.engines.version", version)
    assert engine_version("onnxruntime") == "onnxruntime-gpu 1.99"
    packages.clear()
    assert engine_version("onnxruntime") == "onnxruntime of an unknown version"


def test_compiled_networks_name_what_compiled_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.evaluate.latency.engines.version", lambda package: "3.7")
    assert engine_version("compile", "cuda") == f"torch {torch.__version__}, triton 3.7"
    compiler = subprocess.run(["g++", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    monkeypatch.delenv("CXX", raising=False)
    assert engine_version("compile", "cpu") == f"torch {torch.__version__}, {compiler}"


def test_settings_of_before_there_were_engines_can_be_read() -> None:
    old = {"precision": "bf16", "channels_last": True, "cudnn_benchmark": False, "engine": "torch-eager"}
    assert Settings.from_dict(old) == Settings("bf16", "channels_last")
    assert Settings.from_dict(Settings("fp16", engine="compile").to_dict()) == Settings("fp16", engine="compile")
