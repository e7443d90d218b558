"""The screen protocol: a latency for every candidate of a search, in seconds, in the process that is there."""

from collections.abc import Sequence
from dataclasses import replace

from torch import nn

from nas.evaluate.latency.conditions import conditions_of
from nas.evaluate.latency.energy import energy_of_image_mj
from nas.evaluate.latency.measurement import Measurement
from nas.evaluate.latency.plan import LeaseOf, Plan
from nas.evaluate.latency.protocol import blaming
from nas.evaluate.latency.report import with_extras, with_window
from nas.evaluate.latency.settings import Precision, Settings
from nas.evaluate.latency.shapes import area_quantiles
from nas.evaluate.latency.statistics import StopRule
from nas.evaluate.latency.timers import timer_for
from nas.evaluate.latency.warmup import CANDIDATE, largest, prepare, warm_up
from nas.evaluate.latency.window import windows_until_calm


class Screen:
    """Measures on six shapes that stand for all images, each beside the baseline, until the median is known well.

    Args:
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``.
        sizes: (height, width) of the low-resolution images to stand for; see ``Plan``.
        settings: Precision, layout and engine.
        rule: When a window ends; its time cap counts for each of at most three windows.
        lease: See ``Plan``.

    Raises:
        RequestError: The device, a size or the precision cannot be.
    """

    id = "screen/1"

    def __init__(
        self,
        device: str = "cpu",
        *,
        sizes: Sequence[tuple[int, int]] | None = None,
        settings: Settings | None = None,
        rule: StopRule | None = None,
        lease: LeaseOf | None = None,
    ) -> None:
        self.plan = Plan(device, sizes=sizes, settings=settings, lease=lease)
        self.plan.shapes = area_quantiles(self.plan.shapes)
        self._rule = rule or StopRule()

    def key(self, deployed_hash: str, baseline_hash: str) -> str:
        """The key of what ``measure`` would return, known before measuring."""
        return self.plan.key(self.id, deployed_hash, baseline_hash)

    def measure(self, network: nn.Module, baseline: nn.Module) -> Measurement:
        """Measures a deployed network beside the baseline; see ``LatencyProtocol``."""

        def work(facts: Measurement, _: int | None) -> Measurement:
            with self.plan.settings.applied():
                return self._measure(facts, network, baseline)

        return self.plan.measured(self.id, work)

    def _measure(self, facts: Measurement, network: nn.Module, baseline: nn.Module) -> Measurement:
        device, settings = self.plan.device, self.plan.settings
        timer = timer_for(device)
        rivals = prepare(network, baseline, settings=settings, shapes=facts.shapes, device=device)
        peak_bytes = warm_up(timer, rivals)
        with blaming(CANDIDATE):
            windows = windows_until_calm(timer, rivals, self._rule, conditions_of(device))
            if invalid := windows[-1].invalid:
                return replace(facts, reason=invalid, drops=tuple(windows[-1].drops))
            energy = energy_of_image_mj(timer, rivals, device)
            graph = timer.replay_ms(rivals.candidate, largest(rivals.images))
        measured = with_window(facts, windows)
        return with_extras(measured, peak_bytes=peak_bytes, energy_mj=energy, graph_ms=graph)


def screen(
    network: nn.Module,
    baseline: nn.Module,
    *,
    device: str = "cpu",
    shapes: Sequence[tuple[int, int]] | None = None,
    precision: Precision = "fp32",
    lease: LeaseOf | None = None,
) -> Measurement:
    """Measures one network by the screen protocol.

    Args:
        network: Deployed form, (1, 3, H, W) in [0, 1] to (1, 3, sH, sW).
        baseline: The same of the network its ratio is taken to.
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``.
        shapes: (height, width) of low-resolution images; see ``Plan``.
        precision: ``fp32``, ``tf32``, ``fp16`` or ``bf16``.
        lease: See ``Plan``.

    Raises:
        RequestError: The request is at fault. A network at fault gives a failed measurement instead.
    """
    protocol = Screen(device, sizes=shapes, settings=Settings(precision), lease=lease)
    return protocol.measure(network, baseline)
