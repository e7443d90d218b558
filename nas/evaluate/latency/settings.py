"""How a network runs while it is timed: number format, memory layout, engine. All of it is part of a result's key."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import torch
from torch import nn

from nas.errors import RequestError

Precision = Literal["fp32", "tf32", "fp16", "bf16"]

_DTYPES = {"fp32": torch.float32, "tf32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Settings:
    """How a network runs.

    Raises:
        RequestError: The precision is unknown.
    """

    precision: Precision = "fp32"
    """``fp32`` is true single precision; the challenge's "fp32" is ``tf32`` on Ampere and later."""

    channels_last: bool = False
    cudnn_benchmark: bool = False
    """Let cuDNN try its algorithms on each new shape, during the warm-up."""

    engine: str = "torch-eager"

    def __post_init__(self) -> None:
        if self.precision not in get_args(Precision):
            known = ", ".join(get_args(Precision))
            raise RequestError(f"Unknown precision {self.precision!r}; use one of {known}.")

    @property
    def dtype(self) -> torch.dtype:
        """Type of weights and images."""
        return _DTYPES[self.precision]

    @property
    def memory_format(self) -> torch.memory_format:
        """Order of the image's axes in memory."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def check(self, device: torch.device) -> None:
        """Raises RequestError when the device has no such precision."""
        if self.precision == "tf32" and device.type != "cuda":
            raise RequestError(f"Precision 'tf32' exists on CUDA only, not on {device.type!r}; use fp32.")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    def prepare(self, network: nn.Module, device: torch.device) -> nn.Module:
        """A copy of the network on the device in this format, in eval mode; the original is left as it is."""
        ready = copy.deepcopy(network).to(device=device, dtype=self.dtype).eval().requires_grad_(False)
        return ready.to(memory_format=self.memory_format)  # type: ignore[call-overload,no-any-return]

    def image(self, height: int, width: int, device: torch.device) -> torch.Tensor:
        """A seeded random image in [0, 1], (1, 3, height, width)."""
        generator = torch.Generator().manual_seed(height * 65_537 + width)
        image = torch.rand(1, 3, height, width, generator=generator)
        return image.to(device=device, dtype=self.dtype, memory_format=self.memory_format)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Puts torch's switches of the whole process so, and back afterwards."""
        backends: Any = torch.backends
        switches = (backends.cudnn.conv, backends.cudnn.rnn, backends.cuda.matmul)
        before = [switch.fp32_precision for switch in switches]
        benchmark = torch.backends.cudnn.benchmark
        try:
            for switch in switches:
                switch.fp32_precision = "tf32" if self.precision == "tf32" else "ieee"
            torch.backends.cudnn.benchmark = self.cudnn_benchmark
            with torch.inference_mode():
                yield
        finally:
            for switch, value in zip(switches, before, strict=True):
                switch.fp32_precision = value
            torch.backends.cudnn.benchmark = benchmark
