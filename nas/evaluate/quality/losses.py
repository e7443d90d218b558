"""The terms of a recipe's loss: distances between a restored image and its photograph, both in [0, 1].

Every term takes (B, 3, H, W), returns a scalar, is never negative and lowest for equal images. ``weigh`` computes
in float32 whatever the network's precision: the squares of small differences vanish in half precision, and Fourier
sums overflow it.
"""

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from nas.errors import BuildError
from nas.evaluate.quality.loss_terms import Loss

PSNR_CEILING = 1e-8
"""The mean squared error that counts as perfect: 80 dB."""

LUMA = (0.299, 0.587, 0.114)
BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def charbonnier(sr_bchw: Tensor, hr_bchw: Tensor, *, epsilon: float = 1e-3) -> Tensor:
    """Mean of sqrt(difference^2 + epsilon^2): a smooth L1.

    Reference:
        Charbonnier et al., 1994; Lai et al., 2017 (LapSRN), with epsilon 1e-3.
    """
    return ((sr_bchw - hr_bchw).square() + epsilon**2).sqrt().mean()


def psnr(sr_bchw: Tensor, hr_bchw: Tensor) -> Tensor:
    """Mean over the images of 10 log10(1 + mse / 1e-8): the dB that an image's PSNR stays below 80.

    Unlike l2 it weighs every image alike, however badly it is restored.

    Reference:
        The PSNR loss of Chen et al., 2022 (NAFNet), 10 log10(mse + 1e-8), plus 80 so that it is never negative.
    """
    mse_b = (sr_bchw - hr_bchw).square().mean((1, 2, 3))
    return 10 * torch.log10(1 + mse_b / PSNR_CEILING).mean()


def frequency(sr_bchw: Tensor, hr_bchw: Tensor, *, transform: str = "fft") -> Tensor:
    """Mean absolute difference of the images' spectra; of both real and imaginary parts with ``fft``.

    ``fft`` is not normalised, as in the teams' code: its coefficients are sqrt(H W) times those of an orthonormal
    transform, so the usual weights are 0.05 to 0.1. ``dct`` is orthonormal (the DCT-II of both axes).

    Reference:
        Cho et al., 2021 (MIMO-UNet); Sun et al., 2023 (SAFMN).
    """
    difference = sr_bchw - hr_bchw
    if transform == "dct":
        rows, columns = (_cosines(side, difference.device) for side in difference.shape[-2:])
        return (rows @ difference @ columns.T).abs().mean()
    return torch.view_as_real(torch.fft.fft2(difference)).abs().mean()


def gradient_variance(sr_bchw: Tensor, hr_bchw: Tensor, *, patch: int = 8) -> Tensor:
    """Squared difference of the variances of Sobel gradients, taken over squares of the luma; horizontal plus vertical.

    A blurred edge has gradients of less variance than a sharp one. Squares do not overlap; a rest at the right and
    lower border is left out.

    Reference:
        Abrahamyan et al., 2022. https://arxiv.org/abs/2202.00997
    """
    _needs(sr_bchw, patch + 2, f"gradient_variance over squares of {patch}")
    return (_variances(sr_bchw, patch) - _variances(hr_bchw, patch)).square().mean((0, 2, 3)).sum()


def pyramid(sr_bchw: Tensor, hr_bchw: Tensor, *, levels: int = 3) -> Tensor:
    """Mean absolute difference of each level of a Laplacian pyramid, summed over ``levels`` and the rest below them.

    Reference:
        Burt and Adelson, 1983; the loss of Bojanowski et al., 2018: its weight 4^j makes means of sums.
    """
    _needs(sr_bchw, 3 * 2 ** (levels - 1), f"a pyramid of {levels} levels")
    rest, total = sr_bchw - hr_bchw, sr_bchw.new_zeros(())
    for _ in range(levels):
        smaller = _blur(rest)[..., ::2, ::2]
        spread = torch.zeros_like(rest)
        spread[..., ::2, ::2] = 4 * smaller
        total, rest = total + (rest - _blur(spread)).abs().mean(), smaller
    return total + rest.abs().mean()


def high_pass(sr_bchw: Tensor, hr_bchw: Tensor) -> Tensor:
    """Mean absolute difference of the images' details: an image minus itself under a 5x5 binomial blur."""
    _needs(sr_bchw, 3, "high_pass")
    difference = sr_bchw - hr_bchw
    return (difference - _blur(difference)).abs().mean()


TERMS: dict[str, Callable[..., Tensor]] = {
    "l1": F.l1_loss,
    "l2": F.mse_loss,
    "charbonnier": charbonnier,
    "psnr": psnr,
    "frequency": frequency,
    "gradient_variance": gradient_variance,
    "pyramid": pyramid,
    "high_pass": high_pass,
}


def weigh(loss: Loss, sr_bchw: Tensor, hr_bchw: Tensor) -> Tensor:
    """The weighted sum that ``loss`` describes, in float32 whatever comes in and whatever autocast says.

    Shapes:
        sr_bchw, hr_bchw: (B, 3, H, W)
        returns: a scalar

    Raises:
        BuildError: the network's output is not of the photograph's size, or too small for a term.
    """
    if sr_bchw.shape != hr_bchw.shape:
        raise BuildError(
            f"The network returns {tuple(sr_bchw.shape)} where the photographs are {tuple(hr_bchw.shape)}; "
            "load the data with the network's scale."
        )
    with torch.autocast(sr_bchw.device.type, enabled=False):
        sr, hr = sr_bchw.float(), hr_bchw.float()
        return torch.stack([weight * TERMS[name](sr, hr, **more) for name, weight, more in loss.terms()]).sum()


def _variances(image_bchw: Tensor, patch: int) -> Tensor:
    """Unbiased variances of both Sobel gradients over squares: (B, 2, h, w)."""
    luma = (image_bchw * _constant(LUMA, (1, 3, 1, 1), image_bchw.device)).sum(1, keepdim=True)
    smooth, slope = (1.0, 2.0, 1.0), (-1.0, 0.0, 1.0)
    across = _line(_line(luma, smooth, 2), slope, 3)
    down = _line(_line(luma, smooth, 3), slope, 2)
    gradients = torch.cat([across, down], 1)
    squares = gradients.unfold(2, patch, patch).unfold(3, patch, patch)
    return squares.flatten(4).var(4)


def _line(image_bchw: Tensor, taps: tuple[float, ...], axis: int) -> Tensor:
    """Correlate one axis of every channel with ``taps``, valid positions only."""
    size = image_bchw.shape[axis] - len(taps) + 1
    return torch.stack([tap * image_bchw.narrow(axis, at, size) for at, tap in enumerate(taps) if tap]).sum(0)


def _blur(image_bchw: Tensor) -> Tensor:
    padded = F.pad(image_bchw, (2, 2, 2, 2), mode="reflect")
    return _line(_line(padded, BINOMIAL, 2), BINOMIAL, 3)


def _needs(image_bchw: Tensor, side: int, what: str) -> None:
    if min(image_bchw.shape[-2:]) < side:
        raise BuildError(f"{what} needs patches of at least {side} HR pixels, got {min(image_bchw.shape[-2:])}.")


@lru_cache(maxsize=32)
def _constant(values: tuple[float, ...], shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Kept on the device: a copy from the host in every step would wait, and cannot be captured in a CUDA graph."""
    with torch.inference_mode(False):
        return torch.tensor(values, device=device).view(shape)


@lru_cache(maxsize=32)
def _cosines(side: int, device: torch.device) -> Tensor:
    """The orthonormal DCT-II as a matrix: (side, side)."""
    with torch.inference_mode(False):
        place = torch.arange(side, dtype=torch.float64)
        waves: Tensor = torch.cos(torch.pi / side * (place + 0.5) * place[:, None]) * (2 / side) ** 0.5
        waves[0] /= 2**0.5
        return waves.float().to(device)
