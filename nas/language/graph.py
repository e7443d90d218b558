"""The flat form of an architecture: ops in execution order with explicit inputs, its canonical data and hashes."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import rfc8785

from nas.ops.base import Cost, Op, Shape, outcome

IMAGE = -1
"""The node number of the image, after mean, gain and padding were applied."""

HASH_PREFIX = "a1:"
"""Names the version of the canonical form, not of the language."""


@dataclass(frozen=True, slots=True)
class Ref:
    """The result of a node (``tap`` empty) or one of its taps."""

    node: int
    tap: str = ""

    def plain(self) -> int | list[int | str]:
        """Return the reference as canonical data."""
        return [self.node, self.tap] if self.tap else self.node


@dataclass(frozen=True, slots=True)
class Node:
    """One op with its inputs.

    Args:
        op: The op, bound: every field is set.
        inputs: What it reads.
        widths: Channels of each input.
        tie: Number of the earlier node whose weights it shares, or None.
        path: Where its step stands in the document, for messages.
    """

    op: Op
    inputs: tuple[Ref, ...]
    widths: tuple[int, ...]
    tie: int | None
    path: str

    def plain(self, *, deployed: bool) -> dict[str, Any]:
        """Return the node as canonical data."""
        result = self.op.to_dict(deployed=deployed)
        result["in"] = [ref.plain() for ref in self.inputs]
        return result if self.tie is None else {**result, "tie": self.tie}


@dataclass(frozen=True, slots=True)
class Pad:
    """Padding of the image, right and below, to a multiple of ``multiple`` pixels; the output is cropped."""

    multiple: int
    mode: str


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What happens to an image in [0, 1] first: (x - mean) * gain, then padding."""

    mean: tuple[float, float, float] | None = None
    gain: float = 1.0
    pad: Pad | None = None

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return the padded size of an image."""
        if self.pad is None:
            return height, width
        multiple = self.pad.multiple
        return -(-height // multiple) * multiple, -(-width // multiple) * multiple

    def plain(self) -> dict[str, Any]:
        """Return the non-default parts as canonical data."""
        result: dict[str, Any] = {}
        if self.mean is not None:
            result["mean"] = list(self.mean)
        if self.gain != 1.0:
            result["gain"] = self.gain
        if self.pad is not None:
            result["pad"] = {"mode": self.pad.mode, "multiple": self.pad.multiple}
        return result


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """What happens to the result last: crop, add the mean back, limit to [0, 1]."""

    mean: bool = False
    clamp: bool = False

    def plain(self) -> dict[str, Any]:
        """Return the non-default parts as canonical data."""
        return {name: True for name in ("clamp", "mean") if getattr(self, name)}


@dataclass(frozen=True)
class Graph:
    """A network as a list of nodes, every one of them used."""

    nodes: tuple[Node, ...]
    output: Ref
    scale: int
    input: InputSpec
    result: OutputSpec

    def canonical(self, *, deployed: bool = False) -> dict[str, Any]:
        """Return the canonical data; ``deployed`` drops what only training knows."""
        return {
            "input": self.input.plain(),
            "nodes": [node.plain(deployed=deployed) for node in self.nodes],
            "out": self.output.plain(),
            "output": self.result.plain(),
            "scale": self.scale,
        }

    @cached_property
    def hash(self) -> str:
        """Identity of the architecture by value."""
        return digest(self.canonical())

    @cached_property
    def deployed_hash(self) -> str:
        """Identity of the deployed form: two ways of training one network share it."""
        return digest(self.canonical(deployed=True))

    def cost(self, height: int, width: int) -> Cost:
        """Return the cost of one image of ``height`` x ``width`` pixels."""
        shapes: list[Shape] = []
        costs: list[Cost] = []
        image = Shape(3, *self.input.size(height, width))
        for node in self.nodes:
            inputs = tuple(image if ref.node == IMAGE else shapes[ref.node] for ref in node.inputs)
            shape, cost = outcome(node.op, inputs)
            shapes.append(shape)
            costs.append(cost if node.tie is None else cost.without_params())
        return Cost.total(costs)


def digest(canonical: dict[str, Any]) -> str:
    """Hash canonical data (numbers and key order as in RFC 8785)."""
    return HASH_PREFIX + hashlib.sha256(rfc8785.dumps(_integral(canonical))).hexdigest()


def _integral(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _integral(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_integral(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
