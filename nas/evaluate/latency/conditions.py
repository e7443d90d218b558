"""Was the device itself while a pass ran? What makes a pass worthless, and for how many a measurement is lost."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch

from nas.evaluate.latency.device import gpu
from nas.evaluate.latency.nvml import SLOWDOWNS, Gpu, positive
from nas.evaluate.latency.probe import probe_mhz
from nas.evaluate.latency.readings import number

LEAST_CLOCK = 0.97
"""Share of the session's median clock under which a pass is dropped."""

MOST_DROPPED = 0.05
"""Share of dropped passes above which a measurement is invalid; a single one beside two that are kept never is."""

_LEAST_HISTORY = 5
"""Passes seen before a clock can be called unusual."""


@dataclass(frozen=True)
class Snapshot:
    """What tells a good pass from a bad one; None and empty where the device does not say."""

    clock_mhz: float | None = None
    event_reasons: tuple[str, ...] = ()
    processes: int | None = None


def drop_reason(before: Snapshot, after: Snapshot, usual_clock_mhz: float | None) -> str:
    """Why the pass between two snapshots is worthless, or empty.

    Args:
        before: Just before the pass; its clock may be that of an idle device and is not judged.
        after: Just after.
        usual_clock_mhz: Median clock of the session, None while it is unknown.
    """
    slowdowns = sorted({r for s in (before, after) for r in s.event_reasons if r in SLOWDOWNS})
    if slowdowns:
        return ", ".join(slowdowns)
    if before.processes is not None and after.processes is not None and after.processes > before.processes:
        return f"foreign process: {after.processes} processes on the device after {before.processes} before"
    if after.clock_mhz and usual_clock_mhz and after.clock_mhz < LEAST_CLOCK * usual_clock_mhz:
        return f"clock {after.clock_mhz:.0f} MHz under {LEAST_CLOCK:.0%} of the session's {usual_clock_mhz:.0f} MHz"
    return ""


def invalid_reason(drops: list[str], kept: int) -> str:
    """Why a measurement with these dropped passes is no measurement, or empty."""
    passes = len(drops) + kept
    if not drops or (kept > 1 and (len(drops) == 1 or len(drops) <= MOST_DROPPED * passes)):
        return ""
    return f"{len(drops)} of {passes} passes were dropped, the last one because of: {drops[-1]}"


class Conditions:
    """Watches one device for the life of a process, which is the session its usual clock is taken from."""

    def __init__(self, read: Callable[[], Snapshot]) -> None:
        self.snapshot = read
        self._clocks_mhz: list[float] = []

    def judge(self, before: Snapshot) -> str:
        """Why the pass that began at ``before`` and ends now is worthless, or empty."""
        after = self.snapshot()
        usual = statistics.median(self._clocks_mhz) if len(self._clocks_mhz) >= _LEAST_HISTORY else None
        if after.clock_mhz:
            self._clocks_mhz.append(after.clock_mhz)
        return drop_reason(before, after, usual)


@cache
def conditions_of(device: torch.device) -> Conditions:
    """The conditions of a device in this process; a CPU gives no sign that would drop a pass."""
    if device.type == "cpu":
        return Conditions(Snapshot)
    found = gpu(str(torch.cuda.get_device_properties(device).uuid))
    return Conditions(lambda: gpu_snapshot(found, lambda: probe_mhz(device)))


def gpu_snapshot(gpu: Gpu, probe: Callable[[], float]) -> Snapshot:
    """The three readings of a GPU that decide over a pass; where NVML refuses the clock, the probe finds it."""
    reasons = gpu.event_reasons()
    processes = number(gpu.processes())
    return Snapshot(
        clock_mhz=number(gpu.read("nvmlDeviceGetClockInfo", 1, to=positive)) or probe(),
        event_reasons=tuple(reasons) if isinstance(reasons, list) else (),
        processes=None if processes is None else int(processes),
    )
