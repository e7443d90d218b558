import sys
from typing import Any

import pytest
import torch
from torch import nn

from nas.errors import RequestError
from nas.evaluate.latency import ENGINES, Screen, Settings, StopRule
from nas.evaluate.latency.child import here
from nas.evaluate.latency.engines import RUNNERS, check, compiled, engine_version
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
