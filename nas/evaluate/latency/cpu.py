"""Readings of the processor through psutil and ``/proc``."""

import hashlib
import os
import platform
import re
from pathlib import Path

import psutil

from nas.evaluate.latency.readings import Reading, Unavailable, Value, from_system, unavailable

# What a container shares with its host stands last: the firmware's id where it may be read, else the kernel's, which
# lasts until it restarts.
_MACHINE_ID = (
    Path("/etc/machine-id"),
    Path("/var/lib/dbus/machine-id"),
    Path("/sys/class/dmi/id/product_uuid"),
    Path("/proc/sys/kernel/random/boot_id"),
)
_NO_ID = re.compile(r"uninitialized|[0-]*|[fF-]*")
"""What stands in these files where nobody has given the machine an id."""
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_RAPL = Path("/sys/class/powercap/intel-rapl:0/energy_uj")


def model_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Name of the processor; its architecture where the system does not say."""
    lines = cpuinfo.read_text(errors="replace").splitlines() if cpuinfo.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next((name for name in named if name), "") or platform.processor() or platform.machine()


def uuid(name: str, *, files: tuple[Path, ...] = _MACHINE_ID) -> str:
    """A stable id of this machine's processor: a hash of its name, its cores and the machine's own id.

    The machine's id itself is confidential (machine-id(5)) and only enters the hash. Its host name is the last resort:
    a container has another one at each start.
    """
    machine = next((text for text in map(_text_or_empty, files) if not _NO_ID.fullmatch(text)), platform.node())
    cores = f"{psutil.cpu_count(logical=False)}/{psutil.cpu_count()}"
    return "CPU-" + hashlib.sha256(f"{name}|{cores}|{machine}".encode()).hexdigest()[:32]


def _text_or_empty(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def usable_cores() -> int:
    """Logical cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def clock_mhz() -> Reading:
    """Mean clock of the cores now."""
    return from_system(lambda: _positive(getattr(psutil.cpu_freq(), "current", None)))


def clock_max_mhz() -> Reading:
    """Highest clock the processor states."""
    return from_system(lambda: _positive(getattr(psutil.cpu_freq(), "max", None)))


def temperature_c() -> Reading:
    """Hottest sensor of the processor."""
    return from_system(_hottest)


def _hottest() -> Value | None:
    sensors = psutil.sensors_temperatures()
    found = [s.current for name in ("coretemp", "k10temp", "zenpower") for s in sensors.get(name, [])]
    return max(found, default=None)


def governor(path: Path = _GOVERNOR) -> Reading:
    """How the system chooses clocks."""
    return from_system(lambda: path.read_text().strip() or None)


def energy_mj(path: Path = _RAPL) -> float | Unavailable:
    """Energy counter of the processor's package, in millijoules, where the system lets it be read."""
    reading = from_system(lambda: int(path.read_text()) / 1e3)
    if isinstance(reading, dict):
        return reading
    return float(reading) if isinstance(reading, float) else unavailable("unsupported")


def openmp_wait() -> Reading:
    """What this process's OpenMP does with idle threads: ``active`` ones spin, ``passive`` ones sleep."""
    return os.environ.get("OMP_WAIT_POLICY", "default").lower()


def huge_pages(path: Path = _HUGE_PAGES) -> Reading:
    """When the system gives memory in pages of 2 MB: ``always``, when asked (``madvise``), or ``never``."""
    return from_system(lambda: path.read_text().partition("[")[2].partition("]")[0] or None)


def load() -> Reading:
    """Load average of the last minute: processes that run or want to."""
    return from_system(lambda: round(os.getloadavg()[0], 2))


def memory_total_mb() -> Reading:
    """Main memory, in MB of 1e6 bytes."""
    return from_system(lambda: round(psutil.virtual_memory().total / 1e6, 1))


def memory_used_mb() -> Reading:
    """Main memory in use, in MB of 1e6 bytes."""
    return from_system(lambda: round(psutil.virtual_memory().used / 1e6, 1))


def _positive(value: float | None) -> Value | None:
    return round(value, 1) if value else None
