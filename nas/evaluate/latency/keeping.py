"""A measurement as a row of a store and back, and what changed since it was last measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nas.evaluate.latency.measurement import Measurement
from nas.evaluate.latency.statistics import Verdict

METRICS = "metrics"
"""Part of a record that repeats what a trial of a search shows; a row answers a search with it."""


def metrics_of(found: Measurement) -> dict[str, Any]:
    """What a trial shows of a measurement; what was not measured is left out."""
    metrics = {
        "latency_ms": found.latency_ms,
        "latency_interval": found.interval_ms,
        "latency_ratio": found.ratio,
        "latency_ratio_interval": found.ratio_interval,
        "latency_status": found.status,
        "memory_mb": found.memory_mb,
        "energy_mj": found.energy_mj,
        "load": found.load,
    }
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in metrics.items() if value is not None
    }


def columns_of(found: Measurement) -> dict[str, Any]:
    """The columns of a measurement's row but its key, its setup and its network."""
    return {
        "device_uuid": found.device.uuid,
        "protocol": found.protocol,
        "status": found.status,
        "latency_ms": found.latency_ms,
        "ratio": found.ratio,
        "record": {**found.to_dict(), METRICS: metrics_of(found)},
    }


def measurement_of(record: Mapping[str, Any], samples_ms: Mapping[str, Any] | None = None) -> Measurement:
    """The measurement that ``columns_of`` made a record of; without samples unless they are given."""
    plain = {name: value for name, value in record.items() if name != METRICS}
    return Measurement.from_dict({**plain, "samples_ms": dict(samples_ms or {})})


@dataclass(frozen=True)
class Change:
    """How a network's latency differs from that of an earlier session with the very same key."""

    since: datetime
    ratio: float
    """Relative change of the ratio to the baseline; positive when it became slower."""
    latency: float
    """The same of the latency in ms, in which a device that was slower on that day shows too."""
    verdict: Verdict
    """By the intervals of the ratios."""

    @property
    def drifted(self) -> bool:
        """True when the two sessions contradict each other."""
        return self.verdict != "cannot tell"

    def sentence(self) -> str:
        """The change in words."""
        day = f"{self.since:%Y-%m-%d}"
        if not self.drifted:
            return f"not to be told from {day} (ratio to the baseline {self.ratio:+.1%}): intervals overlap"
        amount = f"{abs(self.ratio):.1%} {self.verdict}"
        return f"{amount} than on {day} (as a ratio to the baseline): intervals do not overlap"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "since": self.since.isoformat(),
            "ratio": self.ratio,
            "latency": self.latency,
            "verdict": self.verdict,
            "drifted": self.drifted,
            "text": self.sentence(),
        }


def change(now: Measurement, before: Measurement, since: datetime) -> Change | None:
    """What changed from one sound measurement to a later one of the same key; None when one of them has no numbers."""
    if now.ratio is None or before.ratio is None or now.latency_ms is None or before.latency_ms is None:
        return None
    return Change(
        since=since,
        ratio=now.ratio / before.ratio - 1.0,
        latency=now.latency_ms / before.latency_ms - 1.0,
        verdict=now.verdict(before),
    )
