"""Attention between the pixels of a window."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.networks.calls import Call, Form, call, translate
from nas.ops import windows as ops


class Windowed(nn.Module):
    """Something that works in square windows, which an image is cut into and joined from."""

    def cover(self, x: Tensor, window: int) -> Tensor:
        """Mirror ``x`` at its right and lower border until windows cover it."""
        height, width = x.shape[-2:]
        rows, columns = (-(-side // window) * window for side in (height, width))
        if (rows, columns) == (height, width):
            return x
        return x[..., self.mirrored(height, rows, x)[:, None], self.mirrored(width, columns, x)]

    @staticmethod
    def mirrored(side: int, longer: int, like: Tensor) -> Tensor:
        """Return which of ``side`` positions each of ``longer`` ones repeats."""
        period = max(2 * side - 2, 1)
        position = torch.arange(longer, device=like.device) % period
        return torch.minimum(position, (period - position).abs())

    @staticmethod
    def cut(x: Tensor, window: int) -> Tensor:
        """Cut (B, C, H, W) into (B * windows, window^2, C)."""
        batch, channels, height, width = x.shape
        parts = x.reshape(batch, channels, height // window, window, width // window, window)
        return parts.permute(0, 2, 4, 3, 5, 1).reshape(-1, window * window, channels)

    @staticmethod
    def joined(tokens: Tensor, window: int, height: int, width: int) -> Tensor:
        """Join (B * windows, window^2, C) to (B, C, H, W)."""
        channels = tokens.shape[-1]
        parts = tokens.reshape(-1, height // window, width // window, window, window, channels)
        return parts.permute(0, 5, 1, 3, 2, 4).reshape(-1, channels, height, width)


class WindowAttention(Windowed):
    """Self-attention between the pixels of a window: (B, channels, H, W) in and out.

    Args:
        channels: Channels in and out.
        window: Side of a window.
        heads: Groups of channels.
        shift: Pixels by which the windows are shifted.
        fold: Side of the neighbourhood that keys and values are folded from.

    Reference:
        Liu et al., Swin Transformer, 2021; Zhou et al., SRFormer, 2023
    """

    def __init__(self, channels: int, window: int, *, heads: int, shift: int = 0, fold: int = 1) -> None:
        super().__init__()
        self.window, self.heads, self.shift, self.fold = window, heads, shift, fold
        self.bias = nn.Parameter(torch.empty((2 * window // fold - 1) ** 2, heads).normal_(std=0.02))
        self.pair = nn.Linear(channels, 2 * channels // fold**2 if fold > 1 else 3 * channels)
        self.query = nn.Linear(channels, channels) if fold > 1 else None
        self.mix = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return the attended feature."""
        height, width = x.shape[-2:]
        covered = self.cover(x, self.window)
        shifted = torch.roll(covered, (-self.shift, -self.shift), (2, 3)) if self.shift else covered
        mixed = self.attend(self.cut(shifted, self.window), *shifted.shape[-2:])
        joined = self.joined(mixed, self.window, *shifted.shape[-2:])
        back = torch.roll(joined, (self.shift, self.shift), (2, 3)) if self.shift else joined
        return back[..., :height, :width]

    def attend(self, tokens: Tensor, height: int, width: int) -> Tensor:
        """Return the attention of (windows, window^2, channels)."""
        count, length, channels = tokens.shape
        pair = self.pair(tokens)
        if self.query is None:
            q, pair = pair.split((channels, 2 * channels), dim=-1)
        else:
            q = self.query(tokens)
        q, (k, v) = q.reshape(count, length, self.heads, -1).transpose(1, 2), self.folded(pair)
        scores = (q * (channels // self.heads) ** -0.5) @ k.transpose(-2, -1) + self.relative()
        if self.shift:
            apart = self.apart(height, width, tokens.device)
            scores = scores.view(-1, len(apart), *scores.shape[1:]) + apart[:, None].to(scores.dtype) * -100.0
            scores = scores.flatten(0, 1)
        mixed: Tensor = self.mix((scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(count, length, channels))
        return mixed

    def folded(self, pair: Tensor) -> tuple[Tensor, Tensor]:
        """Fold neighbours of (windows, window^2, 2 c) into keys and values (windows, heads, tokens, channels)."""
        (count, _, channels), side, fold = pair.shape, self.window // self.fold, self.fold
        parts = pair.reshape(count, side, fold, side, fold, 2, channels // 2).permute(0, 1, 3, 5, 2, 4, 6)
        parts = parts.reshape(count, side * side, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        return parts[0], parts[1]

    def relative(self) -> Tensor:
        """Return the bias of every query and key: (heads, window^2, keys)."""
        side = self.window // self.fold
        places = torch.arange(self.window, device=self.bias.device) // self.fold
        offsets = places[:, None] - torch.arange(side, device=self.bias.device) + side - 1
        index = offsets[:, None, :, None] * (2 * side - 1) + offsets[None, :, None, :]
        return self.bias[index.reshape(self.window**2, side * side)].permute(2, 0, 1)

    def apart(self, height: int, width: int, device: torch.device) -> Tensor:
        """Return which queries and keys of every window come from different borders: (windows, window^2, keys)."""
        rows, columns = (self.regions(side, device) for side in (height, width))
        regions = (rows[:, None] * 3 + columns)[None, None]
        queries = self.cut(regions, self.window)
        keys = self.cut(regions[..., :: self.fold, :: self.fold], self.window // self.fold)
        return queries != keys.transpose(1, 2)

    def regions(self, side: int, device: torch.device) -> Tensor:
        """Return 0 before the last window of an axis, 1 in it, and 2 where it wraps around."""
        position = torch.arange(side, device=device)
        return (position >= side - self.window).long() + (position >= side - self.shift).long()


class SelfCorrelation(Windowed):
    """Correlations within a window, without softmax: (B, channels, H, W) in and out.

    Args:
        channels: Channels in and out, even.
        window: Side of a window.
        bottleneck: The three convolutions that make one factor.
        gate: 1x1 that makes the other.
        heads: Groups of channels of the correlation between pixels; 0: channels only.
        base: Side of the base grid.
        position_inner: Channels inside the network that makes the position bias.

    Reference:
        Zhang et al., HiT-SR, 2024. https://arxiv.org/abs/2407.05878
    """

    def __init__(
        self,
        channels: int,
        window: int,
        *,
        bottleneck: list[nn.Module],
        gate: nn.Module,
        heads: int = 0,
        base: int = 8,
        position_inner: int = 1,
    ) -> None:
        super().__init__()
        self.window, self.heads, self.base = window, heads, base
        first, second, third = bottleneck
        self.bottleneck = nn.Sequential(first, nn.LeakyReLU(0.2), second, nn.LeakyReLU(0.2), third)
        self.gate = gate
        self.mix = nn.Linear(channels if heads else channels // 2, channels)
        if heads:
            self.cell = nn.Linear((window // base) ** 2, 1)
            stages: list[nn.Module] = [nn.Linear(2, position_inner)]
            for width in (position_inner, position_inner, heads):
                stages += [nn.LayerNorm(position_inner), nn.ReLU(), nn.Linear(position_inner, width)]
            self.position = nn.Sequential(*stages)

    def forward(self, x: Tensor) -> Tensor:
        """Return the correlated feature."""
        height, width = x.shape[-2:]
        covered = self.cover(x, self.window)
        q, v = self.cut(self.bottleneck(covered) * self.gate(covered), self.window).chunk(2, dim=-1)
        between_channels = ((q.transpose(1, 2) @ v / q.shape[1]) @ v.transpose(1, 2)).transpose(1, 2)
        parts = (self.between_pixels(q, v), between_channels) if self.heads else (between_channels,)
        mixed = self.mix(torch.cat(parts, dim=-1))
        return self.joined(mixed, self.window, *covered.shape[-2:])[..., :height, :width]

    def between_pixels(self, q: Tensor, v: Tensor) -> Tensor:
        """Return the correlation of (windows, window^2, channels) with the cells of the base grid."""
        count, length, channels = q.shape
        q, v = (part.view(count, length, self.heads, -1).transpose(1, 2) for part in (q, v))
        cell = self.window // self.base
        cells = v.reshape(count, self.heads, self.base, cell, self.base, cell, -1).permute(0, 1, 2, 4, 6, 3, 5)
        tokens = self.cell(cells.reshape(*cells.shape[:5], cell * cell)).reshape(count, self.heads, self.base**2, -1)
        scores = q @ tokens.transpose(-2, -1) / (channels // self.heads) + self.bias()
        found: Tensor = (scores @ tokens).transpose(1, 2).reshape(count, length, channels)
        return found

    def bias(self) -> Tensor:
        """Return the mean position bias of every pixel and cell: (heads, window^2, base^2)."""
        like, cell = self.cell.weight, self.window // self.base
        steps = torch.arange(1 - self.window, self.window, device=like.device)
        offsets = torch.stack(torch.meshgrid(steps, steps, indexing="ij"), dim=-1).to(like.dtype)
        table = self.position(offsets.view(-1, 2)).view(len(steps), len(steps), self.heads).permute(2, 0, 1)
        means = functional.avg_pool2d(table[None], cell, stride=1)[0]
        place = torch.arange(self.window, device=like.device)
        index = place[:, None] - cell * torch.arange(self.base, device=like.device) + self.window - cell
        chosen: Tensor = means[:, index[:, None, :, None], index[None, :, None, :]]
        return chosen.reshape(self.heads, self.window**2, self.base**2)


@translate.register
def _window_attention(op: ops.WindowAttention, widths: tuple[int, ...], form: Form) -> Call:
    made = Call(WindowAttention, widths[0], op.window, heads=op.heads)
    made = made.given(shift=op.shift) if op.shift else made
    return made.given(fold=op.fold) if op.fold != 1 else made


@translate.register
def _self_correlation(op: ops.SelfCorrelation, widths: tuple[int, ...], form: Form) -> Call:
    (channels,) = widths
    inner = (channels // op.squeeze,)
    sides = zip(op.bottleneck(channels), (widths, inner, inner), strict=True)
    bottleneck = [call(conv, side, form) for conv, side in sides]
    gate = call(op.gate(channels), widths, form)
    made = Call(SelfCorrelation, channels, op.window, bottleneck=bottleneck, gate=gate)
    if not op.heads:
        return made
    base, position = min(op.base, op.window), op.position_inner(channels)
    return made.given(heads=op.heads, base=base, position_inner=position)
