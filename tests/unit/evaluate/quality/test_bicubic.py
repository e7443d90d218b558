import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from nas.evaluate.quality.bicubic import Image, downscale, upscale
from nas.evaluate.quality.data import load

GOLDEN = json.loads((Path(__file__).parents[3] / "golden" / "bicubic.json").read_text())
PAIRS = {pair.name: pair for part in (load("embedded").train, load("embedded").validation) for pair in part}


def _random_image(seed: int, height: int, width: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _cubic(t: float) -> float:
    t = abs(t)
    if t <= 1:
        return 1.5 * t**3 - 2.5 * t**2 + 1
    return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0


def _matlab_column(column: list[int], length: int, factor: float) -> list[int]:
    """imresize's ``contributions`` for one column, one output pixel at a time, in floating point."""
    shrink = min(factor, 1.0)
    result = []
    for out in range(1, length + 1):
        centre = out / factor + 0.5 * (1 - 1 / factor)
        taps = range(int(centre - 2 / shrink) - 1, int(centre + 2 / shrink) + 3)
        weights = [shrink * _cubic(shrink * (centre - tap)) for tap in taps]
        mirrored = [column[min((tap - 1) % (2 * len(column)), -tap % (2 * len(column)))] for tap in taps]
        value = sum(w * v for w, v in zip(weights, mirrored, strict=True)) / sum(weights)
        result.append(int(min(max(np.floor(value + 0.5 + 1e-9), 0), 255)))
    return result


def _matlab(image: Image, height: int, width: int, factor: float) -> Image:
    channels = []
    for plane in image.transpose(2, 0, 1):
        rows = np.array([_matlab_column(list(map(int, col)), height, factor) for col in plane.T]).T
        channels.append([_matlab_column(list(map(int, row)), width, factor) for row in rows])
    return np.array(channels, dtype=np.uint8).transpose(1, 2, 0)


@pytest.mark.parametrize("name", [name for name in GOLDEN if name != "about"])
def test_reductions_of_the_embedded_photographs_equal_matlabs(name: str) -> None:
    pair, golden = PAIRS[name], GOLDEN[name]
    assert list(pair.hr.shape) == golden["hr_shape"]
    assert sha256(pair.hr.numpy().tobytes()).hexdigest() == golden["hr_sha256"]
    assert sha256(pair.lr.numpy().tobytes()).hexdigest() == golden["lr_sha256"]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_downscale_equals_matlabs_formula_borders_included(scale: int) -> None:
    image = _random_image(scale, 6 * scale, 5 * scale)
    assert np.array_equal(downscale(image, scale), _matlab(image, 6, 5, 1 / scale))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_upscale_equals_matlabs_formula_borders_included(scale: int) -> None:
    image = _random_image(scale, 6, 5)
    assert np.array_equal(upscale(image, scale), _matlab(image, 6 * scale, 5 * scale, scale))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_downscale_agrees_with_torchs_antialiased_bicubic_inside(scale: int) -> None:
    image = _random_image(7, 24 * scale, 20 * scale)
    x_bchw = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    other = F.interpolate(x_bchw, (24, 20), mode="bicubic", antialias=True).clamp(0, 255)
    inside = np.s_[4:-4, 4:-4]
    difference = downscale(image, scale)[inside] - other[0].permute(1, 2, 0).numpy()[inside]
    assert np.abs(difference).max() <= 1.1


@settings(max_examples=25, deadline=None)
@given(value=st.integers(0, 255), scale=st.sampled_from([2, 3, 4]))
def test_a_flat_image_stays_flat(value: int, scale: int) -> None:
    image = np.full((2 * scale, 3 * scale, 3), value, dtype=np.uint8)
    assert (downscale(image, scale) == value).all()
    assert (upscale(image, scale) == value).all()
