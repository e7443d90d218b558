"""What runs a network while it is timed: eager torch, a CUDA graph, torch.compile, ONNX Runtime or TensorRT."""

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from nas.errors import RequestError
from nas.evaluate.latency.onnx_runtime import OnnxRuntime
from nas.evaluate.latency.settings import Engine, Settings

SLOW_TO_BUILD: tuple[Engine, ...] = ("compile", "tensorrt")
"""Engines that take minutes to build a network."""


class CudaGraph(nn.Module):
    """Replays a captured forward pass; every image is captured where it lies, at the first call with it.

    All graphs of one network take their memory from one pool, so the largest image should be captured first: the
    others then fit into what it took. Two of them must never run at one time.

    Shapes:
        image: (1, 3, H, W), always the same tensor for one size
        returns: (1, 3, sH, sW), overwritten by the next replay of any size
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._captured: dict[int, tuple[torch.cuda.CUDAGraph, Tensor, Tensor]] = {}
        self._shared: tuple[torch.cuda.Stream, Any] | None = None

    def forward(self, image: Tensor) -> Tensor:
        address = image.data_ptr()
        if address not in self._captured:
            self._captured[address] = self._capture(image)
        graph, _, output = self._captured[address]
        graph.replay()
        return output

    def _capture(self, image: Tensor) -> tuple[torch.cuda.CUDAGraph, Tensor, Tensor]:
        side, pool = self._stream_and_pool(image.device)
        torch.cuda.synchronize(image.device)
        with torch.cuda.stream(side):
            for _ in range(3):
                self.network(image)
        torch.cuda.synchronize(image.device)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=pool, stream=side):
            output = self.network(image)
        return graph, image, output

    def _stream_and_pool(self, device: torch.device) -> tuple[torch.cuda.Stream, Any]:
        """What all captures share: a pool serves a second capture only on the stream of the first."""
        if self._shared is None:
            self._shared = torch.cuda.Stream(device), torch.cuda.graph_pool_handle()  # type: ignore[no-untyped-call]
        return self._shared


class TensorRt(nn.Module):
    """Runs an engine that Torch-TensorRT builds for each size at the first call with it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._built: dict[torch.Size, Callable[[Tensor], Tensor]] = {}

    def forward(self, image: Tensor) -> Tensor:
        if image.shape not in self._built:
            import torch_tensorrt

            backends: Any = torch.backends
            self._built[image.shape] = torch_tensorrt.compile(
                self.network,
                ir="dynamo",
                inputs=[image],
                enabled_precisions={image.dtype},
                disable_tf32=backends.cuda.matmul.fp32_precision != "tf32",  # its default is TF32, whatever torch's is
            )
        return self._built[image.shape](image)


def compiled(network: nn.Module, *, backend: str = "inductor") -> nn.Module:
    """The network through ``torch.compile``, with torch's own choice of when to compile for any size.

    What was compiled before is forgotten: torch counts all networks of one class together, and runs those beyond its
    limit eagerly without a word.
    """
    dynamo: Any = torch._dynamo
    dynamo.reset()
    dynamo.config.fail_on_recompile_limit_hit = True
    return torch.compile(network, backend=backend)  # type: ignore[return-value]


RUNNERS: dict[Engine, Callable[[nn.Module], nn.Module]] = {
    "eager": lambda network: network,
    "cuda_graph": CudaGraph,
    "compile": compiled,
    "onnxruntime": OnnxRuntime,
    "tensorrt": TensorRt,
}
"""Each makes of a network, which is on its device already, one that its engine runs. It is built at the first calls."""


_PROVIDERS = {
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino"),
    "tensorrt": ("torch-tensorrt",),
    "triton": ("triton", "triton-windows", "pytorch-triton"),
}
"""Packages that may provide what an engine needs, the usual one first."""

_COMPILERS = ("g++", "clang++", "c++")


def engine_version(engine: Engine, kind: str = "cpu") -> str:
    """What runs the network on a kind of device, ``cpu`` or ``cuda``, with its version; part of a measurement's key."""
    if engine in ("onnxruntime", "tensorrt"):
        return _provided(engine)
    built_by = "" if engine != "compile" else f", {_provided('triton') if kind == 'cuda' else _compiler()}"
    return f"torch {torch.__version__}{built_by}"


def _provided(what: str) -> str:
    """Name and version of the package that provides something."""
    for package in _PROVIDERS[what]:
        try:
            return f"{package} {version(package)}"
        except PackageNotFoundError:
            continue
    return f"{what} of an unknown version"


def _compiler() -> str:
    """The C++ compiler that inductor takes, by what it says of itself."""
    found = next(filter(None, map(shutil.which, (os.environ.get("CXX") or "g++", *_COMPILERS))), None)
    return _says_of_itself(found) if found else "no compiler"


@cache
def _says_of_itself(compiler: str) -> str:
    try:
        said = subprocess.run([compiler, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return f"{compiler} of an unknown version"
    return said.partition("\n")[0]


def check(settings: Settings, device: torch.device) -> None:
    """Raises RequestError when the device cannot run a network so, or what the engine needs is not installed."""
    settings.check(device)
    _CHECKS[settings.engine](settings, device.type == "cuda")


def _any(_: Settings, on_gpu: bool) -> None:
    """Eager torch runs everywhere."""


def _cuda_graph(_: Settings, on_gpu: bool) -> None:
    if not on_gpu:
        raise RequestError("Engine 'cuda_graph' exists on CUDA only, not on 'cpu'; use eager, compile or onnxruntime.")


def _compile(_: Settings, on_gpu: bool) -> None:
    if on_gpu and find_spec("triton") is None:
        raise RequestError("Engine 'compile' needs Triton on CUDA, which is not installed; use cuda_graph.")
    if not on_gpu and not any(map(shutil.which, _COMPILERS)):
        raise RequestError(
            "Engine 'compile' needs a C++ compiler on the CPU, and there is no g++ or clang++; use eager."
        )


def _onnxruntime(settings: Settings, on_gpu: bool) -> None:
    if on_gpu:
        raise RequestError(
            "Engine 'onnxruntime' measures on the CPU only; on CUDA use cuda_graph, compile or tensorrt."
        )
    if settings.precision != "fp32":
        raise RequestError(
            f"Engine 'onnxruntime' measures fp32 only, not {settings.precision!r}; use compile or eager."
        )
    if settings.memory_format != "contiguous":
        raise RequestError("Engine 'onnxruntime' chooses its memory layout itself; leave the format 'contiguous'.")
    _installed("onnxruntime", "onnxruntime", "pip install 'nas-esr[onnx]'")


def _tensorrt(settings: Settings, on_gpu: bool) -> None:
    if not on_gpu:
        raise RequestError("Engine 'tensorrt' exists on CUDA only, not on 'cpu'; use eager, compile or onnxruntime.")
    if settings.memory_format != "contiguous":
        raise RequestError("Engine 'tensorrt' chooses its memory layout itself; leave the format 'contiguous'.")
    _installed("tensorrt", "torch_tensorrt", "pip install torch-tensorrt")


def _installed(engine: str, module: str, cure: str) -> None:
    if find_spec(module) is None:
        raise RequestError(f"Engine {engine!r} is not installed here; run {cure}, or use another engine.")


_CHECKS: dict[Engine, Callable[[Settings, bool], None]] = {
    "eager": _any,
    "cuda_graph": _cuda_graph,
    "compile": _compile,
    "onnxruntime": _onnxruntime,
    "tensorrt": _tensorrt,
}
