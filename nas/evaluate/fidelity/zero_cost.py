"""Scores of untrained networks, computed from one batch: said to tell good architectures without any training."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.language import Architecture
from nas.networks import build

CURVED = (nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.SiLU, nn.GELU)
BATCH, SIDE = 16, 24


def synflow(network: nn.Module, lr_bchw: Tensor) -> float:
    """Sum of |weight x gradient of the summed output| for an image of ones and absolute weights, as a logarithm.

    Reference:
        Tanaka et al., Pruning neural networks without any data, 2020. https://arxiv.org/abs/2006.05467
    """
    network.double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    weights = _trainable(network)
    total = network(torch.ones_like(lr_bchw[:1], dtype=torch.float64)).sum()
    gradients = torch.autograd.grad(total, weights, allow_unused=True)
    flow = [
        (weight.detach() * found).abs().sum()
        for weight, found in zip(weights, gradients, strict=True)
        if found is not None
    ]
    return float(torch.stack(flow).sum().log())


@torch.no_grad()
def naswot(network: nn.Module, lr_bchw: Tensor) -> float | None:
    """Log-determinant of how often the activations of two patches agree in sign; None without activations.

    Reference:
        Mellor et al., Neural Architecture Search without Training, 2021. https://arxiv.org/abs/2006.04647
    """
    count = len(lr_bchw)
    agree = torch.zeros(count, count, dtype=torch.float64)

    def look(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        code = (inputs[0] > 0).reshape(count, -1).double()
        agree.add_(code @ code.T + (1 - code) @ (1 - code).T)

    hooks = [part.register_forward_pre_hook(look) for part in network.modules() if isinstance(part, CURVED)]
    network(lr_bchw)
    for hook in hooks:
        hook.remove()
    value = float(torch.linalg.slogdet(agree)[1]) if hooks else float("-inf")
    return value if value > float("-inf") else None


def grad_norm(network: nn.Module, lr_bchw: Tensor) -> float:
    """Euclidean norm of the gradient of the mean absolute difference from bicubic enlarging.

    Reference:
        Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, 2021. https://arxiv.org/abs/2101.08134
    """
    made = network(lr_bchw)
    wanted = functional.interpolate(lr_bchw, size=made.shape[-2:], mode="bicubic")
    weights = _trainable(network)
    gradients = torch.autograd.grad(functional.l1_loss(made, wanted), weights, allow_unused=True)
    return float(torch.stack([found.square().sum() for found in gradients if found is not None]).sum().sqrt())


def _trainable(network: nn.Module) -> list[nn.Parameter]:
    return [weight for weight in network.parameters() if weight.requires_grad]


SCORES: dict[str, Callable[[nn.Module, Tensor], float | None]] = {
    "synflow": synflow,
    "naswot": naswot,
    "grad-norm": grad_norm,
}


def scores(architecture: Architecture, lr_bchw: Tensor, *, seed: int = 0) -> dict[str, float]:
    """Return every score of a network in deployed form, from random weights that the seed decides.

    A score that is not finite, or not defined for this network, is left out.

    Shapes:
        lr_bchw: (B, 3, H, W) in [0, 1]
    """
    found: dict[str, float] = {}
    for name, score in SCORES.items():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            value = score(build(architecture), lr_bchw)
        if value is not None and abs(value) < float("inf"):
            found[name] = value
    return found


def patches(images: Any, *, seed: int = 0) -> Tensor:
    """Return LR crops of the photographs that train, always the same: (BATCH, 3, SIDE, SIDE) in [0, 1], or smaller
    where a photograph is.

    Args:
        images: A ``nas.evaluate.quality.data.ImageSet``.
        seed: Decides the crops.
    """
    generator, crops = torch.Generator().manual_seed(seed), []
    photographs = [pair.lr for pair in images.train]
    side = min(SIDE, *(min(lr.shape[:2]) for lr in photographs))
    for index in range(BATCH):
        lr = photographs[index % len(photographs)]
        top, left = (int(torch.randint(whole - side + 1, (), generator=generator)) for whole in lr.shape[:2])
        crops.append(lr[top : top + side, left : left + side])
    return torch.stack(crops).permute(0, 3, 1, 2).float() / 255
