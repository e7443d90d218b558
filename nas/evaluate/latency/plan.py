"""Where, on what and how a protocol measures; what all protocols share."""

import platform
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import torch

from nas.errors import RequestError
from nas.evaluate.latency import cpu, engines, lease
from nas.evaluate.latency.device import DeviceRecord, device_record, resolve
from nas.evaluate.latency.environment import platform_of, system
from nas.evaluate.latency.failures import NetworkError
from nas.evaluate.latency.job import Job
from nas.evaluate.latency.measurement import CODE_VERSION, Measurement, measurement_key
from nas.evaluate.latency.readings import number, why_not
from nas.evaluate.latency.report import with_reasons
from nas.evaluate.latency.settings import Settings
from nas.evaluate.latency.shapes import Shape, default_shapes, shapes_of
from nas.evaluate.latency.statistics import StopRule

_BUILDING_S = 600.0
"""Time on top of a limit for engines that compile."""

LeaseOf = Callable[[], AbstractContextManager[int | None]]
"""Makes the context in which to measure; its value is the lease's descriptor, for a child to inherit."""


class Plan:
    """Device, images and settings of a protocol.

    Args:
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``.
        sizes: (height, width) of the low-resolution images; None takes the challenge's validation set on a GPU and
            the same mix with sides of at most 96 pixels on a CPU.
        settings: Precision, layout and engine.
        threads: Of the processor; None takes torch's.
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
        threads: int | None = None,
        lease: LeaseOf | None = None,
    ) -> None:
        if threads is not None and threads < 1:
            raise RequestError(f"Cannot measure with {threads} threads; use at least 1.")
        self.device = resolve(device)
        self.settings = settings or Settings()
        self.threads = threads or torch.get_num_threads()
        engines.check(self.settings, self.device)
        self.shapes: tuple[Shape, ...] = default_shapes(self.device.type) if sizes is None else shapes_of(sizes)
        self.lease = lease or self._alone

    def key(self, protocol: str, deployed_hash: str, baseline_hash: str, *, rule: StopRule | None) -> str:
        """The key of a measurement, known before measuring; ``rule`` ends the protocol's windows, if it has any."""
        return measurement_key(
            deployed_hash,
            baseline_hash=baseline_hash,
            protocol=protocol,
            device=device_record(str(self.device)),
            settings=self.settings,
            threads=self.threads,
            shapes=self.shapes,
            rule=rule,
        )

    def measured(
        self,
        protocol: str,
        work: Callable[[Measurement, int | None], Measurement],
        *,
        rule: StopRule | None = None,
    ) -> Measurement:
        """Does the work of a protocol with the device leased; a network at fault gives a failed measurement.

        Args:
            protocol: Its id.
            work: Fills in a measurement without numbers; gets the lease's descriptor, None when the caller holds it.
            rule: When its windows end, if it has any.
        """
        load = cpu.load()
        with self.lease() as held:
            begin, facts = time.monotonic(), self.facts(protocol, load=number(load), rule=rule)
            try:
                found = work(facts, held)
            except NetworkError as error:
                found = replace(facts, reason=str(error))
            seconds = round(time.monotonic() - begin, 3)
            return with_reasons(replace(found, device=self._record(), seconds=seconds), load=why_not(load))

    def facts(self, protocol: str, *, load: float | None, rule: StopRule | None = None) -> Measurement:
        """A measurement that starts now and has no numbers yet."""
        record = self._record()
        return Measurement(
            protocol=protocol,
            status="failed",
            reason="",
            device=record,
            device_before=record,
            settings=self.settings,
            engine_version=engines.engine_version(self.settings.engine, self.device.type),
            threads=self.threads,
            shapes=self.shapes,
            started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            seconds=0.0,
            load=load,
            code_version=CODE_VERSION,
            python=platform.python_version(),
            system=system(),
            rule=rule,
            platform=platform_of(record.kind),
        )

    def job(self, work: str, **parts: Any) -> Job:
        """A job for a measuring process; ``parts`` are the fields of ``Job`` that depend on the protocol."""
        fields: dict[str, Any] = {"device": str(self.device), "settings": self.settings, "shapes": self.shapes}
        return Job(**fields | {"work": work, "threads": self.threads} | parts)

    def limit_s(self, wanted: float | None, usual: float) -> float:
        """Seconds that one process may take; engines that build a network first get longer."""
        return wanted or usual + (_BUILDING_S if self.settings.engine in engines.SLOW_TO_BUILD else 0.0)

    def _record(self) -> DeviceRecord:
        record = device_record(str(self.device))
        return replace(record, threads=self.threads) if record.kind == "cpu" else record

    def _alone(self) -> AbstractContextManager[int]:
        return lease.exclusive(device_record(str(self.device)).uuid)
