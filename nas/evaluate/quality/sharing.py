"""The device of this machine, shared with whoever measures on it."""

from contextlib import AbstractContextManager

import torch

from nas.evaluate.latency import device_record, lease
from nas.evaluate.quality.turns import Turns


class SharedDevice:
    """A device that this process works on beside others, and stays off while somebody measures.

    Args:
        uuid: Its identity (``DeviceRecord.uuid``).
    """

    def __init__(self, uuid: str) -> None:
        self._uuid = uuid

    def shared(self) -> AbstractContextManager[object]:
        """Hold the device; waits while somebody measures."""
        return lease.shared(self._uuid)


def turns_on(device: str | torch.device) -> Turns:
    """Turns on a device of this machine, by its lease."""
    return Turns(device, SharedDevice(device_record(str(device)).uuid))
