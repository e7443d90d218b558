"""The screen protocol: a latency for every candidate of a search, in seconds, in the process that is there."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import torch
from torch import nn

from nas.evaluate.latency import cpu, lease
from nas.evaluate.latency.conditions import conditions_of, invalid_reason
from nas.evaluate.latency.device import device_record, resolve
from nas.evaluate.latency.energy import energy_of_image_mj
from nas.evaluate.latency.measurement import Measurement, measurement_key
from nas.evaluate.latency.protocol import NetworkError, blaming
from nas.evaluate.latency.readings import number
from nas.evaluate.latency.report import with_extras, with_window
from nas.evaluate.latency.settings import Precision, Settings
from nas.evaluate.latency.shapes import area_quantiles, default_shapes, shapes_of
from nas.evaluate.latency.statistics import StopRule
from nas.evaluate.latency.timers import Timer, timer_for
from nas.evaluate.latency.warmup import CANDIDATE, largest, prepare, warm_up
from nas.evaluate.latency.window import Rivals, Window, run_window

MOST_WINDOWS = 3
"""Windows whose baseline drifted before the result is called unstable."""

LeaseOf = Callable[[], AbstractContextManager[object]]


class Screen:
    """Measures on six shapes that stand for all images, each beside the baseline, until the median is known well.

    Args:
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``.
        sizes: (height, width) of the low-resolution images to stand for; None takes the challenge's validation set
            on a GPU and the same mix with sides of at most 96 pixels on a CPU.
        settings: Precision, layout and engine.
        rule: When a window ends; its time cap counts for each of at most three windows.
        lease: Makes the context in which to measure, for a caller that holds the device already
            (``contextlib.nullcontext``); None takes the device alone through its lease.

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
        self.device = resolve(device)
        self.settings = settings or Settings()
        self.settings.check(self.device)
        images = default_shapes(self.device.type) if sizes is None else shapes_of(sizes)
        self.shapes = area_quantiles(images)
        self._rule = rule or StopRule()
        self._lease = lease or self._alone

    def key(self, deployed_hash: str, baseline_hash: str) -> str:
        """The key of what ``measure`` would return, known before measuring."""
        return measurement_key(
            deployed_hash,
            baseline_hash=baseline_hash,
            protocol=self.id,
            device=device_record(str(self.device)),
            settings=self.settings,
            shapes=self.shapes,
        )

    def measure(self, network: nn.Module, baseline: nn.Module) -> Measurement:
        """Measures a deployed network beside the baseline; see ``LatencyProtocol``."""
        load = number(cpu.load())
        with self._lease():
            started_at, begin = datetime.now(UTC).isoformat(timespec="milliseconds"), time.monotonic()
            facts = Measurement(
                protocol=self.id,
                status="failed",
                reason="",
                device=device_record(str(self.device)),
                settings=self.settings,
                threads=torch.get_num_threads(),
                shapes=self.shapes,
                started_at=started_at,
                seconds=0.0,
                load=load,
            )
            with self.settings.applied():
                found = self._try(facts, network, baseline)
            record = device_record(str(self.device))
            return replace(found, device=record, seconds=round(time.monotonic() - begin, 3))

    def _try(self, facts: Measurement, network: nn.Module, baseline: nn.Module) -> Measurement:
        try:
            return self._measure(facts, network, baseline)
        except NetworkError as error:
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            return replace(facts, reason=str(error))

    def _measure(self, facts: Measurement, network: nn.Module, baseline: nn.Module) -> Measurement:
        timer = timer_for(self.device)
        rivals = prepare(network, baseline, settings=self.settings, shapes=self.shapes, device=self.device)
        peak_bytes = warm_up(timer, rivals)
        with blaming(CANDIDATE):
            windows = self._windows(timer, rivals)
            if invalid := invalid_reason(windows[-1].drops, windows[-1].rounds):
                return replace(facts, reason=invalid, drops=tuple(windows[-1].drops))
            energy = energy_of_image_mj(timer, rivals, self.device)
            graph = timer.replay_ms(rivals.candidate, largest(rivals.images))
        measured = with_window(facts, windows)
        return with_extras(measured, peak_bytes=peak_bytes, energy_mj=energy, graph_ms=graph)

    def _windows(self, timer: Timer, rivals: Rivals) -> list[Window]:
        """Windows until one is not void, at most three; an invalid one ends the series."""
        windows: list[Window] = []
        while len(windows) < MOST_WINDOWS:
            window = run_window(timer, rivals, self._rule, conditions_of(self.device))
            windows.append(window)
            if invalid_reason(window.drops, window.rounds) or not window.void:
                break
        return windows

    def _alone(self) -> AbstractContextManager[object]:
        record = device_record(str(self.device))
        if self.device.type == "cpu":
            return lease.exclusive(record.uuid)
        return lease.exclusive(record.uuid, settle=partial(torch.cuda.synchronize, self.device))


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
        shapes: (height, width) of low-resolution images; see ``Screen``.
        precision: ``fp32``, ``tf32``, ``fp16`` or ``bf16``.
        lease: See ``Screen``.

    Raises:
        RequestError: The request is at fault. A network at fault gives a failed measurement instead.
    """
    protocol = Screen(device, sizes=shapes, settings=Settings(precision), lease=lease)
    return protocol.measure(network, baseline)
