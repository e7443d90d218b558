from pathlib import Path

import pytest
import torch
from torch import nn

from nas.evaluate.latency import Screen, Settings, StopRule, Strict, device_record, lease, strict
from nas.evaluate.latency.readings import why_not
from nas.evaluate.latency.settings import Precision
from tests.unit.evaluate.latency.networks import Hungry, upscaler

pytestmark = pytest.mark.gpu
QUICK = StopRule(cap_s=0.5)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(lease.FOLDER_VARIABLE, str(tmp_path))


def test_the_device_is_found_by_its_uuid() -> None:
    found = device_record("cuda")
    assert found.uuid.startswith(("GPU-", "MIG-"))
    assert found.memory_total_mb or why_not(found.memory_total_mb)
    assert found.driver != 0


@pytest.mark.parametrize("precision", ["fp32", "tf32", "fp16", "bf16"])
@pytest.mark.parametrize("channels_last", [False, True])
def test_screen_measures(precision: Precision, channels_last: bool) -> None:
    settings = Settings(precision, channels_last=channels_last)
    found = Screen("cuda", rule=QUICK, settings=settings).measure(upscaler(32), upscaler(32))
    assert found.status != "failed", found.reason
    assert found.graph_ms is not None
    assert found.host_ms is not None
    assert found.memory_mb


def test_many_small_kernels_are_launch_bound_and_few_large_ones_are_not() -> None:
    small = Screen("cuda", sizes=[(16, 16)], rule=QUICK).measure(upscaler(8, 60), upscaler(8, 60))
    large = Screen("cuda", sizes=[(510, 510)], rule=QUICK).measure(upscaler(256, 4), upscaler(256, 4))
    assert (small.launch_bound, large.launch_bound) == (True, False)


def test_a_network_without_a_graph_says_why() -> None:
    class Waits(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if float(x.sum()) < 0:
                return x
            return nn.functional.interpolate(x, scale_factor=4)

    found = Screen("cuda", sizes=[(16, 16)], rule=QUICK).measure(Waits(), upscaler())
    assert found.launch_bound is None
    assert found.unavailable["launch_bound"].startswith("error: the network cannot be captured")


def test_memory_that_does_not_suffice_is_a_reason_and_the_next_network_is_measured() -> None:
    assert "ran out of memory" in Screen("cuda", rule=QUICK).measure(Hungry(), upscaler()).reason
    assert Screen("cuda", rule=QUICK).measure(upscaler(), upscaler()).status != "failed"


def test_strict_in_fresh_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict, "PROCESSES", 1)
    found = Strict("cuda", sizes=[(64, 64)], rule=QUICK).measure(upscaler(), upscaler())
    assert found.latency_ms, found.reason
