"""What an architecture costs, from its tree alone."""

from nas.language.architecture import Architecture
from nas.ops.base import Cost

__all__ = ["COUNTED", "Cost", "cost", "counts"]

COUNTED = ("params", "flops", "activations", "convs")
"""What a candidate's row in a store holds of its cost."""


def cost(architecture: Architecture, height: int = 256, width: int = 256) -> Cost:
    """Return params, FLOPs, activations and convolution count of the deployed form, by fvcore's rules.

    Args:
        architecture: The architecture.
        height: Height of the low-resolution image, in pixels (the challenge counts at 256).
        width: Width of the low-resolution image, in pixels.
    """
    return architecture.graph.cost(height, width)


def counts(architecture: Architecture) -> dict[str, int]:
    """Return the figures of ``COUNTED`` by name."""
    found = cost(architecture)
    return {name: getattr(found, name) for name in COUNTED}
