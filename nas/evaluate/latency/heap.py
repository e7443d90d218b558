"""Memory that is freed stays with the process, so that no forward pass waits for the system to hand it out again."""

import ctypes
from contextlib import suppress
from functools import cache

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
"""Parameters of glibc's ``mallopt``."""

_KEPT_BYTES = {_TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 2**26, _MMAP_THRESHOLD: 2**25}


@cache
def keep_freed_memory() -> None:
    """Tells the C library not to give freed memory back; on one without ``mallopt`` nothing changes.

    By default glibc returns the top of the heap when enough of it is free. Whether a forward pass then takes thousands
    of page faults or none depends on how the heap happens to lie, which differs between processes by several percent
    of the time.
    """
    with suppress(AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in _KEPT_BYTES.items():
            mallopt(parameter, value)
