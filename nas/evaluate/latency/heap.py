"""Memory of a process that measures: it stays with the process, and it comes in large pages."""

import ctypes
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from nas.evaluate.latency.readings import Reading, Value, from_system

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
"""Parameters of glibc's ``mallopt``."""

_KEPT_BYTES = {_TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 2**26, _MMAP_THRESHOLD: 2**25}

_TUNABLES = "GLIBC_TUNABLES"
_HUGE_PAGES = "glibc.malloc.hugetlb"


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


def with_huge_pages(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment in which a measuring process starts: its C library asks the system for pages of 2 MB.

    Which small pages a process gets is chance, and so is how they share the sets of a cache. What that matters differed
    from trial to trial (docs/adr/0053-memory-in-huge-pages.md). What the environment says of huge pages already stays;
    a C library other than glibc, or one before 2.35, takes no notice.
    """
    given = environment.get(_TUNABLES, "")
    if _HUGE_PAGES in given:
        return dict(environment)
    return {**environment, _TUNABLES: ":".join(filter(None, (given, f"{_HUGE_PAGES}=1")))}


def huge_pages_mb(memory: Path = Path("/proc/self/smaps_rollup")) -> Reading:
    """How much of this process's memory lies in huge pages now, in MB of 1e6 bytes."""

    def read() -> Value | None:
        found = re.search(r"^AnonHugePages: +(\d+) kB$", memory.read_text(), re.MULTILINE)
        return round(int(found[1]) * 1024 / 1e6, 1) if found else None

    return from_system(read)
