"""The strict protocol: ground truth. Every shape, in fresh processes, each candidate sample beside the baseline's."""

import random
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from nas.evaluate.latency.fresh import Job, run_fresh
from nas.evaluate.latency.measurement import Measurement
from nas.evaluate.latency.plan import LeaseOf, Plan
from nas.evaluate.latency.readings import unavailable
from nas.evaluate.latency.report import with_extras, with_processes
from nas.evaluate.latency.settings import Settings
from nas.evaluate.latency.shapes import Shape, merged
from nas.evaluate.latency.statistics import StopRule
from nas.evaluate.latency.window import Window

PROCESSES = 3
STRICT_RULE = StopRule(relative_width=0.0025, cap_s=60.0)


class Strict:
    """Measures all shapes in three fresh processes, in a seeded order, until the interval is under 0.25 %.

    The interval spans those of the processes, since two processes differ by more than the samples of one show.

    Args:
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``.
        sizes: (height, width) of the low-resolution images; see ``Plan``.
        settings: Precision, layout and engine.
        rule: When a process has seen enough.
        lease: See ``Plan``; it is held from the first process to the last.

    Raises:
        RequestError: The device, a size or the precision cannot be.
    """

    id = "strict/1"

    def __init__(
        self,
        device: str = "cpu",
        *,
        sizes: Sequence[tuple[int, int]] | None = None,
        settings: Settings | None = None,
        rule: StopRule = STRICT_RULE,
        lease: LeaseOf | None = None,
    ) -> None:
        self.plan = Plan(device, sizes=sizes, settings=settings, lease=lease)
        self.plan.shapes = merged(self.plan.shapes)
        self._rule = rule

    def key(self, deployed_hash: str, baseline_hash: str) -> str:
        """The key of what ``measure`` would return, known before measuring."""
        return self.plan.key(self.id, deployed_hash, baseline_hash)

    def measure(self, network: nn.Module, baseline: nn.Module) -> Measurement:
        """Measures a deployed network beside the baseline; see ``LatencyProtocol``."""
        return self.plan.measured(self.id, lambda facts, held: self._measure(facts, (network, baseline), held))

    def _measure(self, facts: Measurement, networks: Sequence[nn.Module], held: int | None) -> Measurement:
        answers = [self._process(seed, networks, held) for seed in range(PROCESSES)]
        windows = [window for window, _ in answers]
        found = with_processes(facts, windows, voided=sum(answer["voided"] for _, answer in answers))
        why = unavailable("unsupported: the strict protocol does not measure it")
        return with_extras(found, peak_bytes=answers[0][1]["peak_bytes"], energy_mj=why, graph_ms=why)

    def _process(self, seed: int, networks: Sequence[nn.Module], held: int | None) -> tuple[Window, dict[str, Any]]:
        """One fresh process that sees the shapes in an order of its own; its window in the order of the plan."""
        order = random.Random(seed).sample(range(len(self.plan.shapes)), len(self.plan.shapes))
        shapes = tuple(self.plan.shapes[index] for index in order)
        answer = run_fresh(self._job(shapes), networks, inherit=held)
        return Window(**answer["window"]).reordered(order), answer

    def _job(self, shapes: tuple[Shape, ...]) -> Job:
        return Job(
            work="window",
            device=str(self.plan.device),
            settings=self.plan.settings,
            shapes=shapes,
            threads=torch.get_num_threads(),
            limit_s=10.0 * self._rule.cap_s + 120.0,
            rule=self._rule,
        )
