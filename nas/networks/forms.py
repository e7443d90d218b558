"""Training forms: convolutions trained as several branches that merge into one convolution, borders included.

A form's ``forward`` convolves once, with the kernel that its branches merge into. That is the same function as the sum
of the branches, with the same gradients, at about the cost of the one convolution. ``expanded`` computes it branch by
branch, which is the form's definition. Branches that begin with a 1x1 pad their *input*, so that the border of what
lies between equals the bias of the 1x1, and merging is exact there, too.
"""

from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

Kernel = tuple[Tensor, Tensor | None]
"""Weight (out, in, height, width) and bias (out) of a convolution."""


def composed(point: nn.Conv2d, window: Kernel) -> Kernel:
    """Return the kernel of a 1x1 followed by ``window``."""
    weight, bias = window
    if bias is not None and point.bias is not None:
        bias = bias + weight.sum((2, 3)) @ point.bias
    return torch.einsum("omhw,mi->oihw", weight, point.weight[:, :, 0, 0]), bias


def reduced(window: Kernel, point: nn.Conv2d) -> Kernel:
    """Return the kernel of ``window`` followed by a 1x1."""
    (weight, bias), matrix = window, point.weight[:, :, 0, 0]
    return (
        torch.einsum("om,mihw->oihw", matrix, weight),
        None if bias is None or point.bias is None else matrix @ bias + point.bias,
    )


def kernel(conv: nn.Conv2d) -> Kernel:
    """Return weight and bias of a convolution."""
    return conv.weight, conv.bias


def centred(window: Kernel, smaller: Kernel) -> Kernel:
    """Return ``window`` plus a smaller kernel, such as a 1x1, around its centre tap."""
    (weight, bias), (inner, offset) = window, smaller
    height, width = ((side - less) // 2 for side, less in zip(weight.shape[2:], inner.shape[2:], strict=True))
    return (
        weight + functional.pad(inner, (width, width, height, height)),
        bias if bias is None or offset is None else bias + offset,
    )


def added(first: Kernel, second: Kernel) -> Kernel:
    """Return the sum of two kernels of one window."""
    return first[0] + second[0], None if first[1] is None or second[1] is None else first[1] + second[1]


class MergingConv(nn.Module):
    """Base of the training forms: a convolution given by the kernel that its branches merge into.

    Args:
        channels: Channels in.
        width: Channels out.
        kernel: Height and width of the window.
        stride: Step of the window.
        padding: Rows and columns of zeros around the input.
        dilation: Spacing of the window's taps.
        groups: Groups of channels that are convolved separately.
        bias: Whether the branches add biases.

    Shapes:
        x: (B, channels, H, W)
        returns: (B, width, H', W')
    """

    def __init__(
        self,
        channels: int,
        width: int,
        kernel: tuple[int, int],
        *,
        stride: int = 1,
        padding: tuple[int, int] = (0, 0),
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.channels, self.width, self.kernel, self.groups = channels, width, kernel, groups
        self.stride, self.padding, self.dilation, self.bias = stride, padding, dilation, bias

    def merged(self) -> Kernel:
        """Return the kernel that the branches merge into, differentiably."""
        raise NotImplementedError

    def branches(self, x: Tensor) -> Tensor:
        """Return the sum of the branches on an input that is padded already."""
        raise NotImplementedError

    def assign_(self, weight: Tensor, bias: Tensor | None) -> None:
        """Change the form so that it merges into this kernel."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Convolve with the merged kernel."""
        weight, bias = self.merged()
        return functional.conv2d(x, weight, bias, self.stride, self.padding, self.dilation, self.groups)

    def expanded(self, x: Tensor) -> Tensor:
        """Return the same branch by branch."""
        height, width = self.padding
        return self.branches(functional.pad(x, (width, width, height, height)))

    @torch.no_grad()
    def merge(self) -> nn.Conv2d:
        """Return the one convolution that this is."""
        weight, bias = self.merged()
        conv = nn.Conv2d(
            self.channels,
            self.width,
            self.kernel,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
            bias=bias is not None,
            dtype=weight.dtype,
            device=weight.device,
        )
        conv.weight.copy_(weight)
        if bias is not None and conv.bias is not None:
            conv.bias.copy_(bias)
        return conv

    def _point(self, channels: int, width: int) -> nn.Conv2d:
        """A 1x1 convolution on a padded feature."""
        return nn.Conv2d(channels, width, 1, bias=self.bias)

    def _window(self, channels: int, width: int, kernel: tuple[int, int] | None = None) -> nn.Conv2d:
        """A convolution with this window, or a smaller one, on a padded feature."""
        options: dict[str, Any] = {"stride": self.stride, "dilation": self.dilation, "groups": self.groups}
        return nn.Conv2d(channels, width, kernel or self.kernel, bias=self.bias, **options)

    def _around(self, x: Tensor, kernel: tuple[int, ...]) -> Tensor:
        """The part of a padded feature on which a smaller window steps as this one does on the whole."""
        sides = zip(self.kernel, kernel, strict=True)
        height, width = (self.dilation * (side - less) // 2 for side, less in sides)
        return x[..., height : x.shape[-2] - height, width : x.shape[-1] - width]

    def _centre(self, x: Tensor) -> Tensor:
        """What the centre tap of the window sees of a padded feature."""
        return self._around(x, (1, 1))[..., :: self.stride, :: self.stride]


class PlainBranchConv(MergingConv):
    """A form with the plain convolution (``plain``) among its branches, which can make up for all the others."""

    plain: nn.Conv2d

    @torch.no_grad()
    def assign_(self, weight: Tensor, bias: Tensor | None) -> None:
        """Change the plain branch so that the form merges into this kernel."""
        merged, offset = self.merged()
        self.plain.weight += weight - merged
        if bias is not None and offset is not None and self.plain.bias is not None:
            self.plain.bias += bias - offset


@torch.no_grad()
def assign_between_(window: nn.Conv2d, ends: tuple[nn.Conv2d, nn.Conv2d], change: Tensor) -> None:
    """Change ``window`` so that the kernel of 1x1, window, 1x1 changes by ``change``; the ends must have full rank."""
    before, after = (torch.linalg.pinv(end.weight[:, :, 0, 0].double()) for end in ends)
    window.weight += torch.einsum("mo,oihw,in->mnhw", after, change.double(), before).to(change.dtype)


class Conv3XC(MergingConv):
    """1x1 to ``gain`` times the width, the window, 1x1 back, beside a 1x1 shortcut.

    Reference:
        Wan et al., Swift Parameter-free Attention Network, 2023. https://arxiv.org/abs/2311.12770
    """

    def __init__(self, channels: int, width: int, kernel: tuple[int, int], *, gain: int = 2, **conv: Any) -> None:
        super().__init__(channels, width, kernel, **conv)
        self.first = self._point(channels, gain * channels)
        self.window = self._window(gain * channels, gain * width)
        self.last = self._point(gain * width, width)
        self.shortcut = self._point(channels, width)

    def merged(self) -> Kernel:
        """Return the kernel that the branches merge into, differentiably."""
        return centred(reduced(composed(self.first, kernel(self.window)), self.last), kernel(self.shortcut))

    def branches(self, x: Tensor) -> Tensor:
        """Return the sum of the branches on an input that is padded already."""
        total: Tensor = self.last(self.window(self.first(x))) + self.shortcut(self._centre(x))
        return total

    @torch.no_grad()
    def assign_(self, weight: Tensor, bias: Tensor | None) -> None:
        """Change shortcut and window so that the form merges into this kernel."""
        change = weight - self.merged()[0]
        height, width = (side // 2 for side in self.kernel)
        self.shortcut.weight += change[:, :, height : height + 1, width : width + 1]
        change[:, :, height, width] = 0
        assign_between_(self.window, (self.first, self.last), change)
        offset = self.merged()[1]
        if bias is not None and offset is not None and self.shortcut.bias is not None:
            self.shortcut.bias += bias - offset


EDGES = (
    ((1.0, 0.0, -1.0), (2.0, 0.0, -2.0), (1.0, 0.0, -1.0)),
    ((1.0, 2.0, 1.0), (0.0, 0.0, 0.0), (-1.0, -2.0, -1.0)),
    ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0)),
)
"""Sobel along the width, Sobel along the height, and the Laplacian."""

HIGH_PASS = ((-0.0625, -0.125, -0.0625), (-0.125, 0.75, -0.125), (-0.0625, -0.125, -0.0625))
"""What a blur leaves out."""


class EdgeBranch(nn.Module):
    """A 1x1, then a fixed 3x3 filter on every channel, times a trained scale and plus a trained bias.

    Args:
        point: The 1x1.
        edge: The filter.
        stride: Step of the filter.
    """

    edge: Tensor

    def __init__(self, point: nn.Conv2d, edge: tuple[tuple[float, ...], ...], *, stride: int = 1) -> None:
        super().__init__()
        width, biased = point.out_channels, point.bias is not None
        self.point, self.stride = point, stride
        self.scale = nn.Parameter(1e-3 * torch.randn(width, 1, 1, 1))
        self.bias = nn.Parameter(1e-3 * torch.randn(width)) if biased else None
        self.register_buffer("edge", torch.tensor(edge), persistent=False)

    def merged(self) -> Kernel:
        """Return the dense 3x3 kernel that this is."""
        filters = (self.scale * self.edge)[:, 0]
        weight = filters[:, None] * self.point.weight
        if self.bias is None or self.point.bias is None:
            return weight, None
        return weight, self.bias + filters.sum((1, 2)) * self.point.bias

    def forward(self, x: Tensor) -> Tensor:
        """Filter a padded feature."""
        filters = self.scale * self.edge
        return functional.conv2d(self.point(x), filters, self.bias, self.stride, groups=len(filters))


class Edbb(PlainBranchConv):
    """Edge-enhanced diverse branches: 3x3, 1x1, 1x1-3x3, three 1x1-edge-filter branches, and identity.

    Args:
        channels: Channels in.
        width: Channels out.
        kernel: 3 by 3.
        multiplier: Widening inside the 1x1-3x3 branch.
        point: Whether there is a 1x1 branch (EDBB; ECB has none).
        identity: Whether the input is added where widths agree.
        high_pass: Whether there is a fourth filter branch.
        conv: Stride, padding and bias.

    Reference:
        Wang, Edge-enhanced Feature Distillation Network, 2022. https://arxiv.org/abs/2204.08759
        Zhang et al., Edge-oriented Convolution Block, 2021. https://doi.org/10.1145/3474085.3475291
    """

    def __init__(
        self,
        channels: int,
        width: int,
        kernel: tuple[int, int],
        *,
        multiplier: int = 2,
        point: bool = True,
        identity: bool = True,
        high_pass: bool = False,
        **conv: Any,
    ) -> None:
        super().__init__(channels, width, kernel, **conv)
        self.plain = self._window(channels, width)
        self.point = self._point(channels, width) if point else None
        self.first, self.second = self._point(channels, multiplier * width), self._window(multiplier * width, width)
        edges = (*EDGES, HIGH_PASS) if high_pass else EDGES
        self.edges = nn.ModuleList(EdgeBranch(self._point(channels, width), edge, stride=self.stride) for edge in edges)
        self.identity = identity and channels == width

    def merged(self) -> Kernel:
        """Return the kernel that the branches merge into, differentiably."""
        total = added(kernel(self.plain), composed(self.first, kernel(self.second)))
        for edge in cast(Iterable[EdgeBranch], self.edges):
            total = added(total, edge.merged())
        if self.point is not None:
            total = centred(total, kernel(self.point))
        return with_identity(total) if self.identity else total

    def branches(self, x: Tensor) -> Tensor:
        """Return the sum of the branches on an input that is padded already."""
        total: Tensor = self.plain(x) + self.second(self.first(x))
        for edge in cast(Iterable[EdgeBranch], self.edges):
            total = total + edge(x)
        if self.point is not None:
            total = total + self.point(self._centre(x))
        return total + self._centre(x) if self.identity else total


def with_identity(window: Kernel) -> Kernel:
    """Return a kernel plus the identity."""
    weight, bias = window
    # Made where it is used: a copy from the host in every step would wait, and cannot be captured in a CUDA graph.
    unit = torch.eye(len(weight), dtype=weight.dtype, device=weight.device)
    return centred((weight, None), (unit[:, :, None, None], None))[0], bias


class ExpandedEcb(MergingConv):
    """An edge-oriented block at a widened width, between a 1x1 expansion and a 1x1 reduction, beside the identity.

    Args:
        channels: Channels in.
        width: Channels out.
        kernel: 3 by 3.
        expand: Widening of the whole block.
        multiplier: Widening inside the 1x1-3x3 branch.
        identity: Whether the input is added where widths agree.
        conv: Stride, padding and bias.

    Reference:
        Team ShannonLab in the NTIRE 2025 Efficient Super-Resolution report
    """

    def __init__(
        self,
        channels: int,
        width: int,
        kernel: tuple[int, int],
        *,
        expand: int,
        multiplier: int = 2,
        identity: bool = True,
        **conv: Any,
    ) -> None:
        super().__init__(channels, width, kernel, **conv)
        inner: dict[str, Any] = {"stride": self.stride, "bias": self.bias, "point": False, "identity": False}
        self.expansion = self._point(channels, expand * channels)
        self.block = Edbb(expand * channels, expand * width, kernel, multiplier=multiplier, **inner)
        self.reduction = self._point(expand * width, width)
        self.identity = identity and channels == width

    def merged(self) -> Kernel:
        """Return the kernel that the branches merge into, differentiably."""
        total = reduced(composed(self.expansion, self.block.merged()), self.reduction)
        return with_identity(total) if self.identity else total

    def branches(self, x: Tensor) -> Tensor:
        """Return the sum of the branches on an input that is padded already."""
        total: Tensor = self.reduction(self.block.branches(self.expansion(x)))
        return total + self._centre(x) if self.identity else total

    @torch.no_grad()
    def assign_(self, weight: Tensor, bias: Tensor | None) -> None:
        """Change the block's 3x3 and the reduction so that the form merges into this kernel."""
        change = weight - self.merged()[0]
        assign_between_(self.block.plain, (self.expansion, self.reduction), change)
        offset = self.merged()[1]
        if bias is not None and offset is not None and self.reduction.bias is not None:
            self.reduction.bias += bias - offset


class Espan(PlainBranchConv):
    """Several parallel 1x1-window branches, a 1x1 and the window itself, without identity.

    Reference:
        Team mbga in the NTIRE 2025 Efficient Super-Resolution report
    """

    def __init__(self, channels: int, width: int, kernel: tuple[int, int], *, branches: int = 4, **conv: Any) -> None:
        super().__init__(channels, width, kernel, **conv)
        self.plain, self.point = self._window(channels, width), self._point(channels, width)
        pairs = ((self._point(channels, width), self._window(width, width)) for _ in range(branches))
        self.pairs = nn.ModuleList(nn.Sequential(*pair) for pair in pairs)

    def merged(self) -> Kernel:
        """Return the kernel that the branches merge into, differentiably."""
        total = centred(kernel(self.plain), kernel(self.point))
        for first, second in cast(Iterable[tuple[nn.Conv2d, nn.Conv2d]], self.pairs):
            total = added(total, composed(first, kernel(second)))
        return total

    def branches(self, x: Tensor) -> Tensor:
        """Return the sum of the branches on an input that is padded already."""
        total: Tensor = self.plain(x) + self.point(self._centre(x))
        for pair in self.pairs:
            total = total + pair(x)
        return total


class Lora(PlainBranchConv):
    """The convolution plus a low-rank update of its kernel, (alpha / rank) * B A, that starts at zero.

    Args:
        channels: Channels in.
        width: Channels out.
        kernel: Square.
        rank: Rank of the update, per side of the window.
        alpha: Scale of the update; it is divided by the rank.
        conv: Stride, padding, dilation and bias.

    Reference:
        Hu et al., Low-Rank Adaptation, 2021. https://arxiv.org/abs/2106.09685
    """

    def __init__(
        self, channels: int, width: int, kernel: tuple[int, int], *, rank: int, alpha: float, **conv: Any
    ) -> None:
        super().__init__(channels, width, kernel, **conv)
        side = kernel[0]
        self.plain, self.factor = self._window(channels, width), alpha / rank
        self.down = nn.Parameter(torch.empty(rank * side, channels * side))
        self.up = nn.Parameter(torch.zeros(width * side, rank * side))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)

    def merged(self) -> Kernel:
        """Return the kernel that the branches merge into, differentiably."""
        return self.plain.weight + self._update(), self.plain.bias

    def branches(self, x: Tensor) -> Tensor:
        """Return the sum of the branches on an input that is padded already."""
        update = functional.conv2d(x, self._update(), None, self.stride, 0, self.dilation)
        total: Tensor = self.plain(x) + update
        return total

    def _update(self) -> Tensor:
        return self.factor * (self.up @ self.down).view(self.plain.weight.shape)
