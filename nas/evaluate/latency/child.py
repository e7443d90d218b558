"""The measuring process: takes jobs from the process that started it, one after the other, and answers.

Started by ``process.Measurer`` as ``python -P -m nas.evaluate.latency.child DESCRIPTOR``. It ends when that process
does, so that neither a hung network nor a lease outlives who asked for it.
"""

import gc
import io
import json
import math
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from pathlib import Path

import torch
from torch import Tensor, nn

from nas.evaluate.latency import lease
from nas.evaluate.latency.conditions import conditions_of
from nas.evaluate.latency.device import resolve
from nas.evaluate.latency.energy import energy_of_image_mj
from nas.evaluate.latency.failures import NetworkError, blaming
from nas.evaluate.latency.heap import huge_pages_mb, keep_freed_memory
from nas.evaluate.latency.job import Answer, Job
from nas.evaluate.latency.probe import probe_mhz
from nas.evaluate.latency.readings import Reading, unavailable
from nas.evaluate.latency.replay import replay_ms
from nas.evaluate.latency.timers import Sample, Timer, timer_for
from nas.evaluate.latency.walk import walk
from nas.evaluate.latency.warmup import BASELINE, CANDIDATE, Prepared, prepare, warm_up
from nas.evaluate.latency.window import windows_until_calm

_EXTRAS = unavailable("unsupported: measured by the screen protocol and by the first process of the strict one")

_NOT_EAGER = unavailable("unsupported: a graph tells the host's share of an eager run only")

_NO_CPU = unavailable("unsupported: not a CPU")


def window(job: Job, networks: Sequence[nn.Module]) -> Answer:
    """Times a candidate beside a baseline: windows until one is calm, peak memory, energy, a CUDA graph."""
    device = resolve(job.device)
    prepared = prepare(networks[0], networks[1], settings=job.settings, shapes=job.shapes, device=device)
    timer = _BlamingTimer(timer_for(device), prepared.rivals.baseline)
    peak_bytes = warm_up(timer, prepared)
    with blaming("Measuring"):
        wall_s, busy_s = time.monotonic(), time.process_time()
        windows = windows_until_calm(timer, prepared.rivals, job.rule, conditions_of(device))
        share = (time.process_time() - busy_s) / ((time.monotonic() - wall_s) * job.threads)
        return {
            "windows": [asdict(window) for window in windows],
            "peak_bytes": peak_bytes,
            "cpu_share": share if device.type == "cpu" else None,
            "huge_pages_mb": huge_pages_mb() if device.type == "cpu" else _NO_CPU,
            **_extras(job, timer, prepared, device),
        }


class _BlamingTimer:
    """Times as another timer does; an error names the network that ran."""

    def __init__(self, timer: Timer, baseline: nn.Module) -> None:
        self._timer = timer
        self._baseline = baseline

    def time(self, network: nn.Module, image: Tensor) -> Sample:
        try:  # costs nothing, unlike a context around each sample
            return self._timer.time(network, image)
        except Exception:
            with blaming(BASELINE if network is self._baseline else CANDIDATE):
                raise

    def peak_bytes(self, network: nn.Module, image: Tensor) -> int:
        return self._timer.peak_bytes(network, image)


def _extras(job: Job, timer: Timer, prepared: Prepared, device: torch.device) -> dict[str, Reading]:
    if not job.extras:
        return {"energy_mj": _EXTRAS, "graph_ms": _EXTRAS}
    energy = energy_of_image_mj(timer, prepared.rivals, device)
    if device.type == "cuda" and job.settings.engine != "eager":
        return {"energy_mj": energy, "graph_ms": _NOT_EAGER}
    with blaming(CANDIDATE):
        return {"energy_mj": energy, "graph_ms": replay_ms(timer, prepared, device)}


def walk_images(job: Job, networks: Sequence[nn.Module]) -> Answer:
    """Runs one network over every image once, in file order."""
    with blaming(job.who):
        return walk(networks[0], job.shapes, settings=job.settings, device=resolve(job.device), who=job.who)


WORKS: dict[str, Callable[[Job, Sequence[nn.Module]], Answer]] = {"window": window, "walk": walk_images}


def here(job: Job, networks: Sequence[nn.Module], lease: int | None = None) -> Answer:  # noqa: ARG001
    """Does a job in this process, without a limit; for processes that are fresh themselves, and for tests.

    Raises:
        NetworkError: A network cannot be measured.
    """
    keep_freed_memory()
    device, threads = resolve(job.device), torch.get_num_threads()
    torch.set_num_threads(job.threads)
    try:
        with job.settings.applied():
            probe = [probe_mhz(device)]
            answer = WORKS[job.work](job, networks)
            return answer | {"probe_mhz": [*probe, probe_mhz(device)]}
    finally:
        torch.set_num_threads(threads)


def answered(job: Job, networks: bytes) -> Answer:
    """The answer of a job, or why there is none."""
    try:
        with blaming(CANDIDATE):
            received = torch.load(io.BytesIO(networks), weights_only=False)
        return here(job, received)
    except NetworkError as error:
        return {"failed": str(error)}


@contextmanager
def _limited(limit_s: float) -> Iterator[None]:
    """The kernel ends this process some seconds after the limit, should its owner not."""
    signal.alarm(math.ceil(limit_s) + 10)
    yield
    signal.alarm(0)


@contextmanager
def _leased(connection: Connection, leased: bool) -> Iterator[None]:
    with lease.received(recv_handle(connection)) if leased else nullcontext():
        yield


def usable(device: torch.device) -> bool:
    """Waits for work in flight and gives memory back; False when a network has ruined the device's context."""
    gc.collect()
    if device.type == "cuda":
        try:
            torch.cuda.synchronize(device)
            torch.cuda.empty_cache()
        except RuntimeError:
            return False
    return True


def serve(connection: Connection) -> None:
    """Does jobs until the other side closes, or a network has ruined this process."""
    connection.send_bytes(b"ready")
    while True:
        try:
            document = json.loads(connection.recv_bytes())
            networks = connection.recv_bytes()
        except EOFError:
            return
        leased = document.pop("leased")
        job = Job.from_dict(document)
        with _limited(job.limit_s), _leased(connection, leased):
            answer = answered(job, networks)
            last = not usable(resolve(job.device))
        connection.send_bytes(json.dumps(answer | {"last": last}).encode())
        if last:
            return


def _end_with(descriptor: int) -> None:
    """Ends this process, and what a network started in it, once the other end of a socket is gone."""
    poll = select.poll()
    poll.register(descriptor, 0)  # asks for no other event than that
    poll.poll()
    if os.getsid(0) == os.getpid():  # else others are in its group
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def main(descriptor: int) -> None:
    """Serves the process at the other end of a socket."""
    with suppress(OSError):  # when memory runs out, the kernel shall take this process and not its owner
        Path("/proc/self/oom_score_adj").write_text("1000")
    connection = Connection(descriptor)
    os.set_inheritable(descriptor, False)
    os.register_at_fork(after_in_child=connection.close)  # its owner must see when this process, not a fork, has ended
    threading.Thread(target=_end_with, args=(descriptor,), daemon=True).start()
    serve(connection)


if __name__ == "__main__":
    main(int(sys.argv[1]))
