"""What fvcore counts on a network, to compare with what the tree says."""

import logging
import warnings
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from nas.costing import Cost
from nas.costing import cost as stated
from nas.language import Architecture
from nas.networks import build

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it scripts a loss that nobody asked for
    from fvcore.nn import ActivationCountAnalysis, FlopCountAnalysis


class Count(NamedTuple):
    """Parameters, multiply-accumulates and elements written by convolutions and products."""

    params: int
    flops: int
    activations: int


def counted(arch: Architecture, height: int, width: int) -> Count:
    """Count the deployed network on a random image."""
    network, image = build(arch), torch.rand(1, 3, height, width)
    flops, activations = (total(kind(network, image)) for kind in (FlopCountAnalysis, ActivationCountAnalysis))
    return Count(parameters(network), flops, activations)


class Convolutions(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the convolutions that run inside it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func is torch.ops.aten.convolution.default
        return func(*args, **(kwargs or {}))


def counted_roughly(arch: Architecture, height: int, width: int) -> tuple[int, int]:
    """Parameters and multiply-accumulates only, in half the time."""
    network = build(arch)
    return parameters(network), total(FlopCountAnalysis(network, torch.rand(1, 3, height, width)))


def parameters(network: nn.Module) -> int:
    """Numbers that training may change."""
    return sum(parameter.numel() for parameter in network.parameters())


def total(analysis: Any) -> int:
    """What an analysis of fvcore counts in all."""
    logging.getLogger("fvcore.nn.jit_analysis").setLevel(logging.ERROR)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        return int(analysis.total())


def costed(arch: Architecture, height: int, width: int) -> Count:
    """The same from the tree alone."""
    found: Cost = stated(arch, height, width)
    return Count(found.params, found.flops, found.activations)
