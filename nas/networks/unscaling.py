"""Training on an image whose range was widened: the first convolutions read it as it was before."""

from torch import nn

from nas.networks.block import ConvBlock
from nas.networks.calls import Call
from nas.networks.conv import Scaled, Unscaled
from nas.networks.forms import MergingConv


def unscaled(call: Call, gain: float) -> Call:
    """Return a call whose first convolution divides what it reads by ``gain``, where only that reads the image."""
    if issubclass(call.cls, nn.Conv2d | MergingConv | Scaled):
        return Call(Unscaled, call, gain)
    if call.cls is nn.Sequential:
        first, *others = call.args
        return Call(nn.Sequential, unscaled(first, gain), *others, **call.kwargs)
    if call.cls is ConvBlock:
        (first, *convs), *others = call.args
        return Call(ConvBlock, [unscaled(first, gain), *convs], *others, **call.kwargs)
    return call
