"""What a worker does beside its search: says that it lives, and carries out exports."""

import logging
import os
import socket
import threading
import time
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from nas.errors import NasError
from nas.store import Store, exports, workers

LOG = logging.getLogger(__name__)
BEAT_S = 10.0
POLL_S = 1.0
EXPORT_LEASE_S = 600.0


def worker_name() -> str:
    """Return a name that no other worker has, and that tells people where it runs."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:6]}"


class Service:
    """Runs in a thread of its own until the block ends.

    Args:
        store: The store.
        name: The worker's name.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._name = store, name
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="service", daemon=True)

    def __enter__(self) -> Self:
        self._beat(None)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        try:
            with self._store.session() as session:
                workers.remove(session, self._name)
        except NasError as gone:
            LOG.warning("%s", gone)

    def _serve(self) -> None:
        devices, beaten = _describing(), 0.0
        while not self._over.wait(POLL_S):
            try:
                if time.monotonic() - beaten > BEAT_S:
                    self._beat(_answer(devices))
                    beaten = time.monotonic()
                self._export()
            except NasError as error:
                LOG.warning("%s", error)

    def _beat(self, devices: dict[str, Any] | None) -> None:
        with self._store.session() as session:
            workers.beat(session, self._name, devices)

    def _export(self) -> None:
        with self._store.session() as session:
            export = exports.claim(session, self._name, EXPORT_LEASE_S)
        if export is not None:
            from workers.exports import carry_out

            carry_out(self._store, export)


def describe_devices() -> dict[str, Any]:
    """Return the records of this machine's processor and GPUs, by uuid; runs in a process that may import torch."""
    import torch

    from nas.evaluate.latency import device_record

    names = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    records = [device_record(name) for name in names]
    return {record.uuid: record.to_dict() for record in records}


def _describing() -> Any:
    """Ask a process of Ray for the devices, so that this one need not import torch."""
    import ray

    return ray.remote(num_cpus=0, max_retries=0)(describe_devices).remote()


def _answer(reference: Any) -> dict[str, Any] | None:
    """Return the devices once they are known."""
    import ray

    done, _ = ray.wait([reference], timeout=0)
    answer: dict[str, Any] | None = ray.get(reference) if done else None
    return answer
