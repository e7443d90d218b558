"""The network of an architecture: its nodes' modules, run in order."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor, nn

from nas.errors import BuildError
from nas.language import IMAGE, Architecture, Graph, Ref
from nas.networks.calls import Call, Form, call
from nas.networks.padding import padded
from nas.networks.unscaling import unscaled

Weights = Path | str | Mapping[str, Tensor]
"""A safetensors file or a state dict."""


@dataclass(frozen=True)
class Step:
    """One node, as a network runs it.

    Args:
        name: Attribute of the network that holds the module; steps that share weights share it.
        call: What makes the module.
        inputs: What it reads.
        outputs: The results that are read later: the node's own first, then its taps in the module's order.
        spent: What nothing reads after this step.
    """

    name: str
    call: Call
    inputs: tuple[Ref, ...]
    outputs: tuple[Ref, ...]
    spent: tuple[Ref, ...]


def steps(graph: Graph, form: Form = "deployed") -> tuple[Step, ...]:
    """Plan how a network runs ``graph``; names depend on the ops and their order only."""
    last = {ref: number for number, node in enumerate(graph.nodes) for ref in node.inputs}
    last[graph.output] = len(graph.nodes)
    names: list[str] = []
    seen, planned = Counter[str](), []
    for number, node in enumerate(graph.nodes):
        if node.tie is None:
            seen[node.op.name] += 1
        names.append(names[node.tie] if node.tie is not None else f"{node.op.name}_{seen[node.op.name]}")
        outputs = (Ref(number), *(Ref(number, tap) for tap in _taps(graph, number)))
        spent = tuple(ref for ref in dict.fromkeys((*node.inputs, *outputs)) if last.get(ref, number) == number)
        planned.append(Step(names[-1], _call(graph, number, form), node.inputs, outputs, spent))
    return tuple(planned)


def _taps(graph: Graph, number: int) -> list[str]:
    """Taps that the module of this node returns: those read from it or from any node that shares its weights."""
    owner = _owner(graph, number)
    wanted = {
        ref.tap
        for ref in (graph.output, *(ref for node in graph.nodes for ref in node.inputs))
        if ref.tap and _owner(graph, ref.node) == owner
    }
    return [tap for tap in graph.nodes[owner].op.taps() if tap in wanted]


def _owner(graph: Graph, number: int) -> int:
    tie = None if number == IMAGE else graph.nodes[number].tie
    return number if tie is None else _owner(graph, tie)


def _call(graph: Graph, number: int, form: Form) -> Call:
    node, gain = graph.nodes[number], graph.input.gain
    made = call(node.op, node.widths, form, tuple(_taps(graph, number)))
    reads_image = node.inputs == (Ref(IMAGE),)
    return unscaled(made, gain) if form == "training" and gain != 1.0 and reads_image else made


class Network(nn.Module):
    """An architecture as a module.

    Args:
        graph: The architecture's graph.
        form: Whether convolutions get their training branches.

    Shapes:
        image: (B, 3, H, W) in [0, 1]
        returns: (B, 3, scale * H, scale * W)
    """

    mean: Tensor

    def __init__(self, graph: Graph, form: Form = "deployed") -> None:
        super().__init__()
        self.graph, self.form, self.steps = graph, form, steps(graph, form)
        self.register_buffer("mean", torch.tensor(graph.input.mean or (0.0, 0.0, 0.0)).view(3, 1, 1), persistent=False)
        for step in self.steps:
            if not hasattr(self, step.name):
                self.add_module(step.name, step.call.build())

    def forward(self, image: Tensor) -> Tensor:
        """Enlarge an image."""
        features = {Ref(IMAGE): self.prepared(image)}
        for step in self.steps:
            results = getattr(self, step.name)(*[features[ref] for ref in step.inputs])
            features.update(zip(step.outputs, results if isinstance(results, tuple) else (results,), strict=True))
            del results
            for ref in step.spent:
                del features[ref]
        return self.finished(features[self.graph.output], image)

    def prepared(self, image: Tensor) -> Tensor:
        """Return the image as nodes read it: shifted, scaled and padded."""
        spec = self.graph.input
        if spec.mean is not None:
            image = image - self.mean
        if spec.gain != 1.0:
            image = image * spec.gain
        return image if spec.pad is None else padded(image, spec.pad.multiple, spec.pad.mode)

    def finished(self, result: Tensor, image: Tensor) -> Tensor:
        """Return the result cropped to the image, shifted back and limited to [0, 1], as far as asked for."""
        graph = self.graph
        if graph.input.pad is not None:
            height, width = image.shape[-2:]
            result = result[..., : graph.scale * height, : graph.scale * width]
        if graph.result.mean:
            result = result + self.mean
        return result.clamp(0, 1) if graph.result.clamp else result


def build(arch: Architecture, weights: Weights | None = None, form: Form = "deployed") -> Network:
    """Build the network of an architecture.

    Args:
        arch: The architecture.
        weights: A safetensors file or a state dict; every key must fit. Without them, they are random.
        form: ``deployed`` (in evaluation mode) or ``training``.

    Raises:
        BuildError: The weights do not fit.
    """
    if form not in get_args(Form):
        raise BuildError(f"A network has the forms {' and '.join(get_args(Form))}, got {form!r}.")
    network = Network(arch.graph, form)
    if weights is not None:
        load(network, weights)
    return network.train(form == "training")


def load(network: nn.Module, weights: Weights) -> None:
    """Load weights key by key; raises BuildError that names the first key that does not fit."""
    given = read(weights) if isinstance(weights, str | Path) else weights
    wanted = network.state_dict()
    for name, tensor in wanted.items():
        if name not in given:
            raise BuildError(f"The weights have no {name!r}, which the network needs; use those of this architecture.")
        if given[name].shape != tensor.shape:
            shapes = f"{tuple(given[name].shape)} where the network has {tuple(tensor.shape)}"
            raise BuildError(f"The weights hold {name!r} of shape {shapes}; use those of this architecture.")
    for name in given:
        if name not in wanted:
            raise BuildError(f"The weights hold {name!r}, which the network lacks; use those of this architecture.")
    network.load_state_dict(given)


def read(path: Path | str) -> dict[str, Tensor]:
    """Read a safetensors file; raises BuildError when it cannot be read."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise BuildError(f"The weights {str(path)!r} cannot be read ({error}); give a safetensors file.") from error
