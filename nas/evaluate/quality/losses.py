"""The terms of a recipe's loss."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from nas.errors import BuildError
from nas.evaluate.quality.recipes import Loss

CHARBONNIER_EPSILON_SQUARED = 1e-6


def charbonnier(sr_bchw: Tensor, hr_bchw: Tensor) -> Tensor:
    """Mean of sqrt(difference^2 + 1e-6), a smooth L1 (Charbonnier et al., 1994)."""
    return ((sr_bchw - hr_bchw).square() + CHARBONNIER_EPSILON_SQUARED).sqrt().mean()


TERMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l1": F.l1_loss, "l2": F.mse_loss, "charbonnier": charbonnier}


def weigh(loss: Loss, sr_bchw: Tensor, hr_bchw: Tensor) -> Tensor:
    """The weighted sum that ``loss`` describes, in float32.

    Shapes:
        sr_bchw, hr_bchw: (B, 3, H, W)
        returns: a scalar

    Raises:
        BuildError: the network's output is not of the photograph's size.
    """
    if sr_bchw.shape != hr_bchw.shape:
        raise BuildError(
            f"The network returns {tuple(sr_bchw.shape)} where the photographs are {tuple(hr_bchw.shape)}; "
            "load the data with the network's scale."
        )
    sr_bchw = sr_bchw.float()
    return torch.stack([weight * TERMS[name](sr_bchw, hr_bchw) for name, weight in loss if weight]).sum()
