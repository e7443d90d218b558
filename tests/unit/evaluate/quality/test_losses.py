import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from scipy.fft import dctn
from torch import Tensor

from nas.errors import BuildError
from nas.evaluate.quality.loss_terms import Loss
from nas.evaluate.quality.losses import TERMS, weigh

SR = torch.full((2, 3, 16, 16), 0.5)
HR = torch.full((2, 3, 16, 16), 0.3)
NOISE = torch.rand((2, 3, 16, 24), generator=torch.Generator().manual_seed(0))
OTHER = torch.rand((2, 3, 16, 24), generator=torch.Generator().manual_seed(1))


def _value(loss: Mapping[str, Any], sr: Tensor = NOISE, hr: Tensor = OTHER) -> float:
    return float(weigh(Loss.model_validate(loss), sr, hr))


def _wave(period: int, axis: int, side: int = 32) -> Tensor:
    """A cosine along one axis, 0.1 high, equal in the three channels."""
    line = 0.1 * torch.cos(2 * math.pi / period * torch.arange(side, dtype=torch.float32))
    image = line.view(-1, 1) if axis == 2 else line.view(1, -1)
    return image.expand(1, 3, side, side)


def test_every_term_of_a_loss_has_its_formula() -> None:
    assert list(TERMS) == list(Loss.model_fields)


@pytest.mark.parametrize(
    ("loss", "value"),
    [
        ({"l1": 1}, 0.2),
        ({"l2": 1}, 0.04),
        ({"charbonnier": 1}, math.sqrt(0.04 + 1e-6)),
        ({"charbonnier": {"weight": 2, "epsilon": 0.3}}, 2 * math.sqrt(0.04 + 0.09)),
        ({"psnr": 1}, 80 + 10 * math.log10(0.04 + 1e-8)),
        (
            {"frequency": 1},
            0.2 / 2,
        ),  # one coefficient, 256 * 0.2, of 256 real and 256 imaginary
        ({"frequency": {"weight": 1, "transform": "dct"}}, 0.2 / 16),  # one coefficient 16 * 0.2 of 256
        ({"pyramid": 1}, 0.2),  # flat: nothing but the rest below the levels
        ({"l1": 2, "l2": 10}, 0.8),
        ({"l1": 1, "l2": 1, "charbonnier": 3, "frequency": 0.1}, 0.25 + 3 * math.sqrt(0.04 + 1e-6)),
    ],
)
def test_a_loss_is_the_weighted_sum_of_its_terms(loss: Mapping[str, Any], value: float) -> None:
    assert _value(loss, SR, HR) == pytest.approx(value, rel=1e-5)


def test_psnr_weighs_each_image_alike() -> None:
    hr = torch.stack([SR[0], SR[0] + 0.1])
    assert _value({"psnr": 1}, SR + 0.001, hr) == pytest.approx((20 + 20 * math.log10(990)) / 2, rel=1e-3)


def test_frequency_is_the_mean_over_numpys_and_scipys_coefficients() -> None:
    difference = (NOISE - OTHER).numpy().astype(float)
    spectrum = np.fft.fft2(difference)
    expected = (np.abs(spectrum.real).mean() + np.abs(spectrum.imag).mean()) / 2
    assert _value({"frequency": 1}) == pytest.approx(expected, rel=1e-5)
    expected = np.abs(dctn(difference, axes=(2, 3), norm="ortho")).mean()
    assert _value({"frequency": {"weight": 1, "transform": "dct"}}) == pytest.approx(expected, rel=1e-5)


def test_gradient_variance_is_the_variance_of_sobel_gradients_over_squares() -> None:
    ramp = torch.arange(10.0).square().div(100).expand(1, 3, 10, 10)  # the slope of column x is 8 * 2 x / 100
    slopes = 0.16 * np.arange(1, 9)
    expected = (np.repeat(slopes, 8).var(ddof=1)) ** 2
    assert _value({"gradient_variance": 1}, ramp, torch.zeros_like(ramp)) == pytest.approx(expected, rel=1e-4)
    assert _value({"gradient_variance": 1}, ramp.mT, torch.zeros_like(ramp)) == pytest.approx(expected, rel=1e-4)
    halves = [slopes[part] for part in (slice(0, 4), slice(4, 8))]
    expected = float(np.mean([np.repeat(half, 4).var(ddof=1) ** 2 for half in halves]))
    smaller = {"gradient_variance": {"weight": 1, "patch": 4}}
    assert _value(smaller, ramp, torch.zeros_like(ramp)) == pytest.approx(expected, rel=1e-4)


def test_gradient_variance_sees_colours_as_luma() -> None:
    red, zero = torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 16, 16)
    red[:, 0] = NOISE[0, 0, :, :16]
    grey = red[:, :1].expand(1, 3, 16, 16)
    of_grey = _value({"gradient_variance": 1}, grey, zero)
    assert _value({"gradient_variance": 1}, red, zero) == pytest.approx(0.299**4 * of_grey, rel=1e-4)


def test_high_pass_keeps_by_frequency_what_the_binomial_blur_takes_away() -> None:
    for axis in (2, 3):
        wave = _wave(4, axis, side=33)
        sharp = _value({"high_pass": 1}, wave, torch.zeros_like(wave))
        assert sharp == pytest.approx(0.75 * float(wave.abs().mean()), rel=1e-4)  # the blur's gain is cos^4(pi / 4)
    assert _value({"high_pass": 1}, SR, HR) == pytest.approx(0, abs=1e-6)


def test_the_levels_of_a_pyramid_add_up_and_reach_coarser_waves() -> None:
    fine, coarse = _wave(2, 3), _wave(16, 3)
    zero = torch.zeros_like(fine)
    one, three = {"pyramid": {"weight": 1, "levels": 1}}, {"pyramid": 1}
    assert _value(one, fine, zero) == pytest.approx(0.1, rel=1e-4)  # blurred to nothing: the band is all
    assert _value(three, fine, zero) == pytest.approx(0.1, rel=1e-4)
    assert _value(three, coarse, zero) > 1.3 * _value(one, coarse, zero)


def test_a_pyramid_of_one_level_is_the_band_and_the_rest() -> None:
    line = np.array([1, 4, 6, 4, 1]) / 16
    difference = (NOISE - OTHER).numpy().astype(float)

    def blur(image: Any) -> Any:
        padded = np.pad(image, ((0, 0), (0, 0), (2, 2), (2, 2)), mode="reflect")
        windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(2, 3))
        return (windows * np.outer(line, line)).sum((4, 5))

    rest = blur(difference)[..., ::2, ::2]
    spread = np.zeros_like(difference)
    spread[..., ::2, ::2] = 4 * rest
    expected = np.abs(difference - blur(spread)).mean() + np.abs(rest).mean()
    assert _value({"pyramid": {"weight": 1, "levels": 1}}) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", list(TERMS))
def test_every_term_falls_along_its_gradient_and_towards_the_photograph(name: str) -> None:
    loss = Loss.model_validate({name: 1.0})
    sr = (0.5 * OTHER + 0.05 * NOISE).requires_grad_()
    value = weigh(loss, sr, OTHER)
    (gradient,) = torch.autograd.grad(value, sr)
    stepped = sr.detach() - 1e-3 * gradient / gradient.abs().max()
    assert weigh(loss, stepped, OTHER) < value
    assert weigh(loss, 0.6 * OTHER + 0.04 * NOISE, OTHER) < value
    assert weigh(loss, OTHER, OTHER) == pytest.approx(1e-3 if name == "charbonnier" else 0, abs=1e-7)
    assert torch.isfinite(torch.autograd.grad(weigh(loss, sr, sr.detach()), sr)[0]).all()


@pytest.mark.parametrize("name", list(TERMS))
@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
def test_every_term_is_computed_in_float32(name: str, precision: torch.dtype) -> None:
    sr, hr = (1e-4 * image.repeat(1, 1, 4, 4) for image in (NOISE, OTHER))
    with torch.autocast("cpu", torch.bfloat16):
        value = weigh(Loss.model_validate({name: 1.0}), sr.to(precision), hr)
    assert value.dtype == torch.float32
    assert float(value) == pytest.approx(_value({name: 1.0}, sr.to(precision).float(), hr), rel=1e-6)
    assert float(value) > 0


def test_one_loss_written_in_two_ways_is_one_loss() -> None:
    short, long = Loss(frequency=0.1), Loss.model_validate({"frequency": {"weight": 0.1, "transform": "fft"}})
    assert short.model_dump(exclude_defaults=True) == long.model_dump(exclude_defaults=True) == {"frequency": 0.1}


def test_another_size_is_refused_and_never_broadcast() -> None:
    with pytest.raises(BuildError, match="scale"):
        weigh(Loss(l1=1), SR[:1], HR)


@pytest.mark.parametrize("name", ["gradient_variance", "pyramid", "high_pass"])
def test_a_patch_too_small_for_a_term_is_refused(name: str) -> None:
    with pytest.raises(BuildError, match="at least"):
        weigh(Loss.model_validate({name: 1.0}), SR[..., :2], HR[..., :2])
