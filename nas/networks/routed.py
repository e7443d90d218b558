"""Attention for the windows of an image that are worth it."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.networks.calls import Call, Form, call, translate
from nas.networks.norm import ElementwiseLayerNorm
from nas.networks.windows import Windowed
from nas.ops import routed as ops


class Router(Windowed):
    """Sees a feature and its condition, and says where effort is worth it.

    Args:
        inner: Channels that are seen.
        see: 1x1 of feature, condition and coordinates.
        offsets: Two 1x1 that make the offsets.
        channel_gate: 1x1 that makes the gate of every channel.
        pixel_gate: Convolution that makes the gate of every pixel.
        window: Side of a window.
        reach: Longest offset, in pixels.

    Shapes:
        seen: (B, seen - 2, H, W)
        returns: offsets (B, 2, H, W), channel gate (B, channels, 1, 1), pixel gate (B, 1, H, W), scores (B, windows, 2)
    """

    def __init__(
        self,
        inner: int,
        see: nn.Module,
        offsets: list[nn.Module],
        *,
        channel_gate: nn.Module,
        pixel_gate: nn.Module,
        window: int,
        reach: float,
    ) -> None:
        super().__init__()
        self.window, self.reach = window, reach
        self.see = nn.Sequential(see, ElementwiseLayerNorm(inner, 1e-6), nn.LeakyReLU(0.1))
        self.offsets = nn.Sequential(offsets[0], nn.LeakyReLU(0.1), offsets[1])
        self.score = nn.Sequential(
            nn.Linear(window * window, window), nn.LeakyReLU(0.1), nn.Linear(window, 2), nn.Softmax(dim=-1)
        )
        self.channel_gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), channel_gate, nn.Sigmoid())
        self.pixel_gate = nn.Sequential(pixel_gate, nn.Sigmoid())

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return offsets, channel gate, pixel gate and scores."""
        z = self.see(torch.cat((features, self.places(features)), dim=1))
        means = self.cut(z.mean(1, keepdim=True), self.window).view(z.shape[0], -1, self.window**2)
        offsets = self.offsets(z).tanh() * self.reach
        return offsets, self.channel_gate(z), self.pixel_gate(z), self.score(means)

    def places(self, like: Tensor) -> Tensor:
        """Return the row and the column inside the window, from -1 to 1: (B, 2, H, W)."""
        batch, _, height, width = like.shape
        line = torch.linspace(-1, 1, self.window, device=like.device, dtype=like.dtype)
        place = torch.stack(torch.meshgrid(line, line, indexing="ij"))
        return place.repeat(batch, 1, height // self.window, width // self.window)


class ContentMixer(Windowed):
    """Mixes a feature with more effort in the windows that a router draws.

    The draw takes Gumbel noise from torch's own generator, in evaluation too. In evaluation only drawn windows are
    computed; in training, and where a graph is recorded, all of them are, and those not drawn are masked.

    Args:
        channels: Channels in and out.
        points: Three 1x1 that keep the channels.
        router: Sees feature and condition.
        window: Side of a window.

    Shapes:
        x: (B, channels, H, W)
        condition: (B, D, H, W)
        returns: (B, channels, H, W)

    Reference:
        Wang et al., CAMixerSR, 2024. https://arxiv.org/abs/2402.19289
    """

    def __init__(self, channels: int, points: list[nn.Module], router: nn.Module, *, window: int) -> None:
        super().__init__()
        self.window = window
        self.first, self.second, self.mix = points
        self.query = nn.Linear(channels, channels)
        self.spatial = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
            nn.Conv2d(channels, channels, 3, padding=2, dilation=2, groups=channels),
        )
        self.router = router

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Return the mixed feature."""
        height, width = x.shape[-2:]
        x, condition = self.cover(x, self.window), self.cover(condition, self.window)
        u = functional.silu(self.first(x))
        v = self.second(u)
        offsets, channel_gate, pixel_gate, scores = self.router(torch.cat((v, condition), dim=1))
        drawn = functional.gumbel_softmax(scores, hard=True, dim=2)[..., 0]
        parts = [self.cut(part, self.window) for part in (u + self.warped(x, offsets), v, x, v * pixel_gate)]
        if self.training:
            takes = drawn.reshape(-1, 1, 1)
            tokens = self.attended(*parts[:3]) * takes + parts[3] * (1 - takes)
        else:
            tokens = self.chosen(parts, scores[..., 0], drawn.mean())
        mixed = self.joined(tokens, self.window, *x.shape[-2:])
        mixed = functional.gelu(self.spatial(mixed)) * channel_gate + mixed
        result: Tensor = self.mix(mixed)
        return result[..., :height, :width]

    def attended(self, q: Tensor, v: Tensor, x: Tensor) -> Tensor:
        """Return what drawn windows become."""
        gated: Tensor = (v + x) * (torch.sigmoid(self.query(q)) - 0.5)
        return gated

    def chosen(self, parts: list[Tensor], scores: Tensor, share: Tensor) -> Tensor:
        """Attend the windows of the highest scores, as many as were drawn."""
        (batch, windows), order = scores.shape, scores.argsort(dim=1, descending=True)
        if torch.compiler.is_compiling():
            takes = (order.argsort(dim=1) < (windows * share).floor()).reshape(-1, 1, 1)
            return torch.where(takes, self.attended(*parts[:3]), parts[3])
        order = order + windows * torch.arange(batch, device=order.device)[:, None]
        best = order[:, : int(windows * share)].flatten()
        return parts[3].index_copy(0, best, self.attended(*(part[best] for part in parts[:3])))

    @staticmethod
    def warped(x: Tensor, offsets: Tensor) -> Tensor:
        """Return ``x`` read at every pixel plus its offset (columns, rows); beyond the border, the border."""
        height, width = x.shape[-2:]
        rows = torch.arange(height, device=x.device, dtype=x.dtype)[:, None]
        columns = torch.arange(width, device=x.device, dtype=x.dtype)
        across = 2 * (columns + offsets[:, 0]) / max(width - 1, 1) - 1
        down = 2 * (rows + offsets[:, 1]) / max(height - 1, 1) - 1
        grid = torch.stack((across, down), dim=-1)
        return functional.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=True)


@translate.register
def _content_mixer(op: ops.ContentMixer, widths: tuple[int, ...], form: Form) -> Call:
    channels, seen = widths[0], op.inner(widths)
    parts, inner = op.router(seen, channels), seen // 4
    router = Call(
        Router,
        inner,
        call(parts.see, (seen,), form),
        [call(parts.offsets[0], (inner,), form), call(parts.offsets[1], (seen // 8,), form)],
        channel_gate=call(parts.channel_gate, (inner,), form),
        pixel_gate=call(parts.pixel_gate, (inner,), form),
        window=op.window,
        reach=op.reach,
    )
    points = [call(op.point(channels, channels), (channels,), form)] * 3
    return Call(ContentMixer, channels, points, router, window=op.window)
