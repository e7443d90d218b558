"""What each op is, without torch: fields and their ranges, output shape and closed-form cost."""

from collections.abc import Mapping

from nas.ops import (
    activation,
    attention,
    block,
    branches,
    channel,
    conv,
    experts,
    fourier,
    fusion,
    gated,
    involution,
    modulation,
    norm,
    partial,
    pooled,
    refining,
    routed,
    scan,
    separable,
    sizes,
    training,
    transposed,
    variance,
    windows,
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
    "experts",
    "fourier",
    "fusion",
    "gated",
    "involution",
    "modulation",
    "norm",
    "partial",
    "pooled",
    "refining",
    "registry",
    "routed",
    "scan",
    "separable",
    "sizes",
    "training",
    "transposed",
    "variance",
    "windows",
]


def registry() -> Mapping[str, type[Op]]:
    """Return every registered op by name."""
    return REGISTRY
