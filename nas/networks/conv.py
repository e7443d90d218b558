"""Convolutions and what trains them."""

from functools import singledispatch
from typing import Any

import torch
from torch import Tensor, nn

from nas.errors import BuildError
from nas.networks import branches, forms
from nas.networks.calls import Call, Form, translate
from nas.ops import branches as branch_ops
from nas.ops import conv as ops
from nas.ops import training


class Scaled(nn.Module):
    """A convolution whose result is multiplied by a constant."""

    def __init__(self, conv: nn.Module, gain: float) -> None:
        super().__init__()
        self.conv, self.gain = conv, gain

    def forward(self, x: Tensor) -> Tensor:
        """Return ``gain`` times the convolution."""
        scaled: Tensor = self.conv(x) * self.gain
        return scaled


class Unscaled(nn.Module):
    """A convolution trained on its input divided by a constant, which merging folds into the kernel.

    An input of a hundredfold range trains badly; the function is the same.
    """

    def __init__(self, conv: nn.Module, gain: float) -> None:
        super().__init__()
        self.conv, self.gain = conv, gain

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of ``x / gain``."""
        result: Tensor = self.conv(x / self.gain)
        return result

    @torch.no_grad()
    def merge(self) -> nn.Module:
        """Return the convolution for an input that was not divided."""
        scaled = self.conv if isinstance(self.conv, Scaled) else None
        conv = self.conv if scaled is None else scaled.conv
        single = conv.merge() if isinstance(conv, forms.MergingConv) else conv
        assert isinstance(single, nn.Conv2d)
        single.weight /= self.gain
        return single if scaled is None else Scaled(single, scaled.gain)


@translate.register
def _conv(op: ops.Conv, widths: tuple[int, ...], form: Form) -> Call:
    made = train(op.train, op, widths[0]) if form == "training" else plain(op, widths[0])
    if op.init == "nearest":
        made.then(copy_nearest_)
    if op.frozen:
        made.then(freeze_)
    return made if op.gain == 1.0 else Call(Scaled, made, op.gain)


def plain(op: ops.Conv, channels: int) -> Call:
    """Return the call of the convolution itself."""
    kernel: int | tuple[int, int] = op.kernel[0] if op.kernel[0] == op.kernel[1] else op.kernel
    fields: dict[str, Any] = {"stride": op.stride, "dilation": op.dilation, "groups": op.groups}
    options = {name: value for name, value in fields.items() if value != 1}
    height, width = padding(op)
    if height or width:
        options["padding"] = height if height == width else (height, width)
        if op.padding == "reflect":
            options["padding_mode"] = "reflect"
    if not op.bias:
        options["bias"] = False
    return Call(nn.Conv2d, channels, op.channels_out((channels,)), kernel, **options)


def padding(op: ops.Conv) -> tuple[int, int]:
    """Return the rows and columns of padding on each side."""
    if op.padding == "valid":
        return 0, 0
    return op.dilation * (op.kernel[0] - 1) // 2, op.dilation * (op.kernel[1] - 1) // 2


@singledispatch
def train(form: training.TrainingForm, op: ops.Conv, channels: int) -> Call:
    """Return the call of a convolution in its training form; one function is registered for every form."""
    raise BuildError(f"The training form {form.name!r} has no module; register one in nas/networks/conv.py.")


@train.register
def _plain(form: training.Plain, op: ops.Conv, channels: int) -> Call:
    return plain(op, channels)


@train.register
def _conv3xc(form: training.Conv3XC, op: ops.Conv, channels: int) -> Call:
    return merging(forms.Conv3XC, op, channels, gain=form.gain)


@train.register
def _edbb(form: training.Edbb, op: ops.Conv, channels: int) -> Call:
    return merging(forms.Edbb, op, channels, multiplier=form.multiplier, identity=form.identity)


@train.register
def _ecb(form: training.Ecb, op: ops.Conv, channels: int) -> Call:
    own = {"multiplier": form.multiplier, "identity": form.identity}
    if form.expand == 1:
        return merging(forms.Edbb, op, channels, point=False, **own)
    return merging(forms.ExpandedEcb, op, channels, expand=form.expand, **own)


@train.register
def _espan(form: training.Espan, op: ops.Conv, channels: int) -> Call:
    return merging(forms.Espan, op, channels, branches=form.branches)


@train.register
def _lora(form: training.Lora, op: ops.Conv, channels: int) -> Call:
    return merging(forms.Lora, op, channels, rank=form.rank, alpha=form.alpha)


@train.register
def _eec(form: branch_ops.Eec, op: ops.Conv, channels: int) -> Call:
    return merging(branches.Eec, op, channels, expand=form.expand, multiplier=form.multiplier)


@train.register
def _rrrb(form: branch_ops.Rrrb, op: ops.Conv, channels: int) -> Call:
    return merging(branches.Rrrb, op, channels, ratio=form.ratio)


@train.register
def _repmb(form: branch_ops.RepMb, op: ops.Conv, channels: int) -> Call:
    if form.gate:
        return merging(branches.GatedRrrb, op, channels, ratio=form.ratio)
    return merging(forms.Conv3XC, op, channels, gain=form.ratio)


@train.register
def _multi_shape(form: branch_ops.MultiShape, op: ops.Conv, channels: int) -> Call:
    height, width = op.kernel
    return merging(branches.SmallerWindows, op, channels, windows=((height, 1), (1, width), (1, 1)))


@train.register
def _ten_in_one(form: branch_ops.TenInOne, op: ops.Conv, channels: int) -> Call:
    return merging(branches.TenInOne, op, channels, gains=form.gains)


@train.register
def _serial_parallel(form: branch_ops.SerialParallel, op: ops.Conv, channels: int) -> Call:
    return merging(branches.SerialParallel, op, channels)


@train.register
def _multi_kernel(form: branch_ops.MultiKernel, op: ops.Conv, channels: int) -> Call:
    windows = tuple((side, side) for side in range(1, op.kernel[0], 2))
    return merging(branches.SmallerWindows, op, channels, windows=windows, groups=op.groups)


def merging(cls: type[forms.MergingConv], op: ops.Conv, channels: int, **own: Any) -> Call:
    """Return the call of a form with the geometry of ``op``."""
    geometry = {"stride": op.stride, "padding": padding(op), "dilation": op.dilation, "bias": op.bias}
    return Call(cls, channels, op.channels_out((channels,)), op.kernel, **own, **geometry)


@torch.no_grad()
def copy_nearest_(conv: nn.Conv2d | forms.MergingConv) -> None:
    """Make each output channel a copy of an input channel, all in order; with a shuffle this enlarges to the nearest.

    Output ``o`` of ``n`` copies input ``o * channels // n``, so 3 channels become 48 as ten red, ... are in a shuffle.
    """
    merged = conv if isinstance(conv, nn.Conv2d) else conv.merge()
    weight, rows = torch.zeros_like(merged.weight), torch.arange(merged.out_channels)
    height, width = (side // 2 for side in merged.kernel_size)
    weight[rows, rows * merged.in_channels // merged.out_channels % weight.shape[1], height, width] = 1
    assign_(conv, weight, None if merged.bias is None else torch.zeros_like(merged.bias))


@torch.no_grad()
def assign_(conv: nn.Conv2d | forms.MergingConv, weight: Tensor, bias: Tensor | None) -> None:
    """Give a convolution, in whatever form, this kernel."""
    if isinstance(conv, forms.MergingConv):
        conv.assign_(weight, bias)
        return
    conv.weight.copy_(weight)
    if bias is not None and conv.bias is not None:
        conv.bias.copy_(bias)


def freeze_(conv: nn.Conv2d | forms.MergingConv) -> None:
    """Have training leave the weights alone; of a low-rank update, only what it updates."""
    frozen = conv.plain if isinstance(conv, forms.Lora) else conv
    frozen.requires_grad_(False)
