"""Convolutions that are factored."""

from torch import nn

from nas.networks.calls import Call, Form, call, translate
from nas.ops import separable as ops


@translate.register
def _chain(op: ops.ConvChain, widths: tuple[int, ...], form: Form) -> Call:
    (channels,), made = widths, []
    for conv in op.parts(widths[0]):
        made.append(call(conv, (channels,), form))
        channels = conv.channels_out((channels,))
    return Call(nn.Sequential, *made)
