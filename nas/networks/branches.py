"""Training forms that widen, repeat or reshape the window of a convolution, and one for depthwise windows."""

from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.networks.forms import (
    Edbb,
    ExpandedEcb,
    Kernel,
    MergingConv,
    PlainBranchConv,
    added,
    assign_between_,
    centred,
    composed,
    kernel,
    reduced,
    with_identity,
)


class Eec(ExpandedEcb):
    """An EDBB with a high-pass branch at a widened width, between 1x1s of which the first has no bias, and identity.

    Reference:
        Team ChanSR (EECNet) in the NTIRE 2025 Efficient Super-Resolution report
    """

    def __init__(
        self, channels: int, width: int, kernel: tuple[int, int], *, expand: int, multiplier: int = 2, **conv: Any
    ) -> None:
        super().__init__(channels, width, kernel, expand=expand, **conv)
        inner: dict[str, Any] = {"stride": self.stride, "bias": self.bias, "multiplier": multiplier}
        self.expansion = nn.Conv2d(channels, expand * channels, 1, bias=False)
        self.block = Edbb(expand * channels, expand * width, kernel, high_pass=True, **inner)


class Rrrb(MergingConv):
    """1x1 to ``ratio`` times the width, the window beside an identity, 1x1 back, and an identity around all.

    Reference:
        Du et al., Fast and Memory-Efficient Network, 2022. https://arxiv.org/abs/2204.08397
    """

    def __init__(self, channels: int, width: int, kernel: tuple[int, int], *, ratio: int = 2, **conv: Any) -> None:
        super().__init__(channels, width, kernel, **conv)
        self.first, self.last = self._point(channels, ratio * channels), self._point(ratio * width, width)
        self.window = self._window(ratio * channels, ratio * width)
        self.identity = channels == width

    def gate(self) -> Tensor:
        """Return the factor of each of the window's channels, or of all of them."""
        return self.window.weight.new_ones(1)

    def merged(self) -> Kernel:
        """Return the kernel that the branches merge into, differentiably."""
        gate, bias = self.gate(), self.window.bias
        window = self.window.weight * gate[:, None, None, None], None if bias is None else bias * gate
        inner = with_identity(window) if self.identity else window
        total = reduced(composed(self.first, inner), self.last)
        return with_identity(total) if self.identity else total

    def branches(self, x: Tensor) -> Tensor:
        """Return the sum of the branches on an input that is padded already."""
        wide = self.first(x)
        y = self.window(wide) * self.gate()[:, None, None]
        if not self.identity:
            return cast(Tensor, self.last(y))
        return cast(Tensor, self.last(y + self._centre(wide))) + self._centre(x)

    @torch.no_grad()
    def assign_(self, weight: Tensor, bias: Tensor | None) -> None:
        """Change window and last 1x1 so that the form merges into this kernel."""
        before = self.window.weight.clone()
        assign_between_(self.window, (self.first, self.last), weight - self.merged()[0])
        self.window.weight.copy_(before + (self.window.weight - before) / self.gate()[:, None, None, None])
        offset = self.merged()[1]
        if bias is not None and offset is not None and self.last.bias is not None:
            self.last.bias += bias - offset


class GatedRrrb(Rrrb):
    """The same with the window's channels multiplied by the sigmoid of a bottleneck of a learned vector.

    Reference:
        Team NanoSR in the NTIRE 2025 Efficient Super-Resolution report
    """

    def __init__(self, channels: int, width: int, kernel: tuple[int, int], *, ratio: int = 2, **conv: Any) -> None:
        super().__init__(channels, width, kernel, ratio=ratio, **conv)
        wide = ratio * width
        self.vector = nn.Parameter(torch.ones(wide))
        self.down, self.up = nn.Linear(wide, max(wide // 4, 1)), nn.Linear(max(wide // 4, 1), wide)

    def gate(self) -> Tensor:
        """Return the factor of each of the window's channels."""
        return torch.sigmoid(self.up(functional.silu(self.down(self.vector))))


class TenInOne(MergingConv):
    """Several branches of 1x1, window and 1x1, each with a widening of its own, beside a 1x1 shortcut.

    Reference:
        Team TACO_SR (TenInOneSR) in the NTIRE 2025 Efficient Super-Resolution report
    """

    def __init__(
        self, channels: int, width: int, kernel: tuple[int, int], *, gains: tuple[int, ...] = (1, 2, 3), **conv: Any
    ) -> None:
        super().__init__(channels, width, kernel, **conv)
        self.shortcut = self._point(channels, width)
        self.paths = nn.ModuleList(
            nn.ModuleList(
                (
                    self._point(channels, gain * channels),
                    self._window(gain * channels, gain * width),
                    self._point(gain * width, width),
                )
            )
            for gain in sorted(gains)
        )

    def _paths(self) -> list[tuple[nn.Conv2d, nn.Conv2d, nn.Conv2d]]:
        return [tuple(path) for path in cast(Iterable[Any], self.paths)]

    def merged(self) -> Kernel:
        """Return the kernel that the branches merge into, differentiably."""
        first, *others = (reduced(composed(start, kernel(window)), end) for start, window, end in self._paths())
        for other in others:
            first = added(first, other)
        return centred(first, kernel(self.shortcut))

    def branches(self, x: Tensor) -> Tensor:
        """Return the sum of the branches on an input that is padded already."""
        total: Tensor = self.shortcut(self._centre(x))
        for start, window, end in self._paths():
            total = total + end(window(start(x)))
        return total

    @torch.no_grad()
    def assign_(self, weight: Tensor, bias: Tensor | None) -> None:
        """Change the widest branch's window and the shortcut so that the form merges into this kernel."""
        start, window, end = self._paths()[-1]
        assign_between_(window, (start, end), weight - self.merged()[0])
        offset = self.merged()[1]
        if bias is not None and offset is not None and self.shortcut.bias is not None:
            self.shortcut.bias += bias - offset


class SmallerWindows(PlainBranchConv):
    """The window beside smaller ones, and the identity where widths agree.

    Args:
        channels: Channels in.
        width: Channels out.
        kernel: Height and width of the window.
        windows: Heights and widths of the smaller ones.
        conv: Stride, padding, dilation, groups and bias.

    Reference:
        Teams JNU620 (RepRLFN) and CUIT_HTTP (FSANet) in the NTIRE 2025 Efficient Super-Resolution report
    """

    def __init__(
        self,
        channels: int,
        width: int,
        kernel: tuple[int, int],
        *,
        windows: tuple[tuple[int, int], ...],
        **conv: Any,
    ) -> None:
        super().__init__(channels, width, kernel, **conv)
        self.plain = self._window(channels, width)
        self.smaller = nn.ModuleList(self._window(channels, width, window) for window in windows)
        self.identity = channels == width

    def merged(self) -> Kernel:
        """Return the kernel that the branches merge into, differentiably."""
        total = kernel(self.plain)
        for conv in cast(Iterable[nn.Conv2d], self.smaller):
            total = centred(total, kernel(conv))
        if not self.identity:
            return total
        if self.groups == 1:
            return with_identity(total)
        weight, bias = total
        return centred((weight, None), (weight.new_ones(len(weight), 1, 1, 1), None))[0], bias

    def branches(self, x: Tensor) -> Tensor:
        """Return the sum of the branches on an input that is padded already."""
        total: Tensor = self.plain(x)
        for conv in cast(Iterable[nn.Conv2d], self.smaller):
            total = total + conv(self._around(x, conv.kernel_size))
        return total + self._centre(x) if self.identity else total


class SerialParallel(PlainBranchConv):
    """The window beside a 1x1 followed by another such window.

    Reference:
        Team mmSR (FRnet) in the NTIRE 2025 Efficient Super-Resolution report
    """

    def __init__(self, channels: int, width: int, kernel: tuple[int, int], **conv: Any) -> None:
        super().__init__(channels, width, kernel, **conv)
        self.plain = self._window(channels, width)
        self.first, self.second = self._point(channels, width), self._window(width, width)

    def merged(self) -> Kernel:
        """Return the kernel that the branches merge into, differentiably."""
        return added(kernel(self.plain), composed(self.first, kernel(self.second)))

    def branches(self, x: Tensor) -> Tensor:
        """Return the sum of the branches on an input that is padded already."""
        total: Tensor = self.plain(x) + self.second(self.first(x))
        return total
