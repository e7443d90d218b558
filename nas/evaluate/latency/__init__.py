"""Latency as a measurement with provenance: protocols, the device, statistics, the lease."""

from nas.evaluate.latency.challenge import Challenge
from nas.evaluate.latency.device import DeviceRecord, device_record
from nas.evaluate.latency.measurement import Measurement, measurement_key
from nas.evaluate.latency.protocol import LatencyProtocol
from nas.evaluate.latency.screening import Screen, screen
from nas.evaluate.latency.settings import Settings
from nas.evaluate.latency.shapes import Shape
from nas.evaluate.latency.statistics import StopRule, verdict
from nas.evaluate.latency.strict import Strict

__all__ = [
    "Challenge",
    "DeviceRecord",
    "LatencyProtocol",
    "Measurement",
    "Screen",
    "Settings",
    "Shape",
    "StopRule",
    "Strict",
    "device_record",
    "measurement_key",
    "screen",
    "verdict",
]
