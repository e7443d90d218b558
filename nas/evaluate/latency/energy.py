"""Energy of one image, from the device's own counter over a burst of them."""

import random
import time

import torch

from nas.evaluate.latency.device import energy_mj
from nas.evaluate.latency.readings import Unavailable, unavailable
from nas.evaluate.latency.timers import Timer
from nas.evaluate.latency.window import Rivals

_BURST_S = 0.5
"""Counters move every 20 to 100 ms, so a burst of this length is good to 4 to 20 percent."""


def energy_of_image_mj(timer: Timer, rivals: Rivals, device: torch.device) -> float | Unavailable:
    """Millijoules of the candidate for one image, over a seeded mix of the shapes, or why there is no number.

    Counts the whole device, its idle draw included.
    """
    before = energy_mj(device)
    if isinstance(before, dict):
        return before
    mix = random.Random(0).choices(rivals.images, rivals.weights, k=10_000)
    begin, images = time.monotonic(), 0
    while time.monotonic() - begin < _BURST_S:
        timer.time(rivals.candidate, mix[images % len(mix)])
        images += 1
    after = energy_mj(device)
    if isinstance(after, dict):
        return after
    return (after - before) / images if after > before else unavailable("error: the energy counter did not rise")
