"""``nas serve`` as processes: it says where it is, works, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

Served = tuple["subprocess.Popen[str]", httpx.Client]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A service with one worker on a free port, and a caller."""
    command = [sys.executable, "-m", "nas.cli", "serve", "--port", "0", "--database", f"sqlite:///{tmp_path}/nas.db"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NAS_")}
    process = subprocess.Popen(
        command, env=clean, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    try:
        with httpx.Client(base_url=process.stdout.readline().strip(), trust_env=False, timeout=120) as client:
            yield process, client
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=300)


def children(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    """All processes that it started, and those they started."""
    return psutil.Process(process.pid).children(recursive=True)


def wait_for_worker(process: "subprocess.Popen[str]", other_than: int = 0) -> psutil.Process:
    """The service's worker, once there is one."""
    for _ in range(3000):
        found = [one for one in psutil.Process(process.pid).children() if one.pid != other_than and one.is_running()]
        if found and found[0].status() != psutil.STATUS_ZOMBIE:
            return found[0]
        time.sleep(0.1)
    raise AssertionError("no worker was started")


def test_the_printed_address_answers(served: Served) -> None:
    _, client = served

    assert client.get("/readyz").json() == {"status": "ok"}
    assert "<html" in client.get("/").text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_service_and_all_it_started(served: Served, number: int) -> None:
    process, client = served
    wait_for_worker(process)
    client.get("/healthz")
    family = children(process)
    process.send_signal(number)
    _, words = process.communicate(timeout=300)

    assert process.returncode == 0, words
    assert words.strip().endswith("Stopped.")
    assert psutil.wait_procs(family, timeout=120)[1] == []


def test_a_killed_worker_is_replaced(served: Served) -> None:
    process, client = served
    worker = wait_for_worker(process)
    worker.kill()

    assert wait_for_worker(process, other_than=worker.pid).pid != worker.pid
    assert client.get("/healthz").status_code == 200


def test_a_port_that_is_taken_is_one_sentence(served: Served, tmp_path: Path) -> None:
    _, client = served
    port = str(client.base_url.port)
    command = [sys.executable, "-m", "nas.cli", "serve", "--port", port, "--database", f"sqlite:///{tmp_path}/two.db"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)

    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.strip().splitlines()) == 1
    assert port in result.stderr
