"""Channel pruning: a convolution loses its weakest output channels, whatever reads them loses the same inputs.

The result is another architecture, narrower, with the weights of what remains.
"""

from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn

from nas.errors import LanguageError, RecipeError
from nas.evaluate.quality.features import Pruning
from nas.language import IMAGE, Architecture, Graph, Node, Ref
from nas.networks import Network
from nas.networks.conv import Scaled, Unscaled, assign_
from nas.networks.forms import Kernel, MergingConv

Left = dict[int, Tensor]
"""Channels left of each node's result, by node."""


def document(graph: Graph, name: str = "") -> dict[str, Any]:
    """Write a graph as a document whose body is one step for each node; its hash is the graph's."""
    steps = [_step(graph, number) for number in range(len(graph.nodes))]
    network: dict[str, Any] = {"input": graph.input.plain()} if graph.input.plain() else {}
    network["body"] = steps
    if graph.result.plain():
        network["output"] = graph.result.plain()
    return {"language": 1, **({"name": name} if name else {}), "scale": graph.scale, "network": network}


def _step(graph: Graph, number: int) -> dict[str, Any]:
    node = graph.nodes[number]
    inputs = [_label(ref) for ref in node.inputs]
    if node.tie is not None and len(inputs) == 1:
        return {"op": "reuse", "of": f"n{node.tie}", "as": f"n{number}", "in": inputs[0]}
    reads = {"in": inputs[0]} if len(inputs) == 1 else {"of": inputs}
    return {**node.op.to_dict(), "as": f"n{number}", **reads}


def _label(ref: Ref) -> str:
    if ref.node == IMAGE:
        return "image"
    return f"n{ref.node}.{ref.tap}" if ref.tap else f"n{ref.node}"


@torch.no_grad()
def pruned(network: nn.Module, prunings: tuple[Pruning, ...]) -> Network:
    """Return a narrower network in training form; the given one is left as it is.

    Raises:
        RecipeError: a layer is no convolution that can become narrower, or something that reads it cannot follow.
    """
    if not isinstance(network, Network):
        raise RecipeError("Only networks of an architecture can be pruned.")
    for pruning in prunings:
        network = _one(network, pruning)
    return network


def _one(network: Network, pruning: Pruning) -> Network:
    graph, number = network.graph, _number(network, pruning.layer)
    layer = network.get_submodule(pruning.layer)
    width = graph.nodes[number].op.channels_out(graph.nodes[number].widths)
    if pruning.keep >= width:
        raise RecipeError(
            f"Pruning has to leave fewer than the {width} channels of {pruning.layer!r}, got {pruning.keep}."
        )
    plain = document(graph)
    plain["network"]["body"][number]["width"] = pruning.keep
    if graph.nodes[number].op.groups != 1:  # type: ignore[attr-defined]
        raise RecipeError(f"{pruning.layer!r} convolves in groups, which cannot be pruned.")
    try:
        narrower = Architecture(plain)
    except LanguageError as error:
        raise RecipeError(f"{pruning.layer!r} cannot be pruned to {pruning.keep} channels: {error.sentence}") from None
    weight, _ = _kernel(_convolution(layer))
    channels = weight.flatten(1).norm(dim=1).topk(pruning.keep).indices.sort().values
    with torch.random.fork_rng(devices=[]):
        made = Network(narrower.graph, network.form).to(network.mean.device)
    return _carry(network, made.train(network.training), number, channels)


def _number(network: Network, layer: str) -> int:
    names = [step.name for step in network.steps]
    found = [number for number, name in enumerate(names) if name == layer]
    if len(found) != 1 or network.graph.nodes[found[0]].op.name != "conv":
        convs = [name for name in names if name.startswith("conv_") and names.count(name) == 1]
        raise RecipeError(f"{layer!r} is no convolution that can be pruned; these are: {', '.join(convs) or 'none'}.")
    return found[0]


def _carry(network: Network, narrower: Network, first: int, channels: Tensor) -> Network:
    """Give ``narrower`` what is left of the weights of ``network`` with ``channels`` of node ``first``."""
    left: Left = {}
    for number, node in enumerate(network.graph.nodes):
        name = network.steps[number].name
        old, new = network.get_submodule(name), narrower.get_submodule(narrower.steps[number].name)
        ins = [_of(left, ref, width) for ref, width in zip(node.inputs, node.widths, strict=True)]
        narrowed = any(len(rest) < width for rest, width in zip(ins, node.widths, strict=True))
        if number == first:
            left[number] = channels
        elif narrowed and node.op.name != "conv":
            left[number] = _passed(node, name, old, ins)
        if number == first or (narrowed and node.op.name == "conv"):
            _narrow_(old, new, ins[0], left.get(number))
        elif not narrowed:
            new.load_state_dict(old.state_dict())
    return narrower


def _narrow_(old: nn.Module, new: nn.Module, ins: Tensor, outs: Tensor | None) -> None:
    """Give one convolution what is left of another's kernel."""
    weight, bias = _kernel(_convolution(old))
    weight = weight[:, ins.to(weight.device)]
    if outs is not None:
        weight, bias = weight[outs], None if bias is None else bias[outs]
    assign_(_convolution(new), weight, bias)


def _convolution(layer: nn.Module) -> nn.Conv2d | MergingConv:
    while isinstance(layer, Scaled | Unscaled):
        layer = layer.conv
    assert isinstance(layer, nn.Conv2d | MergingConv)
    return layer


def _kernel(conv: nn.Conv2d | MergingConv) -> Kernel:
    return conv.merged() if isinstance(conv, MergingConv) else (conv.weight, conv.bias)


def _of(left: Left, ref: Ref, width: int) -> Tensor:
    """Channels left of what a reference means; taps of other layers are whole."""
    return torch.arange(width) if ref.tap else left.get(ref.node, torch.arange(width))


def _passed(node: Node, name: str, layer: nn.Module, ins: list[Tensor]) -> Tensor:
    """Channels that an op without weights leaves of narrowed inputs."""
    if node.op.name == "concat":
        firsts = accumulate(node.widths, initial=0)
        return torch.cat([rest.cpu() + first for rest, first in zip(ins, firsts, strict=False)])
    if node.op.kind == "activation" and not list(layer.parameters()):
        return ins[0]
    raise RecipeError(f"A layer cannot be pruned that {name!r} reads; convolutions, concat and activations can follow.")
