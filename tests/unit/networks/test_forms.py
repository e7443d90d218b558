from itertools import product
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from nas.networks import call
from nas.networks.conv import assign_, copy_nearest_
from nas.networks.forms import MergingConv
from nas.ops import registry
from nas.ops.branches import Eec, MultiKernel, MultiShape, RepMb, Rrrb, SerialParallel, TenInOne
from nas.ops.conv import Conv
from nas.ops.fields import FieldError
from nas.ops.training import Conv3XC, Ecb, Edbb, Espan, Lora, TrainingForm

FORMS: list[TrainingForm] = [
    Conv3XC(),
    Conv3XC(gain=1),
    Edbb(),
    Edbb(identity=False, multiplier=3),
    Ecb(),
    Ecb(expand=2),
    Ecb(expand=3, identity=False),
    Espan(),
    Espan(branches=1),
    Lora(),
    Lora(rank=2, alpha=7.0),
    Eec(),
    Eec(expand=1, multiplier=3),
    Rrrb(),
    Rrrb(ratio=1),
    RepMb(),
    RepMb(gate=True),
    RepMb(gate=True, ratio=3),
    MultiShape(),
    TenInOne(),
    TenInOne(gains=(2,)),
    SerialParallel(),
    MultiKernel(),
]
KERNELS = [(1, 1), (3, 3), (9, 9), (3, 1), (1, 5)]
SURROUNDINGS = [("zero", 1), ("zero", 2), ("valid", 1)]
WIDTHS = [(3, 5), (4, 4)]


def bound(form: TrainingForm, channels: int, width: int, **fields: Any) -> Conv | None:
    """The convolution in this form, or None where the form does not fit it."""
    groups = channels if isinstance(form, MultiKernel) else 1
    try:
        return Conv(width=width, train=form, groups=groups, **fields).bind((channels,), width)
    except FieldError:
        return None


def random(op: Conv, channels: int) -> MergingConv:
    """The convolution's training form in double precision, every parameter random."""
    module = call(op, (channels,), "training").build().double()
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    return cast(MergingConv, module)


def difference(first: Tensor, second: Tensor) -> float:
    return ((first - second).abs().max() / first.abs().max()).item()


PAIRS = [(form, *widths) for form, widths in product(FORMS, WIDTHS) if bound(form, *widths) is not None]
DENSE = [form for form in FORMS if bound(form, 3, 12) is not None]


def fitting() -> list[Any]:
    cases = []
    geometries = product(FORMS, KERNELS, (1, 2, 3), SURROUNDINGS, (True, False), WIDTHS)
    for form, kernel, stride, (padding, dilation), bias, (channels, width) in geometries:
        fields = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation, "bias": bias}
        op = bound(form, channels, width, **fields)
        if op is not None:
            name = f"{form.name}-{kernel[0]}x{kernel[1]}-s{stride}-{padding}-d{dilation}-{bias}-{channels}-{width}"
            cases.append(pytest.param(op, channels, id=name))
    return cases


def test_every_form_merges_exactly_whatever_the_convolution() -> None:
    cases = fitting()
    assert {type(case.values[0].train) for case in cases} == {type(form) for form in FORMS}
    for case in cases:
        op, channels = cast(tuple[Conv, int], case.values)
        module, x = random(op, channels), torch.randn(1, channels, 19, 13, dtype=torch.float64)
        branches = module.expanded(x)
        assert difference(branches, module.merge()(x)) < 1e-9, case.id
        assert difference(branches, module(x)) < 1e-9, case.id


def test_all_registered_forms_are_tried() -> None:
    names = {name for name, cls in registry().items() if cls.kind == "training"}
    assert {form.name for form in FORMS} == names - {"plain"}


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_branches_and_merged_kernel_have_the_same_gradients(form: TrainingForm) -> None:
    op = bound(form, 5, 5)
    assert op is not None
    module, x = random(op, 5), torch.randn(1, 5, 9, 7, dtype=torch.float64)
    parameters = list(module.parameters())
    expected = torch.autograd.grad(module.expanded(x).square().sum(), parameters)
    found = torch.autograd.grad(module(x).square().sum(), parameters)
    largest = max(gradient.abs().max() for gradient in expected)
    pairs = zip(expected, found, strict=True)
    assert all((first - second).abs().max() < 1e-9 * largest for first, second in pairs)


@pytest.mark.parametrize(("form", "channels", "width"), PAIRS, ids=str)
@pytest.mark.parametrize("bias", [True, False])
def test_the_training_form_has_the_parameters_that_its_cost_states(
    form: TrainingForm, bias: bool, channels: int, width: int
) -> None:
    op = bound(form, channels, width, bias=bias)
    assert op is not None
    module = call(op, (channels,), "training").build()
    assert sum(parameter.numel() for parameter in module.parameters()) == form.params(op, channels)


@pytest.mark.parametrize(("form", "channels", "width"), PAIRS, ids=str)
def test_a_form_can_be_given_any_kernel(form: TrainingForm, channels: int, width: int) -> None:
    op = bound(form, channels, width)
    assert op is not None
    module, target = random(op, channels), nn.Conv2d(channels, width, 3, groups=op.groups, dtype=torch.float64)
    assign_(module, target.weight, target.bias)
    merged = module.merge()
    assert target.bias is not None
    assert merged.bias is not None
    assert difference(target.weight, merged.weight) < 1e-6
    assert difference(target.bias, merged.bias) < 1e-6


@pytest.mark.parametrize("form", DENSE, ids=str)
def test_a_form_can_begin_as_nearest_enlargement(form: TrainingForm) -> None:
    op = bound(form, 3, 12)
    assert op is not None
    module = random(op, 3)
    copy_nearest_(module)
    x = torch.rand(1, 3, 5, 4, dtype=torch.float64)
    enlarged = nn.functional.interpolate(x, scale_factor=2, mode="nearest")
    assert torch.allclose(nn.functional.pixel_shuffle(module(x), 2), enlarged)


def test_frozen_convolutions_are_left_alone_and_low_rank_updates_are_not() -> None:
    frozen = call(Conv(width=4, frozen=True, init="nearest"), (4,), "training").build()
    updated = call(Conv(width=4, frozen=True, train=Lora()), (4,), "training").build()
    assert not any(parameter.requires_grad for parameter in frozen.parameters())
    assert {name for name, value in updated.named_parameters() if value.requires_grad} == {"down", "up"}


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        (Conv3XC(), {"padding": "reflect"}),
        (Espan(), {"groups": 2}),
        (Edbb(), {"kernel": (5, 5)}),
        (Ecb(), {"dilation": 2}),
        (Lora(), {"kernel": (3, 1)}),
        (MultiKernel(), {}),
        (MultiKernel(), {"groups": 4, "kernel": (3, 5)}),
        (MultiKernel(), {"groups": 4, "padding": "reflect"}),
    ],
    ids=str,
)
def test_what_cannot_merge_exactly_is_refused(form: TrainingForm, fields: dict[str, Any]) -> None:
    with pytest.raises(FieldError, match="use"):
        Conv(width=4, train=form, **fields).bind((4,), 4)
