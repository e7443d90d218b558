import math
from typing import Any

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor, nn

from nas.errors import MeasurementError
from nas.evaluate.quality.bicubic import upscale
from nas.evaluate.quality.data import load
from nas.evaluate.quality.metrics import bicubic_psnr_db, bicubic_quality, evaluate, psnr_db, quantise, ssim
from nas.evaluate.quality.results import psnr_db as look

EMBEDDED = load("embedded")
BACKENDS: Any = torch.backends


class Nearest(nn.Module):
    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.9)
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.interpolate(self.drop(x), scale_factor=4) * self.gain


def _noisy_pair() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    hr = torch.randint(0, 256, (40, 48, 3), dtype=torch.uint8, generator=generator)
    noise = torch.randint(-9, 10, hr.shape, generator=generator)
    return (hr + noise).clamp(0, 255).to(torch.uint8), hr


def test_psnr_is_the_mean_over_rgb_inside_the_border() -> None:
    restored, hr = _noisy_pair()
    a, b = (image[4:-4, 4:-4].numpy().astype(float) for image in (restored, hr))
    expected = 10 * math.log10(255**2 / float(np.mean((a - b) ** 2)))
    assert psnr_db(restored, hr) == pytest.approx(expected, abs=1e-12)


def test_the_border_is_cut() -> None:
    _, hr = _noisy_pair()
    framed = hr.clone()
    framed[:4], framed[-4:], framed[:, :4], framed[:, -4:] = 0, 0, 0, 0
    assert psnr_db(framed, hr) == math.inf
    assert ssim(framed, hr) == pytest.approx(1.0)
    assert psnr_db(framed, hr, border=3) < 40


def test_restored_values_are_clamped_and_rounded_to_uint8() -> None:
    values = torch.tensor([-0.5, 0.4 / 255, 0.6 / 255, 1.7]).view(1, 1, 4).expand(3, 1, 4)
    assert quantise(values)[0, :, 0].tolist() == [0, 0, 1, 255]


def test_ssim_equals_the_organisers_formula() -> None:
    restored, hr = _noisy_pair()
    offsets = np.arange(11) - 5
    line = np.exp(-(offsets**2) / (2 * 1.5**2))
    window = np.outer(line, line) / np.outer(line, line).sum()
    values = []
    for channel in range(3):
        a, b = (image[4:-4, 4:-4, channel].numpy().astype(float) for image in (restored, hr))
        views = [np.lib.stride_tricks.sliding_window_view(x, (11, 11)) for x in (a, b)]
        mu_a, mu_b = ((view * window).sum((2, 3)) for view in views)
        var_a, var_b = ((view**2 * window).sum((2, 3)) - mu**2 for view, mu in zip(views, (mu_a, mu_b), strict=True))
        cov = (views[0] * views[1] * window).sum((2, 3)) - mu_a * mu_b
        top = (2 * mu_a * mu_b + 6.5025) * (2 * cov + 58.5225)
        values.append((top / ((mu_a**2 + mu_b**2 + 6.5025) * (var_a + var_b + 58.5225))).mean())
    assert ssim(restored, hr) == pytest.approx(float(np.mean(values)), abs=1e-9)


@pytest.mark.parametrize(("height", "width"), [(40, 48), (19, 30)])
def test_ssim_equals_scikit_images(height: int, width: int) -> None:
    restored, hr = (image[:height, :width] for image in _noisy_pair())
    expected = structural_similarity(  # type: ignore[no-untyped-call]
        restored[4:-4, 4:-4].numpy(),
        hr[4:-4, 4:-4].numpy(),
        channel_axis=2,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim(restored, hr) == pytest.approx(float(expected), abs=1e-12)


def test_bicubic_floor_of_the_embedded_photographs() -> None:
    assert bicubic_psnr_db(EMBEDDED) == pytest.approx(23.431504944966747, abs=1e-9)
    assert bicubic_quality(EMBEDDED).psnr_db == bicubic_psnr_db(EMBEDDED)


def test_quality_is_the_mean_of_per_image_values_in_eval_mode() -> None:
    network = Nearest().train()
    quality = evaluate(network, EMBEDDED)
    expected = {}
    for pair in EMBEDDED.validation:
        nearest = pair.lr.repeat_interleave(4, 0).repeat_interleave(4, 1)
        expected[pair.name] = psnr_db(nearest, pair.hr)
    assert quality.per_image == pytest.approx(expected)
    assert quality.psnr_db == pytest.approx(sum(expected.values()) / 2)
    assert quality.ssim == pytest.approx(sum(quality.ssim_per_image.values()) / 2)
    assert 0 < quality.ssim_per_image["china"] < 1
    assert network.training


def test_nearest_is_below_the_bicubic_floor() -> None:
    pair = EMBEDDED.validation[0]
    bicubic = torch.from_numpy(upscale(pair.lr.numpy(), 4))
    assert psnr_db(bicubic, pair.hr) > evaluate(Nearest(), EMBEDDED).per_image[pair.name]


def test_a_network_that_returns_nan_is_an_error_and_not_a_figure() -> None:
    with pytest.raises(MeasurementError, match="not finite on image 'coffee'"):
        evaluate(Nearest(gain=math.nan), EMBEDDED)


class Drawing(Nearest):
    """Draws at random when it is run, as networks with sampled windows do."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 0.01 * torch.randn(x.shape[0], 3, 4 * x.shape[2], 4 * x.shape[3])


def test_a_network_that_draws_gets_the_same_figures_and_leaves_the_generator_alone() -> None:
    torch.manual_seed(5)
    first = evaluate(Drawing(), EMBEDDED)
    torch.randn(7)
    assert evaluate(Drawing(), EMBEDDED) == first
    torch.manual_seed(5)
    expected = torch.randn(7)
    torch.manual_seed(5)
    evaluate(Drawing(), EMBEDDED)
    assert torch.equal(torch.randn(7), expected)


def test_forced_tiles_give_the_same_figures_and_are_told_of() -> None:
    said: list[str] = []
    assert evaluate(Nearest(), EMBEDDED, tile=48, warn=said.append) == evaluate(Nearest(), EMBEDDED)
    assert said == ["worked in tiles of 48 with 0 LR pixels of overlap; the result is the same"]


class Noting(Nearest):
    """Notes how convolutions would multiply on a GPU."""

    def forward(self, x: Tensor) -> Tensor:
        self.products = BACKENDS.cudnn.conv.fp32_precision
        return super().forward(x)


def test_networks_are_judged_in_true_fp32_whatever_the_process_is_set_to() -> None:
    switch = BACKENDS.cudnn.conv
    network, before = Noting(), switch.fp32_precision
    try:
        switch.fp32_precision = "tf32"
        evaluate(network, EMBEDDED)
        judged = network.products
        look(network, EMBEDDED, torch.device("cpu"))
        assert (judged, network.products, switch.fp32_precision) == ("ieee", "ieee", "tf32")
    finally:
        switch.fp32_precision = before
