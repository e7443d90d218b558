"""How fast the clock runs, found by work that depends on nothing but the clock; needs no privilege."""

import hashlib
import time

import torch

_BLOCK = bytes(1 << 18)
"""SHA-256 takes 64 dependent rounds for 64 bytes, so one round for each byte."""

_CYCLES = (200_000, 1_200_000)
"""Lengths of two spins; their difference in time is free of what launching costs."""

_TRIES = 3


def probe_mhz(device: torch.device) -> float:
    """Dependent steps a microsecond: cycles of the multiprocessors on CUDA, rounds of SHA-256 on the CPU.

    On CUDA this is the SM clock. On the CPU a round takes a fixed number of cycles, so the number is comparable on
    one machine only. The shortest of three tries counts: others can make them longer, and nothing shorter.
    """
    return _cuda_mhz(device) if device.type == "cuda" else max(_cpu_mhz() for _ in range(_TRIES))


def _cpu_mhz() -> float:
    begin = time.perf_counter()
    hashlib.sha256(_BLOCK)
    return len(_BLOCK) / (time.perf_counter() - begin) / 1e6


def _cuda_mhz(device: torch.device) -> float:
    tries = [(_spin_ms(device, _CYCLES[0]), _spin_ms(device, _CYCLES[1])) for _ in range(_TRIES)]
    short_ms = min(short for short, _ in tries)  # the very first spin also loads the kernel
    long_ms = min(long for _, long in tries)
    return (_CYCLES[1] - _CYCLES[0]) / ((long_ms - short_ms) * 1e3)


def _spin_ms(device: torch.device, cycles: int) -> float:
    """Milliseconds that one thread needs to see so many cycles of its multiprocessor pass."""
    with torch.cuda.device(device):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        begin.record()
        torch.cuda._sleep(cycles)  # type: ignore[no-untyped-call]
        end.record()
        end.synchronize()
    return float(begin.elapsed_time(end))
