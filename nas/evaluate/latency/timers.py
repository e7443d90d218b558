"""One timed forward pass: a monotonic clock on the CPU, events on a stream of its own on CUDA."""

import statistics
import time
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from nas.evaluate.latency.memory import peak_of_tensors, weights_bytes
from nas.evaluate.latency.readings import Unavailable, unavailable


@dataclass(frozen=True)
class Sample:
    """One forward pass of one image."""

    ms: float
    host_ms: float
    """Time until the host had enqueued the work; on the CPU the host does the work, so both are the same."""


class Timer(Protocol):
    """How a device times a network. Not thread safe; one measurement at a time."""

    def time(self, network: nn.Module, image: Tensor) -> Sample:
        """Times one forward pass that was warmed up before."""

    def peak_bytes(self, network: nn.Module, image: Tensor) -> int:
        """Weights plus the most that one forward pass holds beside them, in bytes, the image excepted."""

    def replay_ms(self, network: nn.Module, image: Tensor) -> float | Unavailable:
        """Median time when the host's share is gone, or why there is none."""


class CpuTimer:
    """Times on the processor with ``time.perf_counter``, which is monotonic."""

    def time(self, network: nn.Module, image: Tensor) -> Sample:
        """See ``Timer``."""
        begin = time.perf_counter()
        network(image)
        ms = (time.perf_counter() - begin) * 1e3
        return Sample(ms, ms)

    def peak_bytes(self, network: nn.Module, image: Tensor) -> int:
        """See ``Timer``; the kernels' own scratch memory is not seen on the CPU."""
        return weights_bytes(network) + peak_of_tensors(network, image)

    def replay_ms(self, network: nn.Module, image: Tensor) -> float | Unavailable:  # noqa: ARG002
        """See ``Timer``."""
        return unavailable("unsupported: only CUDA replays graphs")


class CudaTimer:
    """Times on a GPU with events on a stream of its own, so that nothing else is waited for."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def time(self, network: nn.Module, image: Tensor) -> Sample:
        """See ``Timer``."""
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        with torch.cuda.stream(self._stream):
            begin.record()
            started = time.perf_counter()
            network(image)
            host_ms = (time.perf_counter() - started) * 1e3
            end.record()
        end.synchronize()
        return Sample(begin.elapsed_time(end), host_ms)

    def peak_bytes(self, network: nn.Module, image: Tensor) -> int:
        """See ``Timer``; what the caching allocator handed out, libraries' workspaces included."""
        torch.cuda.synchronize(self._device)
        held = torch.cuda.memory_allocated(self._device)
        torch.cuda.reset_peak_memory_stats(self._device)
        self.time(network, image)
        return weights_bytes(network) + torch.cuda.max_memory_allocated(self._device) - held

    def replay_ms(self, network: nn.Module, image: Tensor, *, repeats: int = 20) -> float | Unavailable:
        """See ``Timer``."""
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self._stream):
                network(image)
        except RuntimeError as error:
            return unavailable(f"error: the network cannot be captured as a CUDA graph: {first_line(error)}")
        replay = _Replay(graph)
        self.time(replay, image)
        return statistics.median(self.time(replay, image).ms for _ in range(repeats))


class _Replay(nn.Module):
    """A captured forward pass in the shape of a network."""

    def __init__(self, graph: torch.cuda.CUDAGraph) -> None:
        super().__init__()
        self._graph = graph

    def forward(self, image: Tensor) -> Tensor:
        self._graph.replay()
        return image


def timer_for(device: torch.device) -> Timer:
    """The timer of a device."""
    return CudaTimer(device) if device.type == "cuda" else CpuTimer()


def first_line(error: BaseException) -> str:
    """The start of an error's text, for a reason on one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
