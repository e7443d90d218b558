"""What an architecture costs, from its tree alone."""

from nas.language.architecture import Architecture
from nas.ops.base import Cost

__all__ = ["Cost", "cost"]


def cost(architecture: Architecture, height: int = 256, width: int = 256) -> Cost:
    """Return params, FLOPs, activations and convolution count of the deployed form, by fvcore's rules.

    Args:
        architecture: The architecture.
        height: Height of the low-resolution image, in pixels (the challenge counts at 256).
        width: Width of the low-resolution image, in pixels.
    """
    return architecture.graph.cost(height, width)
