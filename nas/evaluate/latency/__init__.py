"""Latency as a measurement with provenance: protocols, the device, statistics, the lease."""

from nas.evaluate.latency.challenge import Challenge
from nas.evaluate.latency.device import DeviceRecord, device_record
from nas.evaluate.latency.measurement import Measurement, measurement_key
from nas.evaluate.latency.measuring import PROTOCOLS, ProtocolName, measure, protocol_of
from nas.evaluate.latency.protocol import LatencyProtocol, Progress
from nas.evaluate.latency.screening import Screen
from nas.evaluate.latency.settings import ENGINES, MEMORY_FORMATS, PRECISIONS, Engine, MemoryFormat, Precision, Settings
from nas.evaluate.latency.shapes import Shape
from nas.evaluate.latency.statistics import StopRule, verdict
from nas.evaluate.latency.strict import Strict

__all__ = [
    "ENGINES",
    "MEMORY_FORMATS",
    "PRECISIONS",
    "PROTOCOLS",
    "Challenge",
    "DeviceRecord",
    "Engine",
    "LatencyProtocol",
    "Measurement",
    "MemoryFormat",
    "Precision",
    "Progress",
    "ProtocolName",
    "Screen",
    "Settings",
    "Shape",
    "StopRule",
    "Strict",
    "device_record",
    "measure",
    "measurement_key",
    "protocol_of",
    "verdict",
]
