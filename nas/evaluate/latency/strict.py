"""The strict protocol: ground truth. Every shape, in fresh processes, each candidate sample beside the baseline's."""

import random
from collections.abc import Sequence
from dataclasses import replace

from torch import nn

from nas.evaluate.latency.job import Answer, Ask
from nas.evaluate.latency.measurement import Measurement
from nas.evaluate.latency.plan import LeaseOf, Plan
from nas.evaluate.latency.process import ask_fresh
from nas.evaluate.latency.protocol import Progress, silent
from nas.evaluate.latency.report import drops, with_answer, with_processes
from nas.evaluate.latency.settings import Settings
from nas.evaluate.latency.shapes import merged
from nas.evaluate.latency.statistics import StopRule
from nas.evaluate.latency.window import Window, none_valid

PROCESSES = 3
STRICT_RULE = StopRule(relative_width=0.0025, cap_s=60.0)


class Strict:
    """Measures all shapes in three fresh processes, in a seeded order, until the interval is under 0.25 %.

    The interval is one of processes, since two processes differ by more than the samples of one show.

    Args:
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``.
        sizes: (height, width) of the low-resolution images; see ``Plan``.
        settings: Precision, memory format and engine.
        rule: When a process has seen enough.
        threads: Of the processor; None takes torch's.
        limit_s: Seconds after which a process is killed.
        lease: See ``Plan``; it is held from the first process to the last.
        ask: Who does the jobs; a fresh process each.

    Raises:
        RequestError: The device, a size or the settings cannot be.
    """

    id = "strict/3"

    def __init__(
        self,
        device: str = "cpu",
        *,
        sizes: Sequence[tuple[int, int]] | None = None,
        settings: Settings | None = None,
        rule: StopRule = STRICT_RULE,
        threads: int | None = None,
        limit_s: float | None = None,
        lease: LeaseOf | None = None,
        ask: Ask = ask_fresh,
    ) -> None:
        self.plan = Plan(device, sizes=sizes, settings=settings, threads=threads, lease=lease)
        self.plan.shapes = merged(self.plan.shapes)
        self._rule = rule
        self._limit_s = self.plan.limit_s(limit_s, 10.0 * rule.cap_s + 120.0)
        self._ask = ask

    def key(self, deployed_hash: str, baseline_hash: str) -> str:
        """The key of what ``measure`` would return, known before measuring."""
        return self.plan.key(self.id, deployed_hash, baseline_hash, rule=self._rule)

    def measure(self, network: nn.Module, baseline: nn.Module, progress: Progress = silent) -> Measurement:
        """Measures a deployed network beside the baseline; see ``LatencyProtocol``."""

        def work(facts: Measurement, held: int | None) -> Measurement:
            answers = []
            for seed in range(PROCESSES):
                windows, answer = self._process(seed, (network, baseline), held)
                if invalid := none_valid(windows):
                    return replace(facts, reason=invalid, drops=drops(windows))
                answers.append((windows, answer))
                progress(seed + 1, PROCESSES)
            found = with_processes(facts, [windows for windows, _ in answers])
            return with_answer(found, answers[0][1], last=answers[-1][1])

        return self.plan.measured(self.id, work, rule=self._rule)

    def _process(self, seed: int, networks: Sequence[nn.Module], held: int | None) -> tuple[list[Window], Answer]:
        """One fresh process that sees the shapes in an order of its own; its windows in the order of the plan."""
        order = random.Random(seed).sample(range(len(self.plan.shapes)), len(self.plan.shapes))
        shapes = tuple(self.plan.shapes[index] for index in order)
        job = self.plan.job("window", shapes=shapes, limit_s=self._limit_s, rule=self._rule, extras=seed == 0)
        answer = self._ask(job, networks, held)
        return [Window(**each).reordered(order) for each in answer["windows"]], answer
