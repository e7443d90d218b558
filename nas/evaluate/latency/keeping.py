"""A measurement as a row of a store and back."""

from collections.abc import Mapping
from typing import Any

from nas.evaluate.latency.measurement import Measurement

METRICS = "metrics"
"""Part of a record that repeats what a trial of a search shows; a row answers a search with it."""

BASELINE = "baseline"
"""Part of a record that names what its ratio is taken to: ``name``, ``hash``, ``deployed_hash``."""


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


def columns_of(found: Measurement, baseline: Mapping[str, str]) -> dict[str, Any]:
    """The columns of a row but its key, its setup and its network, of a measurement beside a baseline."""
    return {
        "device_uuid": found.device.uuid,
        "protocol": found.protocol,
        "status": found.status,
        "latency_ms": found.latency_ms,
        "ratio": found.ratio,
        "record": {**found.to_dict(), METRICS: metrics_of(found), BASELINE: dict(baseline)},
    }


def measurement_of(record: Mapping[str, Any], samples_ms: Mapping[str, Any] | None = None) -> Measurement:
    """The measurement that ``columns_of`` made a record of; without samples unless they are given."""
    plain = {name: value for name, value in record.items() if name not in (METRICS, BASELINE)}
    return Measurement.from_dict({**plain, "samples_ms": dict(samples_ms or {})})
