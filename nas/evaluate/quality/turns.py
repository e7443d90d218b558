"""Work on a device in pieces, so that whoever wants to measure there gets his turn between any two of them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from nas.evaluate.quality.progress import Lease

if TYPE_CHECKING:
    import torch

Point = Callable[[], None]
"""Called in the middle of long work, where the device may be given to somebody else."""


def undisturbed() -> None:
    """The lease point of work that nobody waits for."""


class _Thread(threading.local):
    """What each thread holds."""

    def __init__(self) -> None:
        self.holds = False
        self.held = ExitStack()


_thread = _Thread()


def expect_free() -> None:
    """Refuse to go on where this thread holds a device, for work that asks for it, be it in other threads.

    Raises:
        RuntimeError: it holds one.
    """
    if _thread.holds:
        raise RuntimeError("A device is asked for by work that holds it; a measurer would block it for ever.")


class Turns:
    """A device that this process holds for a piece of work at a time.

    Nobody holds it twice: a measurer who waits lets in nobody new, so whoever holds the device and asks for it again
    would wait for the measurer, who waits for him.

    Args:
        device: Where the work is done; nothing of it is in flight when the device is given back.
        lease: How the device is held; None where nobody measures.
    """

    def __init__(self, device: "str | torch.device", lease: Lease | None = None) -> None:
        self._device, self._lease = str(device), lease

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold the device for a piece of work; waits while somebody measures.

        Raises:
            RuntimeError: this thread holds a device already.
        """
        expect_free()
        self._take()
        try:
            yield
        finally:
            self._give()

    def point(self) -> None:
        """Give the device back and take it again, within ``taken``."""
        if not _thread.holds:
            raise RuntimeError("A device is given back by work that does not hold it.")
        self._give()
        self._take()

    def _take(self) -> None:
        if self._lease is not None:
            _thread.held.enter_context(self._lease.shared())
        _thread.holds = True

    def _give(self) -> None:
        _thread.holds = False
        with _thread.held:
            if self._lease is not None and self._device.startswith("cuda"):
                import torch

                torch.cuda.synchronize(self._device)
