"""The screen protocol: a latency for every candidate of a search, in seconds, in a process that stays."""

from collections.abc import Sequence
from dataclasses import replace

from torch import nn

from nas.evaluate.latency.job import Ask
from nas.evaluate.latency.measurement import Measurement
from nas.evaluate.latency.plan import LeaseOf, Plan
from nas.evaluate.latency.process import ask_resident
from nas.evaluate.latency.protocol import Progress, silent
from nas.evaluate.latency.report import drops, with_answer, with_window
from nas.evaluate.latency.settings import Settings
from nas.evaluate.latency.shapes import area_quantiles
from nas.evaluate.latency.statistics import StopRule
from nas.evaluate.latency.window import Window, none_valid

LIMIT_S = 100.0
"""Seconds that the process may take beside ten times the cap of a window."""


class Screen:
    """Measures on six shapes that stand for all images, each beside the baseline, until the median is known well.

    Args:
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``.
        sizes: (height, width) of the low-resolution images to stand for; see ``Plan``.
        settings: Precision, memory format and engine.
        rule: When a window ends; its time cap counts for each of at most three windows.
        threads: Of the processor; None takes torch's.
        limit_s: Seconds after which the process is killed.
        lease: See ``Plan``.
        ask: Who does the job; the resident process of this one.

    Raises:
        RequestError: The device, a size or the settings cannot be.
    """

    id = "screen/2"

    def __init__(
        self,
        device: str = "cpu",
        *,
        sizes: Sequence[tuple[int, int]] | None = None,
        settings: Settings | None = None,
        rule: StopRule | None = None,
        threads: int | None = None,
        limit_s: float | None = None,
        lease: LeaseOf | None = None,
        ask: Ask = ask_resident,
    ) -> None:
        self.plan = Plan(device, sizes=sizes, settings=settings, threads=threads, lease=lease)
        self.plan.shapes = area_quantiles(self.plan.shapes)
        self._rule = rule or StopRule()
        self._limit_s = self.plan.limit_s(limit_s, 10.0 * self._rule.cap_s + LIMIT_S)
        self._ask = ask

    def key(self, deployed_hash: str, baseline_hash: str) -> str:
        """The key of what ``measure`` would return, known before measuring."""
        return self.plan.key(self.id, deployed_hash, baseline_hash, rule=self._rule)

    def measure(self, network: nn.Module, baseline: nn.Module, progress: Progress = silent) -> Measurement:
        """Measures a deployed network beside the baseline; see ``LatencyProtocol``."""
        job = self.plan.job("window", limit_s=self._limit_s, rule=self._rule, extras=True)

        def work(facts: Measurement, held: int | None) -> Measurement:
            answer = self._ask(job, [network, baseline], held)
            windows = [Window(**each) for each in answer["windows"]]
            if invalid := none_valid(windows):
                return replace(facts, reason=invalid, drops=drops(windows))
            return with_answer(with_window(facts, windows), answer)

        found = self.plan.measured(self.id, work, rule=self._rule)
        progress(1, 1)
        return found
