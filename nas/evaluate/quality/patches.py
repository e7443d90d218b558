"""Whether a network can take patches of a size, known from its tree before anything runs."""

from torch import nn

from nas.errors import RecipeError
from nas.evaluate.quality.recipes import Recipe
from nas.language import IMAGE, Graph
from nas.networks import Network
from nas.ops.base import Shape, outcome
from nas.ops.fields import FieldError

LARGEST = 256
"""Architectures are checked on images of this side, so that each can take it."""


def check(network: nn.Module, recipe: Recipe) -> None:
    """Refuse a recipe with patches that are too small for the network.

    Raises:
        RecipeError: naming the op and the size that it needs.
    """
    if not isinstance(network, Network):
        return
    for number, stage in enumerate(recipe.stages):
        problem = obstacle(network.graph, stage.patch)
        if problem is not None:
            least = next(side for side in range(stage.patch, LARGEST + 1) if obstacle(network.graph, side) is None)
            raise RecipeError(
                f"Recipe {recipe.name!r}: patches of {stage.patch}x{stage.patch} LR pixels in stages.{number} are too "
                f"small for this network: {problem}; use patches of at least {least}."
            )


def obstacle(graph: Graph, side: int) -> str | None:
    """What in a network cannot take a square image of this side, or None."""
    shapes: list[Shape] = []
    image = Shape(3, *graph.input.size(side, side))
    for node in graph.nodes:
        inputs = tuple(image if ref.node == IMAGE else shapes[ref.node] for ref in node.inputs)
        try:
            shapes.append(outcome(node.op, inputs)[0])
        except FieldError as error:
            return f"network.{node.path}: {error}"
    return None
