"""Real worker processes under test: started, watched through the store, stopped and killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from nas import requests
from nas.store import Quality, Store, searches, trials
from nas.store.tables import Trial
from tests.integration.logged import DIE_ONCE, LOG, PAUSE_S

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 300.0


@dataclass
class Worker:
    """One worker after another on the same store; all write to the same log.

    Args:
        url: The store.
        folder: Where the logs are.
        pause_s: How long one evaluation takes.
        die_once: The first process that trains kills itself in the middle.
    """

    url: str
    folder: Path
    pause_s: float = 0.15
    die_once: bool = False
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start a worker process."""
        environment = {**os.environ, LOG: str(self.log), PAUSE_S: str(self.pause_s), "PYTHONPATH": str(ROOT)}
        if self.die_once:
            environment[DIE_ONCE] = str(self.folder / "died")
        options = ["--database", self.url, "--lease-s", "2", "--scratch", str(self.folder)]
        command = [sys.executable, "-m", "workers.main", "--evaluator", "tests.integration.logged:backend", *options]
        with (self.folder / "worker.err").open("ab") as errors:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=errors, stderr=errors, start_new_session=True
            )

    @property
    def log(self) -> Path:
        """Lines of what was started."""
        return self.folder / "started.log"

    def started(self) -> list[str]:
        """The keys of all trainings that were started so far."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    @contextmanager
    def holding(self, kind: str) -> Iterator[None]:
        """Let no evaluation of a kind, ``latency`` or ``quality``, end before the block does."""
        hold = self.log.with_name(f"hold-{kind}")
        hold.touch()
        try:
            yield
        finally:
            hold.unlink()

    def send(self, number: signal.Signals) -> None:
        """Send the worker process itself a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """Kill the worker process, as a crash or the kernel would."""
        self.send(signal.SIGKILL)
        self.ended()

    def ended(self) -> int:
        """Wait until the process has ended; return its status."""
        assert self.process is not None
        return self.process.wait(PATIENCE_S)

    def errors(self) -> str:
        """What the workers said."""
        path = self.folder / "worker.err"
        return path.read_text() if path.exists() else ""


def until(condition: Callable[[], bool], worker: Worker, *, pause_s: float = 0.005) -> None:
    """Wait for a condition; fail with the worker's own words when it does not come true."""
    limit = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > limit or " failed: " in worker.errors():
            raise AssertionError(f"waited {PATIENCE_S:.0f} s in vain; the worker said:\n{worker.errors()}")
        time.sleep(pause_s)


def queue(store: Store, *, trials: int = 20, sampler: str = "tpe") -> str:
    """Queue a search of the span space; return its id."""
    request = requests.parse({"space": "span", "trials": trials, "sampler": sampler})
    with store.session() as session:
        return searches.create(session, request.model_dump(mode="json")).id


def status(store: Store, search_id: str) -> str:
    """The status of a search."""
    with store.reading() as session:
        return searches.get(session, search_id).status


def rows(store: Store, search_id: str) -> list[Trial]:
    """The trials of a search."""
    with store.reading() as session:
        return list(trials.every(session, search_id))


def finished(store: Store) -> set[str]:
    """The keys of all trainings whose result is in the store."""
    with store.reading() as session:
        return set(session.execute(select(Quality.key)).scalars())
