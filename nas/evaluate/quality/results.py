"""Weights as results of stages: copies, means, and how good they are on the validation images."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from nas.evaluate.quality.data import ImageSet
from nas.evaluate.quality.judging import restored
from nas.evaluate.quality.metrics import psnr_db as image_psnr_db
from nas.evaluate.quality.metrics import quantise
from nas.evaluate.quality.turns import Point, undisturbed

State = dict[str, Tensor]


def snapshot(network: nn.Module) -> State:
    """A copy of a network's weights."""
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def digest(network: nn.Module) -> str:
    """SHA-256 of a network's weights."""
    found = hashlib.sha256()
    for name, value in network.state_dict().items():
        found.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        found.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def mean(states: Sequence[State]) -> State:
    """The equal mean of weights (a soup); what counts something is the last one's.

    Reference:
        Wortsman et al., Model soups, 2022. https://arxiv.org/abs/2203.05482
    """
    last = states[-1]
    return {
        name: torch.stack([state[name] for state in states]).mean(0) if value.is_floating_point() else value.clone()
        for name, value in last.items()
    }


def refresh_statistics(network: nn.Module, batches: Iterable[Tensor], *, point: Point = undisturbed) -> None:
    """Take the statistics of batch normalisation anew, where a network has any; averaged weights have others.

    ``point`` is called before each batch is drawn.
    """
    with torch.random.fork_rng(devices=[]):
        update_bn(_one_by_one(batches, point), network)


def _one_by_one(batches: Iterable[Tensor], point: Point) -> Iterator[Tensor]:
    drawn = iter(batches)
    while True:
        point()
        try:
            yield next(drawn)
        except StopIteration:
            return


@torch.inference_mode()
def psnr_db(network: nn.Module, data: ImageSet, device: torch.device, point: Point = undisturbed) -> float:
    """PSNR on the validation images as the challenge computes it; minus infinity where a value is not finite.

    In tiles where memory demands it: a look must not end a training. ``point`` is called between images.
    """
    network.eval()
    found = []
    for pair, image in restored(network, data, device, point=point):
        if not bool(torch.isfinite(image).all()):
            return -torch.inf
        found.append(image_psnr_db(quantise(image), pair.hr, border=data.scale))
    return sum(found) / len(found)
