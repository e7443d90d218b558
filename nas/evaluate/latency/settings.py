"""How a network runs while it is timed: number format, memory layout, engine. All of it is part of a result's key."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import torch
from torch import nn

from nas.errors import RequestError

Precision = Literal["fp32", "tf32", "fp16", "bf16"]
MemoryFormat = Literal["contiguous", "channels_last"]
Engine = Literal["eager", "cuda_graph", "compile", "onnxruntime", "tensorrt"]

PRECISIONS: tuple[Precision, ...] = get_args(Precision)
MEMORY_FORMATS: tuple[MemoryFormat, ...] = get_args(MemoryFormat)
ENGINES: tuple[Engine, ...] = get_args(Engine)

_DTYPES = {"fp32": torch.float32, "tf32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Settings:
    """How a network runs.

    Raises:
        RequestError: A name is unknown.
    """

    precision: Precision = "fp32"
    """``fp32`` is true single precision; the challenge's "fp32" is ``tf32`` on Ampere and later."""

    memory_format: MemoryFormat = "contiguous"
    """Order of the axes of weights and images in memory."""

    engine: Engine = "eager"
    """What runs the network; see ``engines``."""

    cudnn_benchmark: bool = False
    """Let cuDNN try its algorithms on each new shape, during the warm-up."""

    def __post_init__(self) -> None:
        _known("precision", self.precision, PRECISIONS)
        _known("memory format", self.memory_format, MEMORY_FORMATS)
        _known("engine", self.engine, ENGINES)

    @property
    def dtype(self) -> torch.dtype:
        """Type of weights and images."""
        return _DTYPES[self.precision]

    @property
    def layout(self) -> torch.memory_format:
        """The memory format as torch's."""
        return torch.channels_last if self.memory_format == "channels_last" else torch.contiguous_format

    def check(self, device: torch.device) -> None:
        """Raises RequestError when the device has no such precision or switch."""
        if device.type == "cuda":
            self._check_gpu(torch.cuda.get_device_capability(device))
        elif self.precision == "tf32":
            raise RequestError(f"Precision 'tf32' exists on CUDA only, not on {device.type!r}; use fp32.")
        elif self.cudnn_benchmark:
            raise RequestError(f"cuDNN's benchmark exists on CUDA only, not on {device.type!r}; leave it off.")

    def _check_gpu(self, capability: tuple[int, int]) -> None:
        if self.precision in ("tf32", "bf16") and capability < (8, 0):
            has = "{}.{}".format(*capability)
            raise RequestError(
                f"Precision {self.precision!r} needs compute capability 8.0; this GPU has {has}. Use fp32."
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "Settings":
        """The settings that ``to_dict`` wrote, also those of before there were engines to choose from."""
        parts = dict(document)
        if parts.pop("channels_last", False):
            parts["memory_format"] = "channels_last"
        return cls(**parts | {"engine": parts["engine"].removeprefix("torch-")})

    def prepare(self, network: nn.Module, device: torch.device) -> nn.Module:
        """A copy of the network on the device in this format, in eval mode; the original is left as it is."""
        ready = copy.deepcopy(network).to(device=device, dtype=self.dtype).eval().requires_grad_(False)
        return ready.to(memory_format=self.layout)  # type: ignore[call-overload,no-any-return]

    def image(self, height: int, width: int, device: torch.device) -> torch.Tensor:
        """A seeded random image in [0, 1], (1, 3, height, width)."""
        generator = torch.Generator().manual_seed(height * 65_537 + width)
        image = torch.rand(1, 3, height, width, generator=generator)
        return image.to(device=device, dtype=self.dtype, memory_format=self.layout)

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


def _known(what: str, name: str, names: Sequence[str]) -> None:
    if name not in names:
        raise RequestError(f"Unknown {what} {name!r}; use one of {', '.join(names)}.")
