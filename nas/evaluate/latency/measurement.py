"""A latency with everything needed to believe it, and the key under which it may be found again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from nas.evaluate.latency.device import DeviceRecord
from nas.evaluate.latency.engines import engine_version
from nas.evaluate.latency.environment import platform_of
from nas.evaluate.latency.settings import Settings
from nas.evaluate.latency.shapes import Shape
from nas.evaluate.latency.statistics import StopRule, Verdict, verdict

CODE_VERSION = 5
"""Rises when a change of this package changes what its numbers mean."""

Status = Literal["ok", "unstable", "failed"]
Bounds = tuple[float, float]


@dataclass(frozen=True)
class Measurement:
    """What one protocol found for one network on one device. Times are of one image, in milliseconds."""

    protocol: str
    status: Status
    """``unstable``: the baseline drifted in every window, or there was time for too few rounds; doubt the numbers."""
    reason: str
    """Why it failed or is unstable; empty when ``ok``."""
    device: DeviceRecord
    settings: Settings
    threads: int
    shapes: tuple[Shape, ...]
    started_at: str
    """UTC, ISO 8601."""
    seconds: float
    load: float | None
    """Load average of the host's last minute, at the start."""
    latency_ms: float | None = None
    """Mean over images of the medians of their shapes; of several processes the geometric mean of theirs."""
    interval_ms: Bounds | None = None
    confidence: float | None = None
    """What the intervals are worth: 0.95 unless there were too few rounds."""
    p90_ms: float | None = None
    """Mean over images of the 90th percentiles of their shapes."""
    ratio: float | None = None
    """Latency over the baseline's, from samples taken in pairs; what scores are computed from."""
    ratio_interval: Bounds | None = None
    baseline_ms: float | None = None
    baseline_before_ms: float | None = None
    """The baseline in the first half of the window; of several processes, the one that can be relied on least."""
    baseline_after_ms: float | None = None
    """The baseline in the second half."""
    drift: float | None = None
    """Relative change from the first half to the second."""
    drift_limit: float | None = None
    """The drift that would have voided the window."""
    noise: float | None = None
    """A/A noise of the device: by how much two halves of the window differ for no reason, relative."""
    voided: int = 0
    """Windows thrown away because the baseline drifted."""
    rounds: int = 0
    stopped: str = ""
    """Why the window ended: ``precise``, ``time`` or ``rounds``."""
    drops: tuple[str, ...] = ()
    """Reason of each dropped round."""
    runs_ms: tuple[float, ...] = ()
    """The latency in each fresh process."""
    runs_ratio: tuple[float, ...] = ()
    """The ratio in each fresh process."""
    spread: float | None = None
    """Largest less smallest ratio of the processes, as a share of their median."""
    without_first_ms: float | None = None
    """Challenge only: the mean without the first image of each run, which pays for the missing warm-up."""
    memory_mb: float | None = None
    """Weights and the peak of one eager forward pass at the largest shape, whatever the engine, in MB of 1e6 bytes."""
    energy_mj: float | None = None
    """Energy of one image, in millijoules, the device's idle draw included."""
    host_ms: float | None = None
    """Like ``latency_ms``: until the host had enqueued the work."""
    graph_ms: float | None = None
    """Like ``latency_ms``: the replay of a CUDA graph."""
    launch_bound: bool | None = None
    """True when the graph is over 10 % faster than the eager run: the host sets the time."""
    engine_version: str = ""
    """What ran the network."""
    device_before: DeviceRecord | None = None
    """The device at the start; ``device`` is how it was left."""
    probe_before_mhz: float | None = None
    """Dependent steps a microsecond at the start: the SM clock on CUDA, a fixed share of the clock on the CPU."""
    probe_after_mhz: float | None = None
    """The same at the end."""
    cpu_share: float | None = None
    """On the CPU: processor time over wall time and threads; far below 1 others had the cores."""
    huge_pages_mb: float | None = None
    """On the CPU: memory of the measuring process in pages of 2 MB, in MB of 1e6 bytes."""
    code_version: int | None = None
    """Of this package's code that measured; None in rows of before it was recorded."""
    python: str = ""
    """Version of Python."""
    system: str = ""
    """Operating system, kernel and kind of processor."""
    rule: StopRule | None = None
    """When a window had seen enough."""
    platform: dict[str, Any] = field(default_factory=dict)
    """What surrounded the processes and enters the key: cores, instruction set, variables."""
    unavailable: dict[str, str] = field(default_factory=dict)
    """Why a field above is None."""
    samples_ms: dict[str, tuple[tuple[float, ...], ...]] = field(default_factory=dict)
    """Raw samples of ``candidate`` and ``baseline``: a row for each shape, a column for each round."""

    @property
    def precision(self) -> str:
        """Number format of the run."""
        return self.settings.precision

    @property
    def engine(self) -> str:
        """What ran the network."""
        return self.settings.engine

    def verdict(self, other: Measurement | None = None) -> Verdict:
        """Is this network faster than another measured beside the same baseline, or than the baseline (None)?

        Only two results with the status ``ok`` can tell.
        """
        bounds = (1.0, 1.0) if other is None else other.ratio_interval
        reliable = self.status == "ok" and (other is None or other.status == "ok")
        if not reliable or self.ratio_interval is None or bounds is None:
            return "cannot tell"
        return verdict(self.ratio_interval, bounds)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Measurement:
        """The measurement that ``to_dict`` wrote, also those of before some of the fields were recorded."""
        plain = dict(document)
        plain["device"] = DeviceRecord.from_dict(document["device"])
        if (before := document.get("device_before")) is not None:
            plain["device_before"] = DeviceRecord.from_dict(before)
        if (rule := document.get("rule")) is not None:
            plain["rule"] = StopRule(**rule)
        plain["settings"] = Settings.from_dict(document["settings"])
        plain["shapes"] = tuple(Shape(**shape) for shape in document["shapes"])
        plain |= {name: tuple(document[name]) for name in ("drops", "runs_ms", "runs_ratio")}
        for name in ("interval_ms", "ratio_interval"):
            plain[name] = tuple(document[name]) if document[name] is not None else None
        plain["samples_ms"] = {who: tuple(tuple(row) for row in rows) for who, rows in document["samples_ms"].items()}
        return cls(**plain)


def measurement_key(
    deployed_hash: str,
    *,
    baseline_hash: str,
    protocol: str,
    device: DeviceRecord,
    settings: Settings,
    threads: int,
    shapes: Sequence[Shape],
    rule: StopRule | None,
) -> str:
    """SHA-256 over everything a latency depends on; nothing less may answer for a measurement.

    Args:
        deployed_hash: The network's hash in its deployed form.
        baseline_hash: The same of the baseline, since ratios are part of the result.
        protocol: Its id.
        device: Its uuid and software versions enter, and what surrounds this process that matters on its kind.
        settings: Precision, memory format, engine; the engine's version enters too.
        threads: Of the processor, while measuring.
        shapes: Image sizes with their counts.
        rule: When a window has seen enough; None for a protocol that has a fixed end.
    """
    parts = {
        "code": CODE_VERSION,
        "deployed_hash": deployed_hash,
        "baseline_hash": baseline_hash,
        "protocol": protocol,
        "device": device.uuid,
        "software": device.software(),
        "engine_version": engine_version(settings.engine, device.kind),
        "platform": platform_of(device.kind),
        "threads": threads,
        "settings": settings.to_dict(),
        "shapes": [[shape.height, shape.width, shape.count] for shape in shapes],
        "rule": None if rule is None else asdict(rule),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
