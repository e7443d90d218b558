"""PSNR and SSIM as the challenge computes them: RGB, rounded to uint8, the border cut, the mean over images."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from skimage.metrics import structural_similarity
from torch import Tensor, nn

from nas.errors import MeasurementError
from nas.evaluate.quality.bicubic import upscale
from nas.evaluate.quality.data import ImageSet, Pair


@dataclass(frozen=True)
class Quality:
    """How close the validation images of a data set were restored."""

    psnr_db: float
    ssim: float
    per_image: dict[str, float]
    """PSNR of each image, in dB."""


def evaluate(network: nn.Module, data: ImageSet, device: str | torch.device = "cpu") -> Quality:
    """Run ``network`` on every validation image, whole, in eval mode; its mode is restored afterwards.

    Raises:
        MeasurementError: the network returned a value that is not finite.
    """
    target = torch.device(device)
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            return judge(data, lambda pair: quantise(_restore(network, pair, target)))
    finally:
        network.train(was_training)


def bicubic_quality(data: ImageSet) -> Quality:
    """What plain bicubic enlargement reaches on the validation images."""
    return judge(data, lambda pair: torch.from_numpy(upscale(pair.lr.numpy(), data.scale)))


def bicubic_psnr_db(data: ImageSet) -> float:
    """The floor beside every figure: PSNR of bicubic enlargement, in dB."""
    return bicubic_quality(data).psnr_db


def judge(data: ImageSet, restore: Callable[[Pair], Tensor]) -> Quality:
    """Compare what ``restore`` makes of each validation pair, (H, W, 3) uint8, with its photograph."""
    psnr: dict[str, float] = {}
    ssims: list[float] = []
    for pair in data.validation:
        restored = restore(pair)
        psnr[pair.name] = psnr_db(restored, pair.hr, border=data.scale)
        ssims.append(ssim(restored, pair.hr, border=data.scale))
    return Quality(sum(psnr.values()) / len(psnr), sum(ssims) / len(ssims), psnr)


def quantise(image_chw: Tensor) -> Tensor:
    """Clamp to [0, 1], scale to 0..255 and round.

    Shapes:
        image_chw: (3, H, W), floating
        returns: (H, W, 3), uint8, on the CPU
    """
    return (image_chw.float().clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu()


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
        restored, hr: (H, W, 3), uint8

    Reference:
        Wang et al., 2004: an 11x11 Gaussian window with a deviation of 1.5, valid positions only.
    """
    value = structural_similarity(  # type: ignore[no-untyped-call]
        _cut(restored, border).numpy(),
        _cut(hr, border).numpy(),
        channel_axis=2,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return float(value)


def _restore(network: nn.Module, pair: Pair, device: torch.device) -> Tensor:
    lr_bchw = pair.lr.to(device).permute(2, 0, 1)[None].float() / 255
    restored: Tensor = network(lr_bchw)[0]
    if not bool(torch.isfinite(restored).all()):
        raise MeasurementError(f"The network returns values that are not finite on image {pair.name!r}; train it anew.")
    return restored


def _cut(image: Tensor, border: int) -> Tensor:
    return image[border : image.shape[0] - border, border : image.shape[1] - border]
