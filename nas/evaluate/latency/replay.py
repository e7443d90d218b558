"""How long a network takes when the host's share is gone: the replay of a CUDA graph."""

import statistics

import torch

from nas.evaluate.latency.engines import CudaGraph
from nas.evaluate.latency.failures import first_line
from nas.evaluate.latency.readings import Unavailable, unavailable
from nas.evaluate.latency.timers import Timer
from nas.evaluate.latency.warmup import Prepared, largest_first

_REPLAYS = 20


def replay_ms(timer: Timer, prepared: Prepared, device: torch.device) -> float | Unavailable:
    """Mean over images of the median replay at each shape, or why there is none."""
    if device.type != "cuda":
        return unavailable("unsupported: only CUDA replays graphs")
    rivals, graph = prepared.rivals, CudaGraph(prepared.plain)
    try:
        for image in largest_first(rivals.images):
            graph(image)
    except RuntimeError as error:
        return unavailable(f"error: the network cannot be captured as a CUDA graph: {first_line(error)}")
    medians = [statistics.median(timer.time(graph, image).ms for _ in range(_REPLAYS)) for image in rivals.images]
    return sum(w * m for w, m in zip(rivals.weights, medians, strict=True)) / sum(rivals.weights)
