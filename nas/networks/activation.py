"""Activations."""

from torch import nn

from nas.networks.calls import Call, Form, call, translate
from nas.ops import activation as ops

IN_PLACE = (nn.SiLU, nn.ReLU, nn.LeakyReLU)
"""Those that may overwrite the output of a convolution: its gradient does not need it."""


@translate.register
def _silu(op: ops.Silu, widths: tuple[int, ...], form: Form) -> Call:
    return Call(nn.SiLU)


@translate.register
def _gelu(op: ops.Gelu, widths: tuple[int, ...], form: Form) -> Call:
    return Call(nn.GELU)


@translate.register
def _relu(op: ops.Relu, widths: tuple[int, ...], form: Form) -> Call:
    return Call(nn.ReLU)


@translate.register
def _leaky_relu(op: ops.LeakyRelu, widths: tuple[int, ...], form: Form) -> Call:
    return Call(nn.LeakyReLU, op.slope)


@translate.register
def _prelu(op: ops.Prelu, widths: tuple[int, ...], form: Form) -> Call:
    return Call(nn.PReLU, widths[0])


@translate.register
def _sigmoid(op: ops.Sigmoid, widths: tuple[int, ...], form: Form) -> Call:
    return Call(nn.Sigmoid)


@translate.register
def _clamp(op: ops.Clamp, widths: tuple[int, ...], form: Form) -> Call:
    return Call(nn.Hardtanh, op.low, op.high)


@translate.register
def _nothing(op: ops.Nothing, widths: tuple[int, ...], form: Form) -> Call:
    return Call(nn.Identity)


def activations(op: ops.Activation, channels: int, count: int) -> list[Call]:
    """Return ``count`` activations that each follow a convolution, and overwrite its output where they may."""
    made = call(op, (channels,))
    return [made.given(inplace=True) if made.cls in IN_PLACE else made] * count
