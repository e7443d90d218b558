"""What each op is, without torch: fields and their ranges, output shape and closed-form cost."""

from collections.abc import Mapping

from nas.ops import activation, attention, block, conv, fusion, training
from nas.ops.base import REGISTRY, Cost, Op, Shape

__all__ = ["Cost", "Op", "Shape", "activation", "attention", "block", "conv", "fusion", "registry", "training"]


def registry() -> Mapping[str, type[Op]]:
    """Return every registered op by name."""
    return REGISTRY
