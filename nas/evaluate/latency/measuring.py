"""The protocols by name, behind one interface."""

from collections.abc import Sequence
from typing import Literal, get_args

from torch import nn

from nas.errors import RequestError
from nas.evaluate.latency.challenge import Challenge
from nas.evaluate.latency.measurement import Measurement
from nas.evaluate.latency.plan import LeaseOf
from nas.evaluate.latency.protocol import LatencyProtocol, Progress, silent
from nas.evaluate.latency.screening import Screen
from nas.evaluate.latency.settings import Settings
from nas.evaluate.latency.strict import Strict

ProtocolName = Literal["screen", "strict", "challenge"]
PROTOCOLS: tuple[ProtocolName, ...] = get_args(ProtocolName)

_MADE_BY: dict[str, type[Screen] | type[Strict] | type[Challenge]] = {
    "screen": Screen,
    "strict": Strict,
    "challenge": Challenge,
}


def protocol_of(
    name: str,
    *,
    device: str = "auto",
    settings: Settings | None = None,
    sizes: Sequence[tuple[int, int]] | None = None,
    threads: int | None = None,
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
        time_limit_s: Seconds after which a process that measures is killed; None takes the protocol's.
        lease: For a caller that holds the device already (``contextlib.nullcontext``); None takes it alone.

    Raises:
        RequestError: The name is unknown, or the device cannot measure so.
    """
    if name not in _MADE_BY:
        raise RequestError(f"Unknown latency protocol {name!r}; use one of {', '.join(PROTOCOLS)}.")
    return _MADE_BY[name](device, sizes=sizes, settings=settings, threads=threads, limit_s=time_limit_s, lease=lease)


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
