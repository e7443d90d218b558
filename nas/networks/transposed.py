"""Self-attention between channels, within tiles of the image."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.networks.calls import Call, Form, call, translate
from nas.ops import transposed as ops


class ChannelAttention(nn.Module):
    """Self-attention between the channels of a head, in overlapping tiles whose results are averaged.

    Args:
        channels: Channels in and out.
        heads: Groups of channels that attend to each other.
        project: 1x1 to queries, keys and values.
        mix: 1x1 back.
        tile: Longest side of a tile, in pixels.
        rectified: Whether scores pass a ReLU instead of a softmax.
        shared: Whether keys and values are one feature.

    Shapes:
        x: (B, channels, H, W)
        returns: (B, channels, H, W)

    Reference:
        Zamir et al., Restormer, 2021. https://arxiv.org/abs/2111.09881
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        *,
        project: nn.Module,
        mix: nn.Module,
        tile: int,
        rectified: bool = False,
        shared: bool = False,
    ) -> None:
        super().__init__()
        self.heads, self.tile, self.rectified, self.shared = heads, tile, rectified, shared
        spatial = (2 if shared else 3) * channels
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.project = project
        self.depthwise = nn.Conv2d(spatial, spatial, 3, padding=1, groups=spatial, bias=False)
        self.mix = mix

    def forward(self, x: Tensor) -> Tensor:
        """Return the attended feature."""
        projected = self.project(x)
        if self.shared:
            first, second = projected.chunk(2, dim=1)
            features = self.depthwise(first) * second
        else:
            features = self.depthwise(projected)
        mixed: Tensor = self.mix(self.tiled(features, x.shape[1]))
        return mixed

    def tiled(self, features: Tensor, channels: int) -> Tensor:
        """Attend within every tile; where tiles overlap, return the mean."""
        height, width = features.shape[-2:]
        rows, columns = self.starts(height), self.starts(width)
        tall, wide = min(height, self.tile), min(width, self.tile)
        corners = [(row, column) for row in rows for column in columns]
        tiles = torch.cat([features[..., row : row + tall, column : column + wide] for row, column in corners])
        attended = torch.split(self.attend(tiles, channels), features.shape[0])
        if len(corners) == 1:
            return attended[0]
        total = features.new_zeros(features.shape[0], channels, height, width)
        weight = features.new_zeros(height, width)
        for (row, column), tile in zip(corners, attended, strict=True):
            total[..., row : row + tall, column : column + wide] += tile
            weight[row : row + tall, column : column + wide] += 1
        return total / weight

    def starts(self, side: int) -> list[int]:
        """Return where the tiles of one axis begin; the last is flush with the border."""
        count = (side - 1) // self.tile + 1
        step = -(-(side - self.tile) // (count - 1)) if count > 1 else 0
        return [min(index * step, side - self.tile) if count > 1 else 0 for index in range(count)]

    def attend(self, features: Tensor, channels: int) -> Tensor:
        """Return the attention of one batch of tiles."""
        batch, _, height, width = features.shape
        parts = torch.split(features, channels, dim=1)
        q, k, v = (part.reshape(batch, self.heads, channels // self.heads, -1) for part in (parts[0], *parts[-2:]))
        if self.shared:
            k = v
        q, k = functional.normalize(q, dim=-1), functional.normalize(k, dim=-1)
        scores = q @ k.transpose(-2, -1) * self.temperature
        weights = scores.relu() if self.rectified else scores.softmax(dim=-1)
        attended: Tensor = (weights @ v).reshape(batch, channels, height, width)
        return attended


@translate.register
def _channel_attention(op: ops.ChannelAttention, widths: tuple[int, ...], form: Form) -> Call:
    (channels,), (project, mix) = widths, op.parts(widths[0])
    parts = {"project": call(project, widths, form), "mix": call(mix, widths, form)}
    made = Call(ChannelAttention, channels, op.heads, **parts, tile=op.tile)
    made = made.given(rectified=True) if op.score == "relu" else made
    return made.given(shared=True) if op.shared else made
