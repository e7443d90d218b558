"""What each op is, without torch: fields and their ranges, output shape and closed-form cost."""

from collections.abc import Mapping

from nas.ops import (
    activation,
    attention,
    block,
    branches,
    channel,
    conv,
    fusion,
    involution,
    modulation,
    norm,
    pooled,
    refining,
    separable,
    training,
)
from nas.ops.base import REGISTRY, Cost, Op, Shape

__all__ = [
    "Cost",
    "Op",
    "Shape",
    "activation",
    "attention",
    "block",
    "branches",
    "channel",
    "conv",
    "fusion",
    "involution",
    "modulation",
    "norm",
    "pooled",
    "refining",
    "registry",
    "separable",
    "training",
]


def registry() -> Mapping[str, type[Op]]:
    """Return every registered op by name."""
    return REGISTRY
