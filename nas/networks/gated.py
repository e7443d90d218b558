"""Feed-forward blocks whose hidden feature is a product of two."""

import torch
from torch import Tensor, nn

from nas.networks.calls import Call, Form, call, translate
from nas.ops import gated as ops


class GatedFfn(nn.Module):
    """A gated feed-forward block: (B, C, H, W) in and out.

    Args:
        expand: 1x1 to twice the hidden width.
        depthwise: Keeps channels, height and width.
        activation: Of the gates.
        reduce: 1x1 back.
        inner: Whether the inner two quarters gate the outer two, instead of the first half the second.

    Reference:
        Zamir et al., Restormer, 2021. https://arxiv.org/abs/2111.09881
    """

    def __init__(
        self, expand: nn.Module, depthwise: nn.Module, activation: nn.Module, reduce: nn.Module, inner: bool = False
    ) -> None:
        super().__init__()
        self.expand, self.depthwise, self.activation, self.reduce = expand, depthwise, activation, reduce
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        hidden = self.depthwise(self.expand(x))
        if self.inner:
            first, second, third, fourth = hidden.chunk(4, dim=1)
            gate, value = torch.cat((second, third), dim=1), torch.cat((first, fourth), dim=1)
        else:
            gate, value = hidden.chunk(2, dim=1)
        result: Tensor = self.reduce(self.activation(gate) * value)
        return result


def window(channels: int, sides: tuple[int, int], op: ops.GatedFfn) -> Call:
    """Return a depthwise convolution that keeps height and width; an even side is padded once more behind."""
    (height, width), even = ((side - 1) // 2 for side in sides), any(side % 2 == 0 for side in sides)
    padding: object = height if height == width else (height, width)
    margin = (0, 1 - sides[1] % 2, 0, 1 - sides[0] % 2)
    if not op.counted:
        padding = "valid" if even else "same"
        margin = (width, width + margin[1], height, height + margin[3])
    options = {"groups": channels, "padding": padding, **({} if op.bias else {"bias": False})}
    made = Call(nn.Conv2d, channels, channels, sides[0] if sides[0] == sides[1] else sides, **options)
    return Call(nn.Sequential, Call(nn.ZeroPad2d, margin), made) if even else made


@translate.register
def _gated_ffn(op: ops.GatedFfn, widths: tuple[int, ...], form: Form) -> Call:
    expand, reduce = op.parts(widths[0])
    hidden = op.hidden(widths[0])
    windows = [window(2 * hidden, sides, op) for sides in op.windows]
    made = Call(
        GatedFfn,
        call(expand, widths, form),
        windows[0] if len(windows) == 1 else Call(nn.Sequential, *windows),
        call(op.activation, (hidden,), form),
        call(reduce, (hidden,), form),
    )
    return made.given(inner=True) if op.gates == "inner" else made
