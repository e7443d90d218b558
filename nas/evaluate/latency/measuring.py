"""The protocols by name, behind one interface."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

from torch import nn

from nas.errors import RequestError
from nas.evaluate.latency.challenge import Challenge
from nas.evaluate.latency.measurement import Measurement
from nas.evaluate.latency.plan import LeaseOf
from nas.evaluate.latency.protocol import LatencyProtocol, Progress, silent
from nas.evaluate.latency.screening import Screen
from nas.evaluate.latency.settings import Settings
from nas.evaluate.latency.statistics import StopRule
from nas.evaluate.latency.strict import STRICT_RULE, Strict

ProtocolName = Literal["screen", "strict", "challenge"]
PROTOCOLS: tuple[ProtocolName, ...] = get_args(ProtocolName)

_MADE_BY: dict[str, type[Screen] | type[Strict] | type[Challenge]] = {
    "screen": Screen,
    "strict": Strict,
    "challenge": Challenge,
}
_RULES = {"screen": StopRule(), "strict": STRICT_RULE}

MOST_S = 3600.0
"""The longest that a window may be told to last."""


def protocol_of(
    name: str,
    *,
    device: str = "auto",
    settings: Settings | None = None,
    sizes: Sequence[tuple[int, int]] | None = None,
    threads: int | None = None,
    cap_s: float | None = None,
    time_limit_s: float | None = None,
    lease: LeaseOf | None = None,
) -> LatencyProtocol:
    """A protocol, ready to measure.

    Args:
        name: ``screen``, ``strict`` or ``challenge``.
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``.
        settings: Precision, memory format and engine.
        sizes: (height, width) of low-resolution images; None takes the challenge's, in small on a CPU.
        threads: Of the processor; None takes torch's.
        cap_s: Seconds after which a window ends with the interval it has reached; None takes the protocol's.
        time_limit_s: Seconds after which a process that measures is killed; None takes the protocol's.
        lease: For a caller that holds the device already (``contextlib.nullcontext``); None takes it alone.

    Raises:
        RequestError: The name is unknown, the protocol has no windows to cap, or the device cannot measure so.
    """
    if name not in _MADE_BY:
        raise RequestError(f"Unknown latency protocol {name!r}; use one of {', '.join(PROTOCOLS)}.")
    given: dict[str, Any] = {"sizes": sizes, "settings": settings, "threads": threads, "limit_s": time_limit_s}
    if cap_s is not None:
        given["rule"] = _capped(name, cap_s)
    return _MADE_BY[name](device, lease=lease, **given)


def _capped(name: str, cap_s: float) -> StopRule:
    if name not in _RULES:
        raise RequestError(f"The protocol {name!r} walks over every image, however long that takes; set no time.")
    if not 0 < cap_s <= MOST_S:
        raise RequestError(f"A window cannot last {cap_s:g} seconds; give more than 0 and at most {MOST_S:g}.")
    return replace(_RULES[name], cap_s=float(cap_s))


def measure(
    network: nn.Module,
    baseline: nn.Module,
    *,
    protocol: str = "screen",
    device: str = "auto",
    settings: Settings | None = None,
    sizes: Sequence[tuple[int, int]] | None = None,
    threads: int | None = None,
    time_limit_s: float | None = None,
    lease: LeaseOf | None = None,
    progress: Progress = silent,
) -> Measurement:
    """Measures one deployed network beside a baseline; see ``protocol_of`` and ``LatencyProtocol``.

    Raises:
        RequestError: The request is at fault. A network at fault gives a failed measurement instead.
    """
    found = protocol_of(
        protocol,
        device=device,
        settings=settings,
        sizes=sizes,
        threads=threads,
        time_limit_s=time_limit_s,
        lease=lease,
    )
    return found.measure(network, baseline, progress)
