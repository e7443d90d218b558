"""PSNR and SSIM as the challenge computes them: RGB, rounded to uint8, the border cut, the mean over images."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nas.errors import MeasurementError
from nas.evaluate.quality.bicubic import upscale
from nas.evaluate.quality.data import ImageSet, Pair
from nas.evaluate.quality.judging import restored
from nas.evaluate.quality.metrics_tiles import Warn
from nas.evaluate.quality.turns import Point, undisturbed

WINDOW, DEVIATION = 11, 1.5
STABILISERS = (0.01 * 255) ** 2, (0.03 * 255) ** 2


@dataclass(frozen=True)
class Quality:
    """How close the validation images of a data set were restored."""

    psnr_db: float
    ssim: float
    per_image: dict[str, float]
    """PSNR of each image, in dB."""

    ssim_per_image: dict[str, float]
    """SSIM of each image."""


def evaluate(
    network: nn.Module,
    data: ImageSet,
    device: str | torch.device = "cpu",
    *,
    tile: int | None = None,
    warn: Warn = lambda _: None,
    point: Point = undisturbed,
) -> Quality:
    """Run ``network`` on every validation image in eval mode and true fp32; its mode is restored afterwards.

    Images are restored whole, and in tiles only where memory demands it. What a network draws at random is seeded, so
    the same network always gives the same figures.

    Args:
        network: In its deployed or training form, on ``device``.
        data: Its validation part is looked at.
        device: Where to compute.
        tile: Side of tiles in LR pixels, to force them.
        warn: Told once in what tiles images were worked.
        point: Called between the pieces of work on every image (``Turns.point``).

    Raises:
        MeasurementError: the network returned a value that is not finite.
    """
    target = torch.device(device)
    was_training = network.training
    network.eval()
    said: set[str] = set()
    try:
        images = restored(network, data, target, tile=tile, warn=said.add, point=point)
        return _judged(((pair, to_uint8(_finite(image, pair.name))) for pair, image in images), data.scale, point)
    finally:
        network.train(was_training)
        for words in sorted(said):
            warn(words)


def bicubic_quality(data: ImageSet, *, point: Point = undisturbed) -> Quality:
    """What plain bicubic enlargement reaches on the validation images."""
    return _judged(_enlarged(data, point), data.scale, point)


def bicubic_psnr_db(data: ImageSet, *, point: Point = undisturbed) -> float:
    """The floor beside every figure: PSNR of bicubic enlargement, in dB."""
    found = [psnr_db(image, pair.hr, border=data.scale) for pair, image in _enlarged(data, point)]
    return sum(found) / len(found)


def _enlarged(data: ImageSet, point: Point) -> Iterator[tuple[Pair, Tensor]]:
    for pair in data.validation:
        point()
        yield pair, torch.from_numpy(upscale(pair.lr.numpy(), data.scale))


def _judged(images: Iterable[tuple[Pair, Tensor]], border: int, point: Point) -> Quality:
    """Compare each restored image, (H, W, 3) uint8, with its photograph."""
    psnrs: dict[str, float] = {}
    ssims: dict[str, float] = {}
    for pair, image in images:
        hr = pair.hr.to(image.device)
        psnrs[pair.name] = psnr_db(image, hr, border=border)
        point()
        ssims[pair.name] = ssim(image, hr, border=border)
    return Quality(sum(psnrs.values()) / len(psnrs), sum(ssims.values()) / len(ssims), psnrs, ssims)


def to_uint8(image_chw: Tensor) -> Tensor:
    """Clamp to [0, 1], scale to 0..255 and round.

    Shapes:
        image_chw: (3, H, W), floating
        returns: (H, W, 3), uint8
    """
    return (image_chw.float().clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)


def quantise(image_chw: Tensor) -> Tensor:
    """As ``to_uint8``, on the CPU."""
    return to_uint8(image_chw).cpu()


def psnr_db(restored: Tensor, hr: Tensor, *, border: int = 4) -> float:
    """Peak signal-to-noise ratio over all three channels; infinite for equal images.

    Shapes:
        restored, hr: (H, W, 3), uint8
    """
    difference = _cut(restored, border).double() - _cut(hr, border).double()
    mean_square = difference.square().mean()
    return float(20 * torch.log10(255 / mean_square.sqrt()))


def ssim(restored: Tensor, hr: Tensor, *, border: int = 4) -> float:
    """Structural similarity, the mean of the three channels.

    Shapes:
        restored, hr: (H, W, 3), uint8, on one device

    Reference:
        Wang et al., 2004, as in the organisers' code: an 11x11 Gaussian window with a deviation of 1.5, valid
        positions only, biased variances, in double precision.
    """
    a, b = (_cut(image, border).permute(2, 0, 1).double() for image in (restored, hr))
    mean_a, mean_b = _blur(a), _blur(b)
    square_a, square_b, product = mean_a.square(), mean_b.square(), mean_a * mean_b
    of_means, of_variances = STABILISERS
    likeness = (2 * product + of_means) * (2 * (_blur(a * b) - product) + of_variances)
    variances = _blur(a.square()) - square_a + _blur(b.square()) - square_b
    return float((likeness / ((square_a + square_b + of_means) * (variances + of_variances))).mean())


def _blur(planes_chw: Tensor) -> Tensor:
    """Under the Gaussian window, one axis after the other; accumulated in place, since pictures are large."""
    offsets = range(-(WINDOW // 2), WINDOW // 2 + 1)
    taps = [math.exp(-(offset**2) / (2 * DEVIATION**2)) for offset in offsets]
    for axis in (1, 2):
        size = planes_chw.shape[axis] - WINDOW + 1
        total = torch.zeros_like(planes_chw.narrow(axis, 0, size))
        for at, tap in enumerate(taps):
            total.add_(planes_chw.narrow(axis, at, size), alpha=tap / sum(taps))
        planes_chw = total
    return planes_chw


def _finite(restored_chw: Tensor, name: str) -> Tensor:
    if not bool(torch.isfinite(restored_chw).all()):
        raise MeasurementError(f"The network returns values that are not finite on image {name!r}; train it anew.")
    return restored_chw


def _cut(image: Tensor, border: int) -> Tensor:
    return image[border : image.shape[0] - border, border : image.shape[1] - border]
