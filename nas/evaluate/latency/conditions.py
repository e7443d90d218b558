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

POWER_CAP = "sw_power_cap"
"""Event reason of a card at its power limit. A heavy network brings it there by itself, so its clock is no fault."""


@dataclass(frozen=True)
class Snapshot:
    """What tells a good pass from a bad one; None and empty where the device does not say."""

    clock_mhz: float | None = None
    event_reasons: tuple[str, ...] = ()
    processes: int | None = None


def drop_reason(
    before: Snapshot, after: Snapshot, *, usual_clock_mhz: float | None = None, own_processes: int | None = None
) -> str:
    """Why the pass between two snapshots is worthless, or empty.

    Args:
        before: Just before the pass; its clock may be that of an idle device and is not judged.
        after: Just after.
        usual_clock_mhz: Median clock of the session, None while it is unknown.
        own_processes: Processes that may be on the device, None while their number is unknown.
    """
    slowdowns = sorted({r for s in (before, after) for r in s.event_reasons if r in SLOWDOWNS})
    if slowdowns:
        return ", ".join(slowdowns)
    seen = max((s.processes for s in (before, after) if s.processes is not None), default=None)
    if seen is not None and own_processes is not None and seen > own_processes:
        return f"foreign process: {seen} processes on the device, {own_processes} at the window's start"
    slow = after.clock_mhz and usual_clock_mhz and after.clock_mhz < LEAST_CLOCK * usual_clock_mhz
    if slow and POWER_CAP not in after.event_reasons:
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
        self._processes: int | None = None

    def begin(self) -> None:
        """The next snapshot shows who may be on the device, such as a trainer that has paused; nobody may join them."""
        self._processes = None

    def judge(self, before: Snapshot) -> str:
        """Why the pass that began at ``before`` and ends now is worthless, or empty."""
        after = self.snapshot()
        usual = statistics.median(self._clocks_mhz) if len(self._clocks_mhz) >= _LEAST_HISTORY else None
        own = _fewest(self._processes, before.processes)
        self._processes = _fewest(own, after.processes)  # who comes in the place of one that left is foreign too
        if after.clock_mhz and POWER_CAP not in after.event_reasons:
            self._clocks_mhz.append(after.clock_mhz)
        return drop_reason(before, after, usual_clock_mhz=usual, own_processes=own)


def _fewest(*counts: int | None) -> int | None:
    return min((count for count in counts if count is not None), default=None)


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
