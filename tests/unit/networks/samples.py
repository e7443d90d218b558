"""Small architectures: one for every op, and random ones."""

from typing import Any

import torch
from torch import Tensor

from nas.language import Architecture
from nas.ops import registry

SIDE = 18
"""Large enough for the pooling inside ESA."""

STEPS: dict[str, dict[str, Any]] = {
    "concat": {"of": ["head", "in"]},
    "add": {"of": ["head", "in"]},
    "slice": {"channels": [1, 7]},
    "resize": {"scale": 2},
    "pixelshuffle": {"scale": 2},
    "multiply": {"of": ["head", "in"]},
    "repeat_channels": {"times": 2},
    "factorised": {"inner": 3},
    "safm": {"split": 3},
    "involution": {"groups": 2},
    "partial": {"first": 3},
    "channel_shuffle": {"groups": 2},
    "idle": {"count": 5},
    "fit": {"of": [{"op": "max_pool"}, "in"]},
    "expert_mixture": {"of": ["head", "in"]},
    "content_mixer": {"of": ["head", "in"], "window": 4},
    "self_correlation": {"window": 8, "heads": 2, "base": 4},
    "window_attention": {"window": 4, "shift": 2, "heads": 2, "fold": 2},
    "selective_scan": {"state": 3, "rank": 2},
    "prompted_scan": {"state": 3, "tokens": 8, "prompt": 4},
}
"""Fields of the ops that cannot do without."""


def document(*body: Any, width: int = 8, **network: Any) -> dict[str, Any]:
    """A x2 document of a head, a body and a tail."""
    tail = {"op": "pixelshuffle", "kernel": 3}
    slots = {"width": width, "head": "conv", "body": list(body), "tail": tail, **network}
    return {"language": 1, "scale": 2, "network": {key: value for key, value in slots.items() if value}}


def architecture(*body: Any, **network: Any) -> Architecture:
    """As ``document``, made an architecture."""
    return Architecture(document(*body, **network))


def sample(name: str, **fields: Any) -> Architecture:
    """A small architecture that has the op ``name`` in it, with these fields."""
    step = {"op": name, **STEPS.get(name, {}), **fields}
    if registry()[name].kind == "training":
        groups = 8 if name == "multi_kernel" else 1
        conv = {"op": "conv", "groups": groups, "train": step}
        return architecture(conv, {**conv, "bias": False})
    if name == "resize":
        return architecture(tail={"op": "pixelshuffle", "kernel": 3, "plus": {**step, "in": "image"}})
    if name == "pixelshuffle":
        return architecture(tail=[{"op": "conv", "width": 12}, step])
    if name == "max_pool":
        return architecture({"op": "fit", "of": [step, "in"]})
    return architecture(step)


def photograph(*, height: int = SIDE, width: int = SIDE, batch: int = 1) -> Tensor:
    """A smooth random image in [0, 1]."""
    coarse = torch.rand(batch, 3, height // 4 + 2, width // 4 + 2)
    image = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic")
    return image.clamp(0, 1)
