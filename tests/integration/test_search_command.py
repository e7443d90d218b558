"""``nas search`` in a terminal: Ctrl-C pauses it, ``nas resume`` goes on, ``nas cancel`` ends it, and nothing stays."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from nas.store import Store, searches
from tests.tiny import RECIPE

Terminal = tuple[Path, str]


@pytest.fixture
def terminal(tmp_path: Path, sqlite_url: str) -> Iterator[Terminal]:
    """A folder with a small recipe, and a store; what a test leaves running is ended."""
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    yield tmp_path, sqlite_url
    left = [one for one in psutil.Process().children(recursive=True) if "nas.cli" in " ".join(one.cmdline())]
    for process in left:
        process.terminate()
    psutil.wait_procs(left, timeout=300)


def started(terminal: Terminal, *arguments: str) -> "subprocess.Popen[str]":
    where, url = terminal
    return subprocess.Popen(
        [sys.executable, "-m", "nas.cli", *arguments],
        cwd=where,
        env={**os.environ, "NAS_DATABASE": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(url: str, status: str) -> str:
    """Wait until the newest search has ``status`` and return its id."""
    with Store(url) as store:
        for _ in range(3000):
            with store.reading() as session:
                found = searches.page(session, limit=1).items
            if found and found[0].status == status:
                return found[0].id
            time.sleep(0.1)
    raise AssertionError(f"no search became {status}")


def status_of(url: str, search_id: str) -> str:
    with Store(url) as store, store.reading() as session:
        return searches.get(session, search_id).status


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_search_is_paused_resumed_and_cancelled_from_terminals(terminal: Terminal) -> None:
    _, url = terminal
    first = started(terminal, "search", "span", "--trials", "500", "--recipe", "tiny.yaml", "--device", "cpu")
    search_id = wait_for(url, "running")
    family = psutil.Process(first.pid).children(recursive=True)
    first.send_signal(signal.SIGINT)
    out, words = first.communicate(timeout=300)

    assert (first.returncode, out) == (130, "")
    assert f"nas resume {search_id}" in words
    assert status_of(url, search_id) == "paused"
    assert psutil.wait_procs(family, timeout=120)[1] == []

    second = started(terminal, "resume", "last", "--json")
    wait_for(url, "running")
    third = started(terminal, "cancel", search_id)
    third.communicate(timeout=300)
    out, words = second.communicate(timeout=300)

    assert (second.returncode, third.returncode) == (0, 0), words
    assert json.loads(out)["search"] == search_id
    assert status_of(url, search_id) == "cancelled"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_killed_command_takes_its_worker_along(terminal: Terminal) -> None:
    _, url = terminal
    process = started(terminal, "search", "span", "--trials", "500", "--recipe", "tiny.yaml", "--device", "cpu")
    wait_for(url, "running")
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate(timeout=300)

    assert family
    assert psutil.wait_procs(family, timeout=300)[1] == []
