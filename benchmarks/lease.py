"""How long a measurer waits for a device that four trainers share, and what the lease costs the trainers.

Trainers hold the shared side in chunks of 0.2 s. The measurer takes the exclusive side 50 times in a row; no wait may
exceed 1 s. Afterwards nobody measures, and the trainers may lose at most 5 % of their time to the lease.
"""

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from multiprocessing.synchronize import Event, Semaphore

from nas.evaluate.latency import lease
from nas.evaluate.latency.device import cpu_record

TRAINERS = 4
CHUNK_S = 0.2
MOST_WAIT_S = 1.0
MOST_LOSS = 0.05
DEVICE = "benchmark"


def train(ready: Semaphore, stop: Event, losses: "multiprocessing.Queue[float]") -> None:
    """Holds the device in chunks; reports the share of time that the lease took."""
    with lease.shared(DEVICE):
        ready.release()
    begin, worked = time.perf_counter(), 0.0
    while not stop.is_set():
        with lease.shared(DEVICE):
            inside = time.perf_counter()
            time.sleep(CHUNK_S)
            worked += time.perf_counter() - inside
    losses.put(1.0 - worked / (time.perf_counter() - begin))


def with_trainers(seconds: float = 0.0, turns: int = 0) -> tuple[list[float], list[float]]:
    """Waits of a measurer for each of its turns, and the trainers' losses, while the trainers run."""
    context = multiprocessing.get_context("spawn")
    ready, stop, losses = context.Semaphore(0), context.Event(), context.Queue()
    trainers = [context.Process(target=train, args=(ready, stop, losses)) for _ in range(TRAINERS)]
    for trainer in trainers:
        trainer.start()
    for _ in trainers:
        ready.acquire()
    time.sleep(2.0 * CHUNK_S)
    waits = [wait_once() for _ in range(turns)]
    time.sleep(seconds)
    stop.set()
    shares = [losses.get() for _ in trainers]
    for trainer in trainers:
        trainer.join()
    return waits, shares


def wait_once() -> float:
    """Seconds until the measurer has the device; it keeps it for 10 ms."""
    begin = time.perf_counter()
    with lease.exclusive(DEVICE):
        waited = time.perf_counter() - begin
        time.sleep(0.01)
    return waited


def main() -> int:
    """Prints the table and the RESULT line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute: 20 turns and 5 s without a measurer")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as folder:
        os.environ[lease.FOLDER_VARIABLE] = folder
        waits, _ = with_trainers(turns=20 if quick else 50)
        _, losses = with_trainers(seconds=5.0 if quick else 30.0)
    figures = {
        "trainers": TRAINERS,
        "chunk_s": CHUNK_S,
        "turns": len(waits),
        "longest_wait_s": round(max(waits), 4),
        "mean_wait_s": round(sum(waits) / len(waits), 4),
        "largest_loss": round(max(losses), 5),
        "load": os.getloadavg()[0],
    }
    for name, value in figures.items():
        print(f"{name:>16}  {value}")
    passed = max(waits) <= MOST_WAIT_S and max(losses) <= MOST_LOSS
    result = {"name": "lease", "device": cpu_record().name, "pass": passed, "figures": figures}
    print("RESULT", json.dumps(result))
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
