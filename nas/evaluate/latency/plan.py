"""Where, on what and how a protocol measures; what all protocols share."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import torch

from nas.evaluate.latency import cpu, lease
from nas.evaluate.latency.device import device_record, resolve
from nas.evaluate.latency.measurement import Measurement, measurement_key
from nas.evaluate.latency.protocol import NetworkError
from nas.evaluate.latency.readings import number
from nas.evaluate.latency.settings import Settings
from nas.evaluate.latency.shapes import default_shapes, shapes_of

LeaseOf = Callable[[], AbstractContextManager[int | None]]
"""Makes the context in which to measure; its value is the lease's descriptor, for a child to inherit."""


class Plan:
    """Device, images and settings of a protocol.

    Args:
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``.
        sizes: (height, width) of the low-resolution images; None takes the challenge's validation set on a GPU and
            the same mix with sides of at most 96 pixels on a CPU.
        settings: Precision, layout and engine.
        lease: For a caller that holds the device already (``contextlib.nullcontext``); None takes the device alone
            through its lease.

    Raises:
        RequestError: The device, a size or the precision cannot be.
    """

    def __init__(
        self,
        device: str,
        *,
        sizes: Sequence[tuple[int, int]] | None,
        settings: Settings | None,
        lease: LeaseOf | None,
    ) -> None:
        self.device = resolve(device)
        self.settings = settings or Settings()
        self.settings.check(self.device)
        self.shapes = default_shapes(self.device.type) if sizes is None else shapes_of(sizes)
        self.lease = lease or self._alone

    def key(self, protocol: str, deployed_hash: str, baseline_hash: str) -> str:
        """The key of a measurement, known before measuring."""
        return measurement_key(
            deployed_hash,
            baseline_hash=baseline_hash,
            protocol=protocol,
            device=device_record(str(self.device)),
            settings=self.settings,
            shapes=self.shapes,
        )

    def measured(self, protocol: str, work: Callable[[Measurement, int | None], Measurement]) -> Measurement:
        """Does the work of a protocol with the device leased; a network at fault gives a failed measurement.

        Args:
            protocol: Its id.
            work: Fills in a measurement without numbers; gets the lease's descriptor, None when the caller holds it.
        """
        load = number(cpu.load())
        with self.lease() as held:
            begin, facts = time.monotonic(), self.facts(protocol, load=load)
            try:
                found = work(facts, held)
            except NetworkError as error:
                found = replace(facts, reason=str(error))
            record = device_record(str(self.device))
            return replace(found, device=record, seconds=round(time.monotonic() - begin, 3))

    def facts(self, protocol: str, *, load: float | None) -> Measurement:
        """A measurement that starts now and has no numbers yet."""
        return Measurement(
            protocol=protocol,
            status="failed",
            reason="",
            device=device_record(str(self.device)),
            settings=self.settings,
            threads=torch.get_num_threads(),
            shapes=self.shapes,
            started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            seconds=0.0,
            load=load,
        )

    def _alone(self) -> AbstractContextManager[int]:
        record = device_record(str(self.device))
        return lease.exclusive(record.uuid, settle=partial(settle, self.device))


def settle(device: torch.device) -> None:
    """Waits for a device's work in flight and gives its memory back; a lost context has nothing in flight."""
    if device.type == "cuda":
        with suppress(torch.AcceleratorError):
            torch.cuda.synchronize(device)
            torch.cuda.empty_cache()
