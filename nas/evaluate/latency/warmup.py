"""Before anything is timed: two runs of every network at every shape, the first of which is checked."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nas.evaluate.latency.protocol import blaming, check_output
from nas.evaluate.latency.settings import Settings
from nas.evaluate.latency.shapes import Shape
from nas.evaluate.latency.timers import Timer
from nas.evaluate.latency.window import Rivals

CANDIDATE = "The network"
BASELINE = "The baseline"


def prepare(
    network: nn.Module,
    baseline: nn.Module,
    *,
    settings: Settings,
    shapes: Sequence[Shape],
    device: torch.device,
) -> Rivals:
    """Copies of both networks on the device in the wanted format, with an image for each shape.

    Raises:
        NetworkError: A network does not fit the device or the format.
    """
    with blaming(CANDIDATE):
        candidate = settings.prepare(network, device)
    with blaming(BASELINE):
        other = settings.prepare(baseline, device)
        images = [settings.image(shape.height, shape.width, device) for shape in shapes]
    return Rivals(candidate, other, images, [float(shape.count) for shape in shapes])


def warm_up(timer: Timer, rivals: Rivals) -> int:
    """Runs both networks at every shape, checks what the candidate returns, and weighs its memory.

    Returns:
        Peak memory of the candidate at the largest shape, in bytes.

    Raises:
        NetworkError: A network raises or runs out of memory, or the candidate returns no image, one of another
            size than the baseline's, or one that is not finite.
    """
    for image in rivals.images:
        with blaming(BASELINE):
            expected = tuple(rivals.baseline(image).shape)
            timer.time(rivals.baseline, image)
        with blaming(CANDIDATE):
            check_output(rivals.candidate(image), expected)
            timer.time(rivals.candidate, image)
    with blaming(CANDIDATE):
        return timer.peak_bytes(rivals.candidate, largest(rivals.images))


def largest(images: Sequence[Tensor]) -> Tensor:
    """The image with the most pixels."""
    return max(images, key=lambda image: image.numel())
