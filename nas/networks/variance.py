"""Dispersion over window shapes, and gates made of local variance."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.networks.calls import Call, Form, call, translate
from nas.ops import variance as ops


class Dispersion(nn.Module):
    """Groups of channels, each convolved by a window of its own and handed on: (B, C, H, W) in and out.

    Args:
        point: 1x1 convolution that comes first.
        windows: Depthwise convolutions with their activations, one for each group.
        activation: Of the sum with the input; without it, there is no sum.

    Reference:
        Team XUPTBoys (FMDN) in the NTIRE 2025 Efficient Super-Resolution report
    """

    def __init__(self, point: nn.Module | None, windows: list[nn.Module], activation: nn.Module | None = None) -> None:
        super().__init__()
        self.point, self.windows, self.activation = point, nn.ModuleList(windows), activation

    def forward(self, x: Tensor) -> Tensor:
        """Return the dispersed feature."""
        groups = (x if self.point is None else self.point(x)).chunk(len(self.windows), dim=1)
        done: list[Tensor] = []
        for group, window in zip(groups, self.windows, strict=True):
            done.append(window(group + done[-1] if done else group))
        y = torch.cat(done, dim=1)
        result: Tensor = y if self.activation is None else self.activation(y + x)
        return result


class VarianceAttention(nn.Module):
    """A gate from the maxima and the local variances of a squeezed feature at half its size.

    Args:
        squeeze: 1x1 to few channels.
        carry: 1x1 on the squeezed feature.
        strided: Four convolutions that halve height and width.
        refine: Two chains on the pooled maps.
        expand: 1x1 back.
        extra: Another convolution of the squeezed feature, added to it.
        channels: Of the offset that is taken from the gate; without it, there is none.
        residual: Whether the input is added at the end.

    Shapes:
        x: (B, C, H, W), H and W at least 9
        returns: (B, C, H, W)

    Reference:
        Teams XUPTBoys (FMDN) and HannahSR in the NTIRE 2025 Efficient Super-Resolution report
    """

    def __init__(
        self,
        squeeze: nn.Module,
        carry: nn.Module,
        strided: list[nn.Module],
        refine: list[nn.Module],
        expand: nn.Module,
        *,
        extra: nn.Module | None = None,
        channels: int | None = None,
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.squeeze, self.carry, self.expand, self.extra = squeeze, carry, expand, extra
        self.strided, self.refine = nn.ModuleList(strided), nn.ModuleList(refine)
        self.offset = None if channels is None else nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """Return the gated feature."""
        squeezed = self.squeeze(x)
        first, second, third, fourth = (conv(squeezed) for conv in self.strided)
        total = self.carry(squeezed) if self.extra is None else self.carry(squeezed) + self.extra(squeezed)
        pairs = ((first, fourth, 5), (second, third, 7))
        for chain, (peaks, spreads, window) in zip(self.refine, pairs, strict=True):
            pooled = functional.max_pool2d(peaks, window, stride=3, padding=1) + self.spread(spreads, window)
            total = total + functional.interpolate(
                chain(pooled), size=x.shape[-2:], mode="bilinear", align_corners=False
            )
        gate = torch.sigmoid(self.expand(total))
        gate = gate if self.offset is None else gate - self.offset
        return x * gate + x if self.residual else x * gate

    @staticmethod
    def spread(x: Tensor, window: int) -> Tensor:
        """Return the unbiased variance in windows that step by 3."""
        padded = functional.pad(x, (1, 1, 1, 1), mode="reflect")
        return padded.unfold(2, window, 3).unfold(3, window, 3).var((4, 5))


@translate.register
def _dispersion(op: ops.Dispersion, widths: tuple[int, ...], form: Form) -> Call:
    (channels,), group = widths, widths[0] // op.groups
    windows = [[window] for window in ops.WINDOWS[: op.groups]]
    if op.groups > len(windows):
        windows.append([(3, 3), (3, 3)])
    made = [
        Call(nn.Sequential, *[_depthwise(group, window, op) for window in chain], call(op.activation, (group,), form))
        for chain in windows
    ]
    first = op.first(channels)
    dispersed = Call(Dispersion, None if first is None else call(first, widths, form), made)
    return dispersed.given(activation=call(op.activation, widths, form)) if op.residual else dispersed


def _depthwise(channels: int, window: tuple[int, int], op: ops.Dispersion) -> Call:
    height, width = window
    kernel, padding = (height, height // 2) if height == width else (window, (height // 2, width // 2))
    return Call(nn.Conv2d, channels, channels, kernel, groups=channels, padding=padding if op.counted else "same")


@translate.register
def _variance_attention(op: ops.VarianceAttention, widths: tuple[int, ...], form: Form) -> Call:
    squeeze, carry, expand = op.points(widths[0])
    inner, extra = (op.inner,), op.extra_part()
    refinement = call(op.refinement(), inner, form)
    made = Call(
        VarianceAttention,
        call(squeeze, widths, form),
        call(carry, inner, form),
        [call(op.strided(), inner, form)] * 4,
        [Call(nn.Sequential, refinement, call(op.activation, inner, form), refinement)] * 2,
        call(expand, inner, form),
    )
    made = made if extra is None else made.given(extra=call(extra, inner, form))
    made = made.given(channels=widths[0]) if op.offset else made
    return made.given(residual=True) if op.residual else made
