import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import count
from typing import Any

import pytest
import torch
from torch import nn

from nas.errors import RequestError
from nas.evaluate.latency import ENGINES, Screen, Settings, StopRule
from nas.evaluate.latency.child import here
from nas.evaluate.latency.engines import RUNNERS, CudaGraph, check, compiled, engine_version
from nas.evaluate.latency.replay import replay_ms
from nas.evaluate.latency.timers import Sample
from nas.evaluate.latency.warmup import Prepared
from nas.evaluate.latency.window import Rivals
from tests.unit.evaluate.latency.networks import Scrambled, upscaler

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


def test_every_engine_has_a_runner() -> None:
    assert tuple(RUNNERS) == ENGINES


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"precision": "fp8"}, "Unknown precision 'fp8'; use one of fp32, tf32, fp16, bf16."),
        ({"memory_format": "nhwc"}, "Unknown memory format 'nhwc'"),
        ({"engine": "openvino"}, "Unknown engine 'openvino'"),
        ({"precision": "tf32"}, "Precision 'tf32' exists on CUDA only"),
        ({"cudnn_benchmark": True}, "cuDNN's benchmark exists on CUDA only"),
        ({"engine": "cuda_graph"}, "Engine 'cuda_graph' exists on CUDA only"),
        ({"engine": "tensorrt"}, "Engine 'tensorrt' exists on CUDA only"),
        ({"engine": "onnxruntime", "precision": "bf16"}, "Engine 'onnxruntime' measures fp32 only, not 'bf16'"),
        ({"engine": "onnxruntime", "memory_format": "channels_last"}, "chooses its memory layout itself"),
    ],
)
def test_what_makes_no_sense_on_a_processor_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        check(Settings(**settings), CPU)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"engine": "onnxruntime"}, "Engine 'onnxruntime' measures on the CPU only"),
        ({"engine": "tensorrt", "memory_format": "channels_last"}, "chooses its memory layout itself"),
        ({"engine": "tensorrt"}, "Engine 'tensorrt' is not installed here"),
        ({"precision": "tf32"}, r"Precision 'tf32' needs compute capability 8.0; this GPU has 7.5. Use fp32."),
    ],
)
def test_what_makes_no_sense_on_a_gpu_is_refused(
    settings: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
    with pytest.raises(RequestError, match=message):
        check(Settings(**settings), CUDA)


def test_without_a_compiler_compiling_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RequestError, match="Engine 'compile' needs a C\\+\\+ compiler"):
        check(Settings(engine="compile"), CPU)


def test_without_its_package_an_engine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.evaluate.latency.engines.find_spec", lambda _: None)
    with pytest.raises(RequestError, match=r"pip install 'nas-esr\[onnx\]'"):
        check(Settings(engine="onnxruntime"), CPU)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    with pytest.raises(RequestError, match="Engine 'compile' needs Triton"):
        check(Settings(engine="compile"), CUDA)


def test_onnx_runtime_measures() -> None:
    protocol = Screen(
        sizes=[(8, 12), (9, 7)],
        rule=StopRule(cap_s=60.0, most_rounds=6),
        settings=Settings(engine="onnxruntime"),
        ask=here,
    )
    found = protocol.measure(upscaler(), upscaler())
    assert found.status in ("ok", "unstable"), found.reason
    assert found.engine == "onnxruntime"
    assert found.engine_version == engine_version("onnxruntime") != ""
    wrong = protocol.measure(Scrambled(), upscaler())
    assert wrong.reason.startswith("The network's output differs by 1.0e+00 between ONNX Runtime and PyTorch.")


def test_a_compiled_network_computes_the_same() -> None:
    network, image = upscaler().eval().requires_grad_(False), torch.rand(1, 3, 6, 8)
    with torch.inference_mode():
        assert torch.allclose(compiled(network, backend="eager")(image), network(image), atol=1e-6)


def test_the_many_networks_of_one_process_are_all_compiled() -> None:
    built: list[Any] = []

    def backend(graph: Any, _: Any) -> Any:
        built.append(graph)
        return graph.forward

    with torch.inference_mode():
        for width in range(1, 12):
            compiled(upscaler(width, 0).eval(), backend=backend)(torch.rand(1, 3, 4, 4))  # type: ignore[arg-type]
    assert len(built) == 11


@pytest.fixture
def captures(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, object]]:
    """Pool and stream of every capture on a GPU that is not there."""
    found: list[tuple[int, object]] = []

    class Graph:
        def replay(self) -> None:
            pass

    @contextmanager
    def capture(_: Graph, *, pool: int, stream: object) -> Iterator[None]:
        found.append((pool, stream))
        yield

    handles = count()
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", capture)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: next(handles))
    monkeypatch.setattr(torch.cuda, "Stream", lambda _: object())
    monkeypatch.setattr(torch.cuda, "stream", nullcontext)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda _: None)
    return found


def test_all_graphs_of_one_network_share_a_pool_and_its_stream(captures: list[tuple[int, object]]) -> None:
    images = [torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 6)]
    for graph in (CudaGraph(upscaler()), CudaGraph(upscaler())):
        for image in (*images, *images):
            assert graph(image).shape[2:] == (16, image.shape[3] * 4)
    assert [pool for pool, _ in captures] == [0, 0, 1, 1]
    assert captures[0] == captures[1] != captures[2] == captures[3]


def test_replays_are_weighed_by_images_and_captured_largest_first(captures: list[tuple[int, object]]) -> None:
    seen: list[int] = []

    class Sees(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(x.shape[3])
            return x

    class Timer:
        def time(self, network: nn.Module, image: torch.Tensor) -> Sample:
            network(image)
            return Sample(float(image.shape[3]), 0.0)

        def peak_bytes(self, network: nn.Module, image: torch.Tensor) -> int:
            raise AssertionError

    images, network = [torch.rand(1, 3, 1, width) for width in (2, 8, 4)], Sees()
    prepared = Prepared(Rivals(network, network, images, [1.0, 1.0, 2.0]), network)
    assert replay_ms(Timer(), prepared, CUDA) == (2.0 + 8.0 + 2 * 4.0) / 4
    assert list(dict.fromkeys(seen)) == [8, 4, 2]
    assert len(captures) == 3


def test_tensorrt_builds_an_engine_for_each_size(monkeypatch: pytest.MonkeyPatch) -> None:
    class Library:
        built: list[tuple[int, ...]] = []  # noqa: RUF012

        @classmethod
        def compile(cls, network: nn.Module, *, inputs: list[Any], disable_tf32: bool, **_: object) -> nn.Module:
            cls.built.append((disable_tf32, *inputs[0].shape))
            return network

    monkeypatch.setitem(sys.modules, "torch_tensorrt", Library)
    runner = RUNNERS["tensorrt"](upscaler())
    with Settings("fp32").applied():
        for size in ((4, 4), (4, 6), (4, 4)):
            runner(torch.rand(1, 3, *size))
    with Settings("tf32").applied():
        runner(torch.rand(1, 3, 8, 8))
    assert Library.built == [(True, 1, 3, 4, 4), (True, 1, 3, 4, 6), (False, 1, 3, 8, 8)]
