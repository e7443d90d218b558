"""Worker processes that a command starts beside itself, watches, and ends by their id."""

import ctypes
import signal
import subprocess
import sys
import threading
from types import TracebackType
from typing import IO, NoReturn, Self

from nas.cli.output import say

PATIENCE_S = 20.0
"""How long a worker may take to put its work down before it is killed."""
PR_SET_PDEATHSIG = 1
PAUSE_S = 5.0
"""Between the end of a worker that died and the start of its successor."""


class Workers:
    """Keeps ``count`` workers running until the block ends; one that dies is started again.

    Args:
        database: URL of the store they work on.
        count: How many.
        search: Id of the one search they work on; any without it.
        log: Where their words go; this process's stderr when absent.
    """

    def __init__(self, database: str, count: int, *, search: str | None = None, log: IO[bytes] | None = None) -> None:
        self._command = [sys.executable, "-m", "workers.main", "--database", database]
        self._command += ["--search", search] if search is not None else []
        self._count = count
        self._log = log
        self.deaths = 0
        """How many workers ended that nobody asked to."""
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=self._keep, daemon=True) for _ in range(self._count)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _keep(self) -> None:
        while not self._stopping.is_set():
            worker = self._start()
            while worker.poll() is None and not self._stopping.wait(0.2):
                continue
            if self._stopping.is_set():
                end(worker)
            else:
                self.deaths += 1
                say(f"The worker (process {worker.pid}) ended with status {worker.returncode}; starting another.")
                self._stopping.wait(PAUSE_S)

    def _start(self) -> subprocess.Popen[bytes]:
        # Its own session: Ctrl-C in a terminal reaches this process only, which then ends the worker in order.
        return subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=self._log or sys.stderr,
            stderr=self._log,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )


def interrupt(*_: object) -> NoReturn:
    """Answer a signal as Ctrl-C is answered."""
    raise KeyboardInterrupt


def end_with_parent() -> None:
    """Have the kernel send this process SIGTERM when its parent is killed, which can then end nothing in order."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def end(process: subprocess.Popen[bytes], patience_s: float = PATIENCE_S) -> None:
    """Ask ``process`` to end, and kill it when it has not within ``patience_s``."""
    process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        say(f"Process {process.pid} did not end within {patience_s:.0f} s; killing it.")
        process.kill()
        process.wait()
