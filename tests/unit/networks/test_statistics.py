"""Modules that are made of statistics of a feature, beside their formulas."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.networks import call
from nas.ops import Op
from nas.ops.channel import Rcca
from nas.ops.fusion import RepeatChannels
from nas.ops.norm import L2Norm, LayerNorm
from nas.ops.pooled import PooledGate
from nas.ops.separable import LargeSeparable


def built(op: Op, channels: int) -> nn.Module:
    """The op's module in double precision, every parameter random."""
    module = call(op.bind((channels,), channels), (channels,)).build().double()
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    return module


def feature(channels: int, height: int, width: int) -> Tensor:
    return torch.randn(2, channels, height, width, dtype=torch.float64)


def test_both_forms_of_layer_norm_are_one_function() -> None:
    one, other = built(LayerNorm(), 6), built(LayerNorm(form="elementwise"), 6)
    other.load_state_dict(one.state_dict())
    x = feature(6, 5, 7)
    assert torch.allclose(one(x), other(x), atol=1e-12)


def test_l2_norm_makes_every_pixel_a_unit_vector() -> None:
    assert torch.allclose(built(L2Norm(), 5)(feature(5, 3, 4)).norm(dim=1), torch.ones(2, 3, 4).double())


def test_repeated_channels_and_a_shuffle_enlarge_to_the_nearest() -> None:
    x = feature(3, 4, 5)
    enlarged = functional.interpolate(x, scale_factor=2, mode="nearest")
    assert torch.equal(functional.pixel_shuffle(built(RepeatChannels(times=4), 3)(x), 2), enlarged)


def test_rcca_adds_contrast_and_what_stands_out() -> None:
    module, x = built(Rcca(inner=2), 4), feature(4, 6, 5)
    assert isinstance(module.depthwise, nn.Module)
    depthwise, single, attention = (module.get_submodule(name) for name in ("depthwise.0", "single.0", "attention"))
    y = functional.gelu(depthwise(x))
    sigma = module.get_parameter("sigma")
    expected = sigma * (y - functional.gelu(single(y))) + attention(y) + x
    assert torch.allclose(module(x), expected)


def test_a_constant_channel_has_finite_gradients_in_contrast_attention() -> None:
    module, x = built(Rcca(inner=2), 4), torch.zeros(1, 4, 5, 5, dtype=torch.float64, requires_grad=True)
    module(x).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("size", [(14, 21), (16, 25)], ids=str)
def test_local_variance_is_that_of_each_window(size: tuple[int, int]) -> None:
    gate = built(PooledGate(pool=7, variance="local", weighted=True, mode="nearest", point=True, bias=True), 3)
    x, rows, columns = feature(3, *size), size[0] // 7, size[1] // 7
    height, width = size[0] - (rows - 1) * (size[0] // rows), size[1] - (columns - 1) * (size[1] // columns)
    variance = torch.stack(
        [
            x[..., row * (size[0] // rows) :, column * (size[1] // columns) :][..., :height, :width].var((2, 3))
            for row in range(rows)
            for column in range(columns)
        ],
        dim=-1,
    ).view(2, 3, rows, columns)
    pooled = gate.get_submodule("depthwise")(functional.adaptive_max_pool2d(x, (rows, columns)))
    seen = pooled * gate.get_parameter("alpha") + variance * gate.get_parameter("beta")
    mapped = functional.gelu(gate.get_submodule("mix")(seen))
    assert torch.allclose(gate(x), x * functional.interpolate(mapped, size, mode="nearest"))


def test_an_average_pool_is_added_through_a_convolution_of_its_own() -> None:
    gate, x = built(PooledGate(pool=4, average=True), 3), feature(3, 9, 12)
    largest, mean = functional.adaptive_max_pool2d(x, (2, 3)), functional.adaptive_avg_pool2d(x, (2, 3))
    seen = gate.get_submodule("depthwise")(largest) + gate.get_submodule("average")(mean)
    expected = x * functional.gelu(functional.interpolate(seen, (9, 12), mode="bilinear"))
    assert torch.allclose(gate(x), expected)


@pytest.mark.parametrize("order", ["reach", "axis"])
def test_four_short_windows_are_one_large_one_away_from_the_border(order: str) -> None:
    module = built(LargeSeparable(near=3, far=3, dilation=2, order=order, bias=False), 2)
    impulse = torch.zeros(1, 2, 21, 21, dtype=torch.float64)
    impulse[..., 10, 10] = 1
    response = module(impulse)
    assert (response != 0).sum() == 2 * 7 * 7
    x = feature(2, 21, 21)
    whole = functional.conv2d(x, response[0, :, None, 7:14, 7:14].flip(2, 3), groups=2, padding=3)
    inside = (..., slice(6, 15), slice(6, 15))
    assert torch.allclose(module(x)[inside], whole[inside])
