"""How long a network takes when the host's share is gone: the replay of a CUDA graph."""

import statistics

import torch

from nas.evaluate.latency.engines import CudaGraph
from nas.evaluate.latency.failures import first_line
from nas.evaluate.latency.readings import Unavailable, unavailable
from nas.evaluate.latency.timers import Timer
from nas.evaluate.latency.warmup import Prepared

_REPLAYS = 20


def replay_ms(timer: Timer, prepared: Prepared, device: torch.device) -> float | Unavailable:
    """Mean over images of the median replay at each shape, or why there is none."""
    if device.type != "cuda":
        return unavailable("unsupported: only CUDA replays graphs")
    medians = []
    for image in prepared.rivals.images:
        graph = CudaGraph(prepared.plain)  # one at a time: each keeps the memory of its forward pass
        try:
            graph(image)
        except RuntimeError as error:
            return unavailable(f"error: the network cannot be captured as a CUDA graph: {first_line(error)}")
        medians.append(statistics.median(timer.time(graph, image).ms for _ in range(_REPLAYS)))
    weights = prepared.rivals.weights
    return sum(w * m for w, m in zip(weights, medians, strict=True)) / sum(weights)
