"""The device that ``nas measure`` measures on, held by this process alone from the last look into the store on."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import cached_property

from nas.evaluate.latency import lease
from nas.evaluate.latency.device import DeviceRecord, device_record

Waiting = Callable[[str], AbstractContextManager[None]]
"""Tells people the reason of a wait while it lasts."""


class Alone:
    """A device, and its lease while this process holds it.

    Args:
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._descriptor: int | None = None

    @cached_property
    def _record(self) -> DeviceRecord:
        return device_record(self._device)

    @contextmanager
    def held(self, waiting: Waiting) -> Iterator[None]:
        """Hold the device; waits while another process measures or trains on it."""
        with ExitStack() as taken:
            taken.callback(setattr, self, "_descriptor", None)
            with waiting(f"waiting for {self._record.name}, on which another process measures or trains"):
                self._descriptor = taken.enter_context(lease.exclusive(self._record.uuid))
            yield

    def lease(self) -> AbstractContextManager[int | None]:
        """What a protocol takes as its lease: that the device is held already, and by which descriptor."""
        return nullcontext(self._descriptor)
