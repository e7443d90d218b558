"""A walk over a validation set as the challenge does it: decode, run, compare, one image after the other, once."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from nas.evaluate.latency.failures import size_of
from nas.evaluate.latency.settings import Settings
from nas.evaluate.latency.shapes import Shape
from nas.evaluate.latency.timers import timer_for


class _Kept(nn.Module):
    """A network that keeps its last output."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.output = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        self.output = self.network(x)
        return self.output


def walk(
    network: nn.Module, shapes: Sequence[Shape], *, settings: Settings, device: torch.device, who: str
) -> dict[str, Any]:
    """Milliseconds and output size of each image in order, without a warm-up; then peak memory at the largest image.

    Raises:
        NetworkError: An output is no image; its text begins with ``who``.
    """
    timer, kept = timer_for(device), _Kept(settings.prepare(network, device))
    times_ms, sizes = [], []
    for file in [_png(shape) for shape in shapes]:
        image = _decode(file).to(device, settings.dtype, memory_format=settings.layout)
        times_ms.append(timer.time(kept, image).ms)
        sizes.append(list(size_of(kept.output, who)))
        _compare(kept.output)
    largest = max(shapes, key=lambda shape: shape.pixels)
    peak_bytes = timer.peak_bytes(kept.network, settings.image(largest.height, largest.width, device))
    return {"times_ms": times_ms, "peak_bytes": peak_bytes, "sizes": sizes}


def _png(shape: Shape) -> bytes:
    pixels = np.random.default_rng(shape.pixels).integers(0, 256, (shape.height, shape.width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _decode(file: bytes) -> Tensor:
    pixels = np.asarray(Image.open(io.BytesIO(file)), dtype=np.float32) / 255.0
    return torch.from_numpy(pixels).permute(2, 0, 1)[None]


def _compare(output: Tensor) -> float:
    """Mean squared error against a grey picture: the work that the challenge's loop does between two images."""
    rounded = output.float().clamp(0.0, 1.0).mul(255.0).round().cpu()
    return float((rounded - 128.0).square().mean())
