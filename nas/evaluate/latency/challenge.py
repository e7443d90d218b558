"""The challenge's own protocol, for leaderboards: fresh processes, no warm-up, every image once, the plain mean."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from nas.evaluate.latency.fresh import Job, run_fresh
from nas.evaluate.latency.measurement import Measurement
from nas.evaluate.latency.plan import LeaseOf, Plan
from nas.evaluate.latency.protocol import size_error
from nas.evaluate.latency.readings import unavailable
from nas.evaluate.latency.report import with_extras, with_walks
from nas.evaluate.latency.settings import Settings
from nas.evaluate.latency.warmup import BASELINE, CANDIDATE

RUNS = 5


class Challenge:
    """Five runs of the candidate and of the baseline in turns, each in a process of its own.

    A run walks over the validation images in file order: decode, one timed forward pass, compare. Its result is the
    mean over all images, the slow first one included as in the challenge.

    Args:
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``.
        sizes: (height, width) of the low-resolution images in file order; see ``Plan``.
        settings: Precision, layout and engine; the challenge's own is ``tf32`` on Ampere and later.
        limit_s: Seconds after which a process is killed.
        lease: See ``Plan``; it is held from the first process to the last.

    Raises:
        RequestError: The device, a size or the precision cannot be.
    """

    id = "challenge/1"

    def __init__(
        self,
        device: str = "cpu",
        *,
        sizes: Sequence[tuple[int, int]] | None = None,
        settings: Settings | None = None,
        limit_s: float = 300.0,
        lease: LeaseOf | None = None,
    ) -> None:
        self.plan = Plan(device, sizes=sizes, settings=settings, lease=lease)
        self._limit_s = limit_s

    def key(self, deployed_hash: str, baseline_hash: str) -> str:
        """The key of what ``measure`` would return, known before measuring."""
        return self.plan.key(self.id, deployed_hash, baseline_hash)

    def measure(self, network: nn.Module, baseline: nn.Module) -> Measurement:
        """Measures a deployed network beside the baseline; see ``LatencyProtocol``."""
        return self.plan.measured(self.id, lambda facts, held: self._measure(facts, (network, baseline), held))

    def _measure(self, facts: Measurement, networks: Sequence[nn.Module], held: int | None) -> Measurement:
        candidate: list[list[float]] = []
        baseline: list[list[float]] = []
        peak_bytes = 0
        for _ in range(RUNS):
            answer, other = (self._walk(who, n, held) for who, n in zip((CANDIDATE, BASELINE), networks, strict=True))
            if answer["size"] != other["size"]:
                raise size_error(answer["size"], other["size"])
            candidate.append(answer["times_ms"])
            baseline.append(other["times_ms"])
            peak_bytes = answer["peak_bytes"]
        why = unavailable("unsupported: the challenge's protocol does not measure it")
        return with_extras(with_walks(facts, candidate, baseline), peak_bytes=peak_bytes, energy_mj=why, graph_ms=why)

    def _walk(self, who: str, network: nn.Module, held: int | None) -> dict[str, Any]:
        job = Job(
            work="walk",
            device=str(self.plan.device),
            settings=self.plan.settings,
            shapes=self.plan.shapes,
            threads=torch.get_num_threads(),
            limit_s=self._limit_s,
            who=who,
        )
        return run_fresh(job, [network], inherit=held)
