"""ONNX Runtime on the CPU as an engine."""

import io
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from nas.evaluate.latency.failures import NetworkError

_OPSET = 18
_TOLERANCE = 1e-3
"""Largest difference from PyTorch that is rounding, as a share of the output's range."""


class OnnxRuntime(nn.Module):
    """Runs a network through ONNX Runtime: one session for each size, checked against PyTorch when it is made.

    Sessions use as many threads as torch, and those sleep while they wait, since the networks of a window take turns.

    Shapes:
        image: (1, 3, H, W), float32, on the CPU
        returns: (1, 3, sH, sW)

    Raises:
        NetworkError: ONNX Runtime computes something else than PyTorch.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._sessions: dict[torch.Size, Any] = {}

    def forward(self, image: Tensor) -> Tensor:
        if image.shape not in self._sessions:
            self._sessions[image.shape] = self._checked(session(self.network, image), image)
        return run(self._sessions[image.shape], image)

    def _checked(self, made: Any, image: Tensor) -> Any:
        found, expected = run(made, image), self.network(image)
        if not isinstance(expected, Tensor) or expected.shape != found.shape:
            raise NetworkError("The network's output has another size in ONNX Runtime than in PyTorch.")
        scale = max(1.0, float(expected.abs().max()))
        difference = float((found - expected).abs().max()) / scale
        if not difference <= _TOLERANCE:
            raise NetworkError(f"The network's output differs by {difference:.1e} between ONNX Runtime and PyTorch.")
        return made


def session(network: nn.Module, image: Tensor) -> Any:
    """An ONNX Runtime session of the network for images of one size."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(_exported(network, image), options, providers=["CPUExecutionProvider"])


def run(made: Any, image: Tensor) -> Tensor:
    """One forward pass."""
    return torch.from_numpy(made.run(None, {"image": image.numpy()})[0])


def _exported(network: nn.Module, image: Tensor) -> bytes:
    """By tracing, which needs no further package and takes under a second; the newer exporter takes many."""
    file: Any = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network, (image,), file, input_names=["image"], output_names=["sr"], opset_version=_OPSET, dynamo=False
        )
    exported: bytes = file.getvalue()
    return exported
