"""What only an NVIDIA GPU can show; run with ``pytest -m gpu``."""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from nas.errors import RequestError
from nas.evaluate.latency import (
    Challenge,
    MemoryFormat,
    Precision,
    Screen,
    Settings,
    StopRule,
    Strict,
    challenge,
    device_record,
    lease,
    strict,
)
from nas.evaluate.latency.conditions import conditions_of, drop_reason
from nas.evaluate.latency.device import energy_mj
from nas.evaluate.latency.engines import CudaGraph
from nas.evaluate.latency.probe import probe_mhz
from nas.evaluate.latency.process import resident
from nas.evaluate.latency.readings import number, why_not
from nas.evaluate.latency.timers import CudaTimer
from tests.unit.evaluate.latency.networks import Hungry, Killed, Sleeper, Waits, upscaler

pytestmark = pytest.mark.gpu
QUICK = StopRule(cap_s=0.5)
CUDA = torch.device("cuda", 0)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(lease.FOLDER_VARIABLE, str(tmp_path))


@pytest.fixture(scope="module", autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    resident().close()


def screen(sizes: list[tuple[int, int]] | None = None, settings: Settings | None = None) -> Screen:
    return Screen("cuda", rule=QUICK, sizes=sizes or [(64, 64), (96, 128)], settings=settings)


def test_the_device_is_found_by_its_uuid() -> None:
    found = device_record("cuda")
    assert found.uuid.startswith(("GPU-", "MIG-"))
    assert found.memory_total_mb or why_not(found.memory_total_mb)
    assert found.driver != 0


def test_the_probe_finds_the_clock_that_the_driver_reports() -> None:
    found = probe_mhz(CUDA)
    assert 100 < found < 5000
    most = number(device_record("cuda").clock_max_mhz)
    assert most is None or found <= 1.02 * most


def test_a_quiet_device_gives_no_reason_to_drop_a_pass() -> None:
    conditions = conditions_of(CUDA)
    before, after = conditions.snapshot(), conditions.snapshot()
    assert before.clock_mhz
    assert "foreign" not in drop_reason(before, after, own_processes=before.processes)


def test_events_time_the_device_and_the_host_only_enqueues() -> None:
    timer, large = CudaTimer(CUDA), upscaler(128, 8).cuda()
    image = torch.rand(1, 3, 512, 512, device="cuda")
    with torch.inference_mode():
        for _ in range(3):
            sample = timer.time(large, image)
    assert 0 < sample.host_ms < sample.ms


def test_a_graph_replays_what_the_network_computes() -> None:
    network, image = upscaler().cuda().requires_grad_(False), torch.rand(1, 3, 32, 40, device="cuda")
    with torch.inference_mode():
        graph = CudaGraph(network)
        for _ in range(2):
            assert torch.allclose(graph(image), network(image), atol=1e-3)


@pytest.mark.parametrize("precision", ["fp32", "tf32", "fp16", "bf16"])
@pytest.mark.parametrize("memory_format", ["contiguous", "channels_last"])
def test_screen_measures_every_precision_and_format(precision: Precision, memory_format: MemoryFormat) -> None:
    found = screen(settings=Settings(precision, memory_format)).measure(upscaler(32), upscaler(32))
    assert found.status != "failed", found.reason
    assert found.graph_ms is not None
    assert found.host_ms is not None
    assert found.probe_before_mhz
    assert found.memory_mb


def test_a_cuda_graph_is_an_engine() -> None:
    small = [(16, 16)]
    eager = screen(small).measure(upscaler(8, 60), upscaler(8, 60))
    graph = screen(small, Settings(engine="cuda_graph")).measure(upscaler(8, 60), upscaler(8, 60))
    assert graph.status != "failed", graph.reason
    assert (graph.latency_ms or 1e9) < (eager.latency_ms or 0)


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed")
def test_compiling_is_an_engine() -> None:
    found = screen([(32, 32)], Settings(engine="compile")).measure(upscaler(), upscaler())
    assert found.status != "failed", found.reason


@pytest.mark.skipif(importlib.util.find_spec("torch_tensorrt") is None, reason="Torch-TensorRT is not installed")
def test_tensorrt_is_an_engine() -> None:
    found = screen([(32, 32)], Settings("fp16", engine="tensorrt")).measure(upscaler(), upscaler())
    assert found.status != "failed", found.reason


def test_onnx_runtime_is_refused() -> None:
    with pytest.raises(RequestError, match="measures on the CPU only"):
        screen(settings=Settings(engine="onnxruntime"))


def test_many_small_kernels_are_launch_bound_and_few_large_ones_are_not() -> None:
    small = screen([(16, 16)]).measure(upscaler(8, 60), upscaler(8, 60))
    large = screen([(510, 510)]).measure(upscaler(256, 4), upscaler(256, 4))
    assert (small.launch_bound, large.launch_bound) == (True, False)


def test_a_network_without_a_graph_says_why() -> None:
    found = screen([(16, 16)]).measure(Waits(), upscaler())
    assert found.launch_bound is None
    assert found.unavailable["launch_bound"].startswith("error: the network cannot be captured")


def test_energy_is_a_number_or_a_reason() -> None:
    found = screen().measure(upscaler(), upscaler())
    assert (found.energy_mj is not None) == isinstance(energy_mj(CUDA), float)
    assert found.energy_mj or found.unavailable["energy_mj"]


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (Hungry(), "The network ran out of memory"),
        (Killed(), "The process that ran the network was ended by SIGKILL"),
    ],
    ids=["memory", "killed"],
)
def test_what_a_network_does_is_a_reason_and_the_next_one_is_measured(network: nn.Module, reason: str) -> None:
    assert screen().measure(network, upscaler()).reason.startswith(reason)
    assert screen().measure(upscaler(), upscaler()).status != "failed"


def test_a_network_that_hangs_is_killed_and_gives_its_memory_back() -> None:
    protocol = Screen("cuda", rule=QUICK, sizes=[(64, 64)], limit_s=5.0)
    assert "hung" in protocol.measure(Sleeper(), upscaler()).reason
    assert screen().measure(upscaler(), upscaler()).status != "failed"


def test_strict_in_fresh_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict, "PROCESSES", 1)
    found = Strict("cuda", sizes=[(64, 64)], rule=QUICK).measure(upscaler(), upscaler())
    assert found.latency_ms, found.reason
    assert found.graph_ms


def test_challenge_in_fresh_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(challenge, "RUNS", 1)
    found = Challenge("cuda", sizes=[(64, 64), (64, 80)], settings=Settings("tf32")).measure(upscaler(), upscaler())
    assert (found.latency_ms or 0) > (found.without_first_ms or 1e9)


def test_the_benchmark_runs(tmp_path: Path) -> None:
    command = [sys.executable, "benchmarks/latency.py", "--device", "cuda", "--quick", "--out", str(tmp_path / "out")]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert finished.stdout.splitlines()[-1].startswith("RESULT "), finished.stderr
