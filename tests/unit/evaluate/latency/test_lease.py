import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nas.evaluate.latency import lease

DEVICE = "CPU-test"

HOLD = f"""
import importlib.util, subprocess, sys, time
found = importlib.util.spec_from_file_location("lease", {lease.__file__!r})  # its package would import torch
lease = importlib.util.module_from_spec(found)
found.loader.exec_module(lease)
with getattr(lease, sys.argv[1])(sys.argv[2]) as room:
    {{extra}}
    print("held", flush=True)
    time.sleep(600)
"""
FORK = "import os; child = os.fork(); child or time.sleep(600)"
SPAWN = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], stdout=subprocess.DEVNULL)"
INHERIT = (
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
    " stdout=subprocess.DEVNULL, pass_fds=[room]); print(child.pid, flush=True)"
)


@pytest.fixture
def holder() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts processes that hold the device; ends each with all its children."""
    started: list[subprocess.Popen[str]] = []

    def start(side: str, extra: str = "pass") -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLD.format(extra=extra), side, DEVICE]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        started.append(process)
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def acquired(side: str) -> threading.Event:
    """Set once a thread of this process has held the device and given it back."""
    done = threading.Event()

    def run() -> None:
        with getattr(lease, side)(DEVICE):
            done.set()

    threading.Thread(target=run, daemon=True).start()
    return done


def trainer_at_shut_turnstile() -> threading.Event:
    """Sends trainers until one has to wait behind a measurer."""
    deadline = time.monotonic() + 30
    while (trainer := acquired("shared")).wait(0.3):
        assert time.monotonic() < deadline, "the measurer never came to the turnstile"
    return trainer


def open_files(folder: Path) -> list[str]:
    """Files below a folder that this process has open."""
    found = []
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return [path for path in found if path.startswith(str(folder))]


def test_trainers_share_the_device() -> None:
    with lease.shared(DEVICE):
        assert acquired("shared").wait(30)


@pytest.mark.parametrize(
    ("held", "wanted"), [("exclusive", "shared"), ("exclusive", "exclusive"), ("shared", "exclusive")]
)
def test_a_measurer_is_alone(held: str, wanted: str) -> None:
    with getattr(lease, held)(DEVICE):
        waiting = acquired(wanted)
        assert not waiting.wait(0.2)
    assert waiting.wait(30)


def test_devices_do_not_wait_for_each_other() -> None:
    with lease.exclusive("CPU-other"):
        assert acquired("exclusive").wait(30)


def test_no_new_trainer_passes_a_waiting_measurer() -> None:
    with lease.shared(DEVICE):
        measurer = acquired("exclusive")
        late = trainer_at_shut_turnstile()
        assert not measurer.is_set()
        assert not late.is_set()
    assert measurer.wait(30)
    assert late.wait(30)


@pytest.mark.parametrize("side", ["shared", "exclusive"])
@pytest.mark.parametrize("extra", ["pass", FORK, SPAWN], ids=["alone", "forked child", "spawned child"])
def test_a_killed_holder_frees_the_device(holder: Callable[..., subprocess.Popen[str]], side: str, extra: str) -> None:
    process = holder(side, extra)
    assert line(process) == "held"
    waiting = acquired("exclusive")
    assert not waiting.wait(0.2)
    process.kill()
    assert waiting.wait(30)


def test_a_measuring_child_keeps_the_lease_it_was_given(holder: Callable[..., subprocess.Popen[str]]) -> None:
    process = holder("exclusive", INHERIT)
    child = int(line(process))
    assert line(process) == "held"
    process.kill()
    process.wait()
    waiting = acquired("exclusive")
    assert not waiting.wait(0.2)
    os.kill(child, signal.SIGKILL)
    assert waiting.wait(30)


def test_a_killed_waiter_opens_the_turnstile(holder: Callable[..., subprocess.Popen[str]]) -> None:
    with lease.shared(DEVICE):
        process = holder("exclusive")
        trainer = trainer_at_shut_turnstile()
        process.kill()
        assert trainer.wait(30)


def test_work_in_flight_is_settled_before_the_device_is_free() -> None:
    seen: list[bool] = []

    def settle() -> None:
        seen.append(acquired("exclusive").wait(0.2))

    with lease.shared(DEVICE, settle=settle):
        pass
    assert seen == [False]


def test_an_error_while_settling_still_frees_the_device() -> None:
    def settle() -> None:
        raise RuntimeError("the device is lost")

    with pytest.raises(RuntimeError, match="lost"), lease.exclusive(DEVICE, settle=settle):
        pass
    assert acquired("exclusive").wait(30)


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    with lease.shared(DEVICE), lease.exclusive("GPU-1"):
        assert len(open_files(tmp_path)) == 2
    assert open_files(tmp_path) == []


def test_a_folder_that_cannot_be_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(json.dumps({}))
    monkeypatch.setenv(lease.FOLDER_VARIABLE, str(tmp_path / "file" / "inside"))
    with pytest.raises(lease.LeaseError, match="Set NAS_LEASE_DIR"), lease.exclusive(DEVICE):
        pass


@pytest.mark.parametrize("runtime", [True, False])
def test_the_default_folder_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, runtime: bool) -> None:
    monkeypatch.delenv(lease.FOLDER_VARIABLE)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    if runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    else:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = lease.folder()
    assert path.parent == tmp_path
    assert path.stat().st_mode & 0o777 == 0o700
