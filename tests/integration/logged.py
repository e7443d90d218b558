"""A fast backend for workers under test: numbers from a table, and a log outside the store of what was started.

A file ``hold-latency`` or ``hold-quality`` beside the log stops every evaluation of that kind, but the latencies of
published systems, until it is removed: so a test meets the worker in the middle of one however slow the machine is.
"""

import json
import os
import signal
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

from nas.costing import cost
from nas.language import Architecture, system_names
from workers.jobs import Job, Latency, Progress, Quality

LOG, PAUSE_S, DIE_ONCE = "NAS_TEST_LOG", "NAS_TEST_PAUSE_S", "NAS_TEST_DIE_ONCE"
"""Environment: the log, how long an evaluation takes, and a file that is made by the process that then kills itself."""


def backend(job: Job) -> "Logged":
    """Return the backend; where it writes and how long it takes is in the environment."""
    return Logged(job, Path(os.environ[LOG]), float(os.environ.get(PAUSE_S, "0.05")))


class Logged:
    """See ``workers.jobs.Backend``."""

    def __init__(self, job: Job, log: Path, pause_s: float) -> None:
        self._job, self._log, self._pause_s = job, log, pause_s

    def facts(self) -> dict[str, Any]:
        """Say where the numbers come from."""
        return {"protocol": "table", "device": {"uuid": "table", "name": "table", "kind": "table"}}

    def latency_key(self, architecture: Architecture) -> str:
        """Return the key of an equal measurement."""
        return f"latency {architecture.deployed_hash}"

    def latency_setup(self) -> str:
        """Return what all measurements share."""
        return "latency"

    def latency(self, architecture: Architecture) -> Latency:
        """Give a latency that grows with the FLOPs."""
        if architecture.name not in system_names():
            self._take_time("latency")
        ratio = cost(architecture).flops / 16.7e9 * (0.8 + 0.4 * _noise(architecture, "latency"))
        metrics = {"latency_ms": 20 * ratio, "latency_ratio": ratio}
        return Latency(metrics, "table", "table", "ok", 20 * ratio, ratio)

    def quality_key(self, architecture: Architecture, rung: int) -> str:
        """Return the key of an equal training."""
        return json.dumps([architecture.hash, self._job.recipe["name"], self._job.seed, rung])

    def quality(self, architecture: Architecture, rung: int, progress: Progress) -> Quality:
        """Note the start, take some time, and give a PSNR that grows with size and training."""
        with self._log.open("a") as log:
            log.write(self.quality_key(architecture, rung) + "\n")
        self._take_time("quality")
        self._perhaps_die()
        progress({"step": self._job.rungs[rung], "steps": self._job.rungs[-1], "patches_per_second": 1.0})
        size = min(1.0, cost(architecture).params / 100_000)
        psnr_db = 23 + size + 0.5 * rung + 0.3 * _noise(architecture, "psnr")
        return Quality({"psnr_db": psnr_db}, psnr_db, self._job.rungs[rung], "table", "table", "1")

    def _take_time(self, kind: str) -> None:
        time.sleep(self._pause_s)
        while self._log.with_name(f"hold-{kind}").exists():
            time.sleep(0.01)

    def _perhaps_die(self) -> None:
        marker = os.environ.get(DIE_ONCE)
        if marker and not Path(marker).exists():
            Path(marker).touch()
            os.kill(os.getpid(), signal.SIGKILL)

    def forget(self, architecture: Architecture) -> None:
        """Nothing is kept."""


def _noise(architecture: Architecture, salt: str) -> float:
    return int(sha256(f"{salt}{architecture.hash}".encode()).hexdigest()[:8], 16) / 2**32
