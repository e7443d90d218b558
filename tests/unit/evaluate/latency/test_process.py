"""The only tests that start measuring processes, which takes seconds each."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from torch import nn

from nas.evaluate.latency import Settings, Shape, StopRule, Strict, device_record, lease, strict
from nas.evaluate.latency.failures import NetworkError
from nas.evaluate.latency.job import Job
from nas.evaluate.latency.process import Resident
from tests.unit.evaluate.latency.networks import Killed, KilledAfterFork, Nan, Sleeper, Tells, upscaler

QUICK = StopRule(cap_s=0.0)
JOB = Job("window", "cpu", Settings(), (Shape(8, 12),), threads=1, limit_s=120.0, rule=QUICK)


@pytest.fixture
def resident() -> Iterator[Resident]:
    found = Resident()
    yield found
    found.close()


def test_a_job_survives_json() -> None:
    assert Job.from_dict(JOB.to_dict()) == JOB


def test_what_a_network_does_to_its_process_is_a_reason_and_measuring_goes_on(resident: Resident) -> None:
    def reason(network: nn.Module, limit_s: float = 120.0) -> str:
        job = Job("window", "cpu", Settings(), JOB.shapes, threads=1, limit_s=limit_s, rule=QUICK)
        with pytest.raises(NetworkError) as caught:
            resident.ask(job, [network, upscaler()])
        return str(caught.value)

    assert reason(Nan()) == "The network's output holds NaN or infinite values."
    first = resident.pid
    assert resident.ask(JOB, [upscaler(), upscaler()])["windows"]
    assert resident.pid == first
    assert reason(Killed()).endswith("ended by SIGKILL; the system often does so when memory runs out.")
    assert resident.ask(JOB, [upscaler(), upscaler()])["windows"]
    assert resident.pid not in (None, first)
    assert reason(KilledAfterFork(), limit_s=60.0).startswith("The process that ran the network was ended by SIGKILL")
    assert reason(Killed(signal.SIGSEGV)) == "The process that ran the network was ended by SIGSEGV."
    assert reason(Sleeper(), limit_s=0.5) == (
        "No result after 0.5 s, so the process was killed: the network or the baseline hung or is too slow at these "
        "sizes; use smaller images, or more time (--seconds)."
    )
    assert resident.pid is None


def test_a_network_that_cannot_be_sent_says_so(resident: Resident) -> None:
    class Local(nn.Module):
        pass

    with pytest.raises(NetworkError, match="cannot be sent to a measuring process"):
        resident.ask(JOB, [Local()])


def test_strict_measures_in_a_fresh_process_whatever_lies_where_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise ImportError('not the library')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(strict, "PROCESSES", 1)
    steps: list[tuple[int, int]] = []
    found = Strict(sizes=[(8, 12)], rule=QUICK).measure(upscaler(), upscaler(), lambda *step: steps.append(step))
    assert found.latency_ms, found.reason
    assert steps == [(1, 1)]


OWNER = """
from nas.evaluate.latency import Screen
from tests.unit.evaluate.latency.networks import Tells, upscaler
Screen(sizes=[(8, 8)]).measure(Tells(), upscaler())
"""


def test_a_killed_measurer_frees_the_device_though_its_child_hangs_and_has_started_others(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    path = os.pathsep.join(filter(None, sys.path))
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER], env=os.environ | {"PYTHONPATH": path, Tells.VARIABLE: str(tmp_path / "pipe")}
    )
    child, fork, *runaways = map(int, (tmp_path / "pipe").read_text().split())
    assert os.getpgid(child) == child
    taken = threading.Thread(target=take_the_device, daemon=True)
    taken.start()
    taken.join(0.2)
    assert taken.is_alive()
    owner.kill()
    owner.wait()
    taken.join(5)
    freed = not taken.is_alive()
    for pid in runaways:  # in sessions of their own, so nobody else ends them
        os.kill(pid, signal.SIGKILL)
    assert freed
    assert ended(fork)


def ended(pid: int) -> bool:
    """Is the process gone, but for its parent's taking note?"""
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] in ("Z", "X")


def take_the_device() -> None:
    with lease.exclusive(device_record("cpu").uuid):
        pass
