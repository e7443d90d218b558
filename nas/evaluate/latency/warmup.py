"""Before anything is timed: two runs of every network at every shape, the first of which is checked."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nas.evaluate.latency.engines import RUNNERS
from nas.evaluate.latency.failures import blaming, check_output
from nas.evaluate.latency.settings import Settings
from nas.evaluate.latency.shapes import Shape
from nas.evaluate.latency.timers import Timer
from nas.evaluate.latency.window import Rivals

CANDIDATE = "The network"
BASELINE = "The baseline"


@dataclass(frozen=True)
class Prepared:
    """Two networks on their device."""

    rivals: Rivals
    """As their engine runs them, with an image for each shape."""
    plain: nn.Module
    """The candidate as eager torch runs it."""


def prepare(
    network: nn.Module,
    baseline: nn.Module,
    *,
    settings: Settings,
    shapes: Sequence[Shape],
    device: torch.device,
) -> Prepared:
    """Copies of both networks on the device in the wanted format and engine, with an image for each shape.

    Raises:
        NetworkError: A network does not fit the device or the format.
    """
    run_by_engine = RUNNERS[settings.engine]
    with blaming(CANDIDATE):
        plain = settings.prepare(network, device)
        candidate = run_by_engine(plain)
    with blaming(BASELINE):
        other = run_by_engine(settings.prepare(baseline, device))
        images = [settings.image(shape.height, shape.width, device) for shape in shapes]
    return Prepared(Rivals(candidate, other, images, [float(shape.count) for shape in shapes]), plain)


def warm_up(timer: Timer, prepared: Prepared) -> int:
    """Runs both networks at every shape, the largest first, checks what the candidate returns, and weighs its memory.

    Returns:
        Peak memory of the candidate's eager forward pass at the largest shape, in bytes.

    Raises:
        NetworkError: A network raises or runs out of memory, or the candidate returns no image, one of another
            size than the baseline's, or one that is not finite.
    """
    rivals = prepared.rivals
    images = largest_first(rivals.images)
    for image in images:
        with blaming(BASELINE):
            expected = tuple(rivals.baseline(image).shape)
            timer.time(rivals.baseline, image)
        with blaming(CANDIDATE):
            check_output(rivals.candidate(image), expected)
            timer.time(rivals.candidate, image)
    with blaming(CANDIDATE):
        return timer.peak_bytes(prepared.plain, images[0])


def largest_first(images: Sequence[Tensor]) -> list[Tensor]:
    """Images by pixels, so that what does not fit shows at once, and smaller ones find memory that was taken before."""
    return sorted(images, key=lambda image: image.numel(), reverse=True)
