"""What every latency protocol offers."""

from collections.abc import Callable
from typing import Protocol

from torch import nn

from nas.evaluate.latency.measurement import Measurement
from nas.evaluate.latency.plan import Plan

Progress = Callable[[int, int], None]
"""Told after each step how many of how many are done."""


def silent(done: int, total: int) -> None:
    """Tells nobody."""


class LatencyProtocol(Protocol):
    """A way to measure latency on one device; results of different ids never mix."""

    @property
    def id(self) -> str:
        """Name and version, such as ``screen/1``."""

    @property
    def plan(self) -> Plan:
        """The device, the sizes of images and the settings."""

    def key(self, deployed_hash: str, baseline_hash: str) -> str:
        """The key of what ``measure`` would return, known before measuring."""

    def measure(self, network: nn.Module, baseline: nn.Module, progress: Progress = silent) -> Measurement:
        """Measures a deployed network beside the baseline; a network at fault gives a failed measurement.

        Both map (1, 3, H, W) in [0, 1] to (1, 3, sH, sW) with the same scale s, and stay as they are.
        """
