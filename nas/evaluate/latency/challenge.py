"""The challenge's own protocol, for leaderboards: fresh processes, no warm-up, every image once, the plain mean."""

from collections.abc import Sequence

from torch import nn

from nas.errors import RequestError
from nas.evaluate.latency.failures import size_error
from nas.evaluate.latency.job import Answer, Ask
from nas.evaluate.latency.measurement import Measurement
from nas.evaluate.latency.plan import LeaseOf, Plan
from nas.evaluate.latency.process import ask_fresh
from nas.evaluate.latency.protocol import Progress, silent
from nas.evaluate.latency.report import with_answer, with_walks
from nas.evaluate.latency.settings import Settings
from nas.evaluate.latency.warmup import BASELINE, CANDIDATE

RUNS = 5
LIMIT_S = 300.0


class Challenge:
    """Five runs of the candidate and of the baseline in turns, each in a process of its own.

    A run walks over the validation images in file order: decode, one timed forward pass, compare. Its result is the
    mean over all images, the slow first one included as in the challenge. When the baseline drifts from the earlier
    runs to the later ones, beyond what first images and a first run are slower, the result is unstable.

    Args:
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``.
        sizes: (height, width) of the low-resolution images in file order; see ``Plan``.
        settings: Precision and memory format; the challenge's own is ``tf32`` on Ampere and later.
        threads: Of the processor; None takes torch's.
        limit_s: Seconds after which a process is killed.
        lease: See ``Plan``; it is held from the first process to the last.
        ask: Who does the jobs; a fresh process each.

    Raises:
        RequestError: The device, a size or the settings cannot be, or the engine is not the challenge's.
    """

    id = "challenge/2"

    def __init__(
        self,
        device: str = "cpu",
        *,
        sizes: Sequence[tuple[int, int]] | None = None,
        settings: Settings | None = None,
        threads: int | None = None,
        limit_s: float | None = None,
        lease: LeaseOf | None = None,
        ask: Ask = ask_fresh,
    ) -> None:
        self.plan = Plan(device, sizes=sizes, settings=settings, threads=threads, lease=lease)
        if (engine := self.plan.settings.engine) != "eager":
            raise RequestError(f"The challenge runs networks eagerly, not by {engine!r}; use the protocol strict.")
        self._limit_s = self.plan.limit_s(limit_s, LIMIT_S)
        self._ask = ask

    def key(self, deployed_hash: str, baseline_hash: str) -> str:
        """The key of what ``measure`` would return, known before measuring."""
        return self.plan.key(self.id, deployed_hash, baseline_hash, rule=None)

    def measure(self, network: nn.Module, baseline: nn.Module, progress: Progress = silent) -> Measurement:
        """Measures a deployed network beside the baseline; see ``LatencyProtocol``."""

        def work(facts: Measurement, held: int | None) -> Measurement:
            walks: list[tuple[Answer, Answer]] = []
            for run in range(RUNS):
                mine, other = self._walk(CANDIDATE, network, held), self._walk(BASELINE, baseline, held)
                for size, expected in zip(mine["sizes"], other["sizes"], strict=True):
                    if size != expected:
                        raise size_error(size, expected)
                walks.append((mine, other))
                progress(run + 1, RUNS)
            found = with_walks(
                facts, [mine["times_ms"] for mine, _ in walks], [other["times_ms"] for _, other in walks]
            )
            return with_answer(found, walks[0][0], last=walks[-1][1])

        return self.plan.measured(self.id, work)

    def _walk(self, who: str, network: nn.Module, held: int | None) -> Answer:
        return self._ask(self.plan.job("walk", limit_s=self._limit_s, who=who), [network], held)
