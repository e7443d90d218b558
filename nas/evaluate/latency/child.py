"""The fresh process of a protocol: reads its job, does it, writes the answer.

Started by ``fresh.run_fresh`` as ``python -m nas.evaluate.latency.child FOLDER``.
"""

import json
import math
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nas.evaluate.latency.conditions import conditions_of
from nas.evaluate.latency.device import resolve
from nas.evaluate.latency.fresh import ANSWER, NETWORKS, REQUEST, Job
from nas.evaluate.latency.protocol import NetworkError, blaming
from nas.evaluate.latency.timers import timer_for
from nas.evaluate.latency.walk import walk
from nas.evaluate.latency.warmup import CANDIDATE, prepare, warm_up
from nas.evaluate.latency.window import calmest, windows_until_calm


def window(job: Job, networks: list[nn.Module]) -> dict[str, Any]:
    """Times a candidate beside a baseline: the calmest window, how many were void, peak memory."""
    device = resolve(job.device)
    timer = timer_for(device)
    rivals = prepare(networks[0], networks[1], settings=job.settings, shapes=job.shapes, device=device)
    peak_bytes = warm_up(timer, rivals)
    with blaming(CANDIDATE):
        windows = windows_until_calm(timer, rivals, job.rule, conditions_of(device))
    if invalid := windows[-1].invalid:
        raise NetworkError(invalid)
    voided = sum(each.void for each in windows)
    return {"window": asdict(calmest(windows)), "voided": voided, "peak_bytes": peak_bytes}


def walk_images(job: Job, networks: list[nn.Module]) -> dict[str, Any]:
    """Runs one network over every image once, in file order."""
    with blaming(job.who):
        return walk(networks[0], job.shapes, settings=job.settings, device=resolve(job.device))


WORKS: dict[str, Callable[[Job, list[nn.Module]], dict[str, Any]]] = {"window": window, "walk": walk_images}


def main(folder: Path) -> None:
    """Does the job in a folder; the alarm ends it even when the process that started it is gone."""
    job = Job.from_dict(json.loads((folder / REQUEST).read_text()))
    signal.alarm(math.ceil(job.limit_s))
    torch.set_num_threads(job.threads)
    networks = torch.load(folder / NETWORKS, weights_only=False)
    try:
        with job.settings.applied():
            answer = WORKS[job.work](job, networks)
    except NetworkError as error:
        answer = {"failed": str(error)}
    (folder / ANSWER).write_text(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
