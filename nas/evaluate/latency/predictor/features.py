"""What a predictor of latency knows of a network: closed-form costs by op and kernel, from its tree alone."""

import math
from collections import defaultdict
from collections.abc import Iterator

from nas.language import Architecture
from nas.language.graph import IMAGE, Node
from nas.ops.base import Cost, Shape, outcome

SIDE = 256
"""Height and width in pixels of the image that is counted."""

COUNTS = ("params", "flops", "activations", "convs")
STEPS = "steps"
"""How many ops there are: each is at least one kernel to launch."""


def features(architecture: Architecture) -> dict[str, float]:
    """Sums of the deployed form's costs, as log(1 + x).

    Names are ``total.flops`` and so on over all, and ``conv.3.flops`` and so on for each op and kernel.
    """
    sums: dict[str, float] = defaultdict(float)
    for node, cost in _costs(architecture):
        figures = {**{name: getattr(cost, name) for name in COUNTS}, STEPS: 1}
        for name, value in figures.items():
            sums[f"total.{name}"] += value
            sums[f"{_kind(node)}.{name}"] += value
    return {name: math.log1p(value) for name, value in sums.items() if value}


def groups(named: dict[str, float]) -> frozenset[str]:
    """The ops that features speak of."""
    return frozenset(name.split(".")[0] for name in named) - {"total"}


def _costs(architecture: Architecture) -> Iterator[tuple[Node, Cost]]:
    graph = architecture.graph
    image, shapes = Shape(3, *graph.input.size(SIDE, SIDE)), list[Shape]()
    for node in graph.nodes:
        inputs = tuple(image if ref.node == IMAGE else shapes[ref.node] for ref in node.inputs)
        shape, cost = outcome(node.op, inputs)
        shapes.append(shape)
        yield node, cost if node.tie is None else cost.without_params()


def _kind(node: Node) -> str:
    kernel = getattr(node.op, "kernel", None)
    return node.op.name if kernel is None else f"{node.op.name}.{kernel}"
