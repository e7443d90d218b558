"""Who may use a device now: many trainers at once, or one measurer alone.

Two file locks (flock) for each device make a fair reader-writer lock. Everybody passes the turnstile to reach the
room. A measurer keeps the turnstile shut while it waits for the room to empty, so no new trainer gets in before it;
trainers who wait for the measurer to leave keep the turnstile from the next measurer. The kernel frees a lock when the
last process that holds its descriptor dies, so nothing is left behind by ``kill -9``.
"""

import errno
import fcntl
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from nas.errors import MeasurementError

FOLDER_VARIABLE = "NAS_LEASE_DIR"
"""Environment variable that names the folder of the locks; all users of one device must agree on it."""

_held: set[int] = set()
"""Descriptors of this process's leases, for its forked children to close."""


class LeaseError(MeasurementError):
    """A device's lock cannot be used."""


def folder() -> Path:
    """Folder of the lock files; made at first use, for this user alone.

    Raises:
        LeaseError: It cannot be made, or belongs to somebody else.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    path = Path(named) if named else _own_folder()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LeaseError(f"Cannot make the lease folder {path}: {error}. Set {FOLDER_VARIABLE}.") from error
    if not named and path.stat().st_uid != os.getuid():
        raise LeaseError(f"The lease folder {path} belongs to another user. Set {FOLDER_VARIABLE} to one of yours.")
    return path


def _own_folder() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.access(runtime, os.W_OK):
        return Path(runtime) / "nas-leases"
    return Path(tempfile.gettempdir()) / f"nas-leases-{os.getuid()}"


def shared(uuid: str, *, settle: Callable[[], None] | None = None) -> AbstractContextManager[int]:
    """Use a device beside others; hold it for chunks of at most 2 s, so that a measurer gets its turn.

    Args:
        uuid: The device's identity (``DeviceRecord.uuid``).
        settle: Called before the lease is given back, to wait for work in flight (``torch.cuda.synchronize``).

    Returns:
        A context manager that waits for the lease; its value is the lock's descriptor.
    """
    return _lease(uuid, fcntl.LOCK_SH, settle)


def exclusive(uuid: str, *, settle: Callable[[], None] | None = None) -> AbstractContextManager[int]:
    """Use a device alone, once everybody who has it now gave it back.

    A child that goes on measuring inherits the lease on purpose: pass the descriptor in ``pass_fds``.
    The arguments and the value are those of ``shared``.
    """
    return _lease(uuid, fcntl.LOCK_EX, settle)


@contextmanager
def _lease(uuid: str, mode: int, settle: Callable[[], None] | None) -> Iterator[int]:
    with _descriptor(uuid, "room") as room:
        with _descriptor(uuid, "turnstile") as turnstile:
            _lock(turnstile, mode)
            _lock(room, mode)
        try:
            yield room
        finally:
            if settle is not None:
                settle()


@contextmanager
def _descriptor(uuid: str, which: str) -> Iterator[int]:
    """An open lock file; closing it gives its lock back."""
    path = folder() / f"{re.sub(r'[^A-Za-z0-9-]', '_', uuid)}.{which}"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LeaseError(f"Cannot open the lease file {path}: {error}. Set {FOLDER_VARIABLE}.") from error
    with received(descriptor):
        yield descriptor


@contextmanager
def received(descriptor: int) -> Iterator[None]:
    """Holds a lease that another process sent, and gives it back; what this process starts or forks never has it."""
    os.set_inheritable(descriptor, False)
    _held.add(descriptor)
    try:
        yield
    finally:
        if descriptor in _held:  # a forked child has closed it already
            _held.discard(descriptor)
            os.close(descriptor)


def _lock(descriptor: int, mode: int) -> None:
    try:
        fcntl.flock(descriptor, mode)
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP):
            raise
        raise LeaseError(f"The file system of {folder()} has no locks. Set {FOLDER_VARIABLE} elsewhere.") from error


def _close_in_child() -> None:
    """A forked child must not keep its parent's lease alive."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_close_in_child)
