"""One timed forward pass: a monotonic clock on the CPU, events on a stream of its own on CUDA."""

import time
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from nas.evaluate.latency.memory import peak_of_tensors, weights_bytes


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


def timer_for(device: torch.device) -> Timer:
    """The timer of a device."""
    return CudaTimer(device) if device.type == "cuda" else CpuTimer()
