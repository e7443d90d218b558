"""A window: candidate and baseline timed in turns until enough is known.

The baseline is not timed once before and once after, but beside every single sample of the candidate: A B, B A,
A B and so on, shape by shape. What a busy neighbour or a falling clock does then hits both, and their ratio stays
right on machines where two baseline runs seconds apart differ by more than a percent. The first and second half of
the baseline's samples are its measurement before and after.
"""

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from torch import Tensor, nn

from nas.evaluate.latency import statistics
from nas.evaluate.latency.conditions import Conditions, invalid_reason
from nas.evaluate.latency.statistics import Estimate, StopRule
from nas.evaluate.latency.timers import Sample, Timer

MOST_WINDOWS = 3
"""Windows whose baseline drifted, or that lost too many rounds, before the result is unstable or there is none."""

_LONGEST_BACKOFF_S = 1.0

Rows = list[list[float]]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Rivals:
    """The two networks of a window, warmed up, and the images they are timed on."""

    candidate: nn.Module
    baseline: nn.Module
    images: Sequence[Tensor]
    weights: Sequence[float]
    """Images that each shape stands for."""


@dataclass
class Window:
    """Samples of one window: a row for each shape, a column for each round that was kept."""

    weights: Sequence[float]
    candidate_ms: Rows
    baseline_ms: Rows
    host_ms: Rows
    drops: list[str] = field(default_factory=list)
    stopped: str = ""

    @property
    def rounds(self) -> int:
        """Rounds that were kept."""
        return len(self.candidate_ms[0])

    @property
    def invalid(self) -> str:
        """Why so many rounds were dropped that this is no measurement, or empty."""
        return invalid_reason(self.drops, self.rounds)

    @property
    def short(self) -> bool:
        """Did the time end it before the median had a 95 % interval?"""
        return self.rounds < statistics.LEAST_SAMPLES

    @property
    def latency(self) -> Estimate:
        """The candidate's milliseconds an image."""
        return statistics.weighted_median(self.candidate_ms, self.weights)

    @property
    def ratio(self) -> Estimate:
        """The candidate's time over the baseline's."""
        return statistics.paired_ratio(self.candidate_ms, self.baseline_ms, self.weights)

    @property
    def p90_ms(self) -> float:
        """Mean over images of the candidate's 90th percentiles."""
        return self.mean_of([statistics.percentile(row, 0.9) for row in self.candidate_ms])

    @property
    def enqueued_ms(self) -> float:
        """The candidate's milliseconds an image until the host had enqueued the work."""
        return statistics.weighted_median(self.host_ms, self.weights).value

    def reordered(self, order: Sequence[int]) -> "Window":
        """The same window with its row i, which stands for shape ``order[i]``, at the place ``order[i]``."""
        rows = sorted(range(len(order)), key=lambda row: order[row])

        def sort(values: Sequence[_T]) -> list[_T]:
            return [values[row] for row in rows]

        return replace(
            self,
            weights=sort(self.weights),
            candidate_ms=sort(self.candidate_ms),
            baseline_ms=sort(self.baseline_ms),
            host_ms=sort(self.host_ms),
        )

    def baseline_of(self, rounds: slice) -> float:
        """The baseline's milliseconds an image in some of the rounds."""
        return statistics.weighted_median([row[rounds] for row in self.baseline_ms], self.weights).value

    def mean_of(self, values: Sequence[float]) -> float:
        """Mean over images of one value for each shape."""
        return sum(w * v for w, v in zip(self.weights, values, strict=True)) / sum(self.weights)

    @property
    def halves_ms(self) -> tuple[float, float]:
        """The baseline in the first and in the second half; needs two rounds."""
        middle = self.rounds // 2
        return self.baseline_of(slice(0, middle)), self.baseline_of(slice(middle, None))

    @property
    def drift(self) -> float:
        """Relative change of the baseline from the first half to the second; needs two rounds."""
        return statistics.drift(*self.halves_ms)

    @property
    def noise(self) -> float:
        """A/A noise of the device: by how much two halves of a window differ for no reason, relative."""
        return statistics.noise_of_halves(self.baseline_ms)

    @property
    def drift_limit(self) -> float:
        """The drift above which this window is void."""
        return statistics.drift_limit(self.noise)

    @property
    def void(self) -> bool:
        """Did the baseline drift too far? Too few rounds cannot tell."""
        return not self.short and abs(self.drift) > self.drift_limit


def run_window(timer: Timer, rivals: Rivals, rule: StopRule, conditions: Conditions) -> Window:
    """Times rounds of all shapes until the rule stops them; a round under bad conditions is dropped and repeated."""
    rows = range(len(rivals.images))
    window = Window(rivals.weights, [[] for _ in rows], [[] for _ in rows], [[] for _ in rows])
    begin, backoff_s = time.monotonic(), 0.02
    while not window.stopped:
        before = conditions.snapshot()
        samples = _round(timer, rivals, candidate_first=window.rounds % 2 == 0)
        reason = conditions.judge(before)
        if reason:
            window.drops.append(reason)
            time.sleep(backoff_s)
            backoff_s = min(2.0 * backoff_s, _LONGEST_BACKOFF_S)
        else:
            _keep(window, samples)
        window.stopped = _stop(window, rule, elapsed_s=time.monotonic() - begin)
    return window


def windows_until_calm(timer: Timer, rivals: Rivals, rule: StopRule, conditions: Conditions) -> list[Window]:
    """Windows until one is neither void nor invalid, at most three: a neighbour's few seconds cost no measurement.

    Who was on the device before the first window may be there in all of them, and nobody else.
    """
    windows: list[Window] = []
    conditions.begin()
    with _no_garbage_collection():
        while len(windows) < MOST_WINDOWS:
            window = run_window(timer, rivals, rule, conditions)
            windows.append(window)
            if not window.invalid and not window.void:
                break
    return windows


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Nothing is collected while a network is timed; what is there already will not be looked at again."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def none_valid(windows: Sequence[Window]) -> str:
    """Why not one of some windows is a measurement, which is the last one's reason, or empty."""
    return windows[-1].invalid if all(window.invalid for window in windows) else ""


def calmest(windows: Sequence[Window]) -> Window:
    """The window to report, one of the valid ones: one that is not void, else the one that drifted least.

    Raises:
        ValueError: There is no valid one; see ``none_valid``.
    """
    valid = (window for window in windows if not window.invalid)
    return min(valid, key=lambda window: (window.void, abs(window.drift)))


def _round(timer: Timer, rivals: Rivals, *, candidate_first: bool) -> list[tuple[Sample, Sample]]:
    """One sample of (candidate, baseline) for each shape, taken side by side."""
    samples = []
    for image in rivals.images:
        if candidate_first:
            candidate = timer.time(rivals.candidate, image)
            baseline = timer.time(rivals.baseline, image)
        else:
            baseline = timer.time(rivals.baseline, image)
            candidate = timer.time(rivals.candidate, image)
        samples.append((candidate, baseline))
    return samples


def _keep(window: Window, samples: list[tuple[Sample, Sample]]) -> None:
    for row, (candidate, baseline) in enumerate(samples):
        window.candidate_ms[row].append(candidate.ms)
        window.baseline_ms[row].append(baseline.ms)
        window.host_ms[row].append(candidate.host_ms)


def _stop(window: Window, rule: StopRule, *, elapsed_s: float) -> str:
    if window.rounds < 2:
        return "time" if window.drops and elapsed_s >= rule.cap_s else ""
    widest = max(window.latency.relative_width, window.ratio.relative_width)
    return rule.reason(window.rounds, widest, elapsed_s=elapsed_s)
