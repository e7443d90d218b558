"""Attentions and mixers of an image's spectrum."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.networks.calls import Call, Form, call, translate
from nas.ops import fourier as ops


class SpectralGate(nn.Module):
    """A feature times the inverse transform of its reweighted spectrum: (B, channels, H, W) in and out.

    Args:
        squeeze: 1x1 to few channels.
        expand: 1x1 back.
        inner: Channels of the squeezed spectrum.
        segments: Segments of each axis of the spectrum.
        slope: Of its leaky ReLUs.

    Reference:
        Team CUIT_HTTP (FSANet) in the NTIRE 2025 Efficient Super-Resolution report
    """

    def __init__(self, squeeze: nn.Module, expand: nn.Module, *, inner: int, segments: int, slope: float) -> None:
        super().__init__()
        self.segments, self.slope = segments, slope
        self.squeeze = squeeze
        count = inner * segments**2
        self.factors = nn.Conv2d(count, count, 1, groups=count, bias=False)
        self.offset = nn.Parameter(torch.zeros(1, inner, 1, 1))
        self.expand = expand

    def forward(self, x: Tensor) -> Tensor:
        """Return the gated feature."""
        spectrum = torch.fft.rfft2(x, norm="ortho")
        changed = torch.complex(self.changed(spectrum.real), self.changed(spectrum.imag))
        gate: Tensor = torch.fft.irfft2(changed, s=x.shape[-2:], norm="ortho")
        return x * gate

    def changed(self, part: Tensor) -> Tensor:
        """Return the real or the imaginary part, reweighted."""
        u = functional.leaky_relu(self.squeeze(part), self.slope)
        weighted = functional.leaky_relu(self.segmented(u) + self.offset + u, self.slope)
        total: Tensor = self.expand(weighted) + part
        return total

    def segmented(self, u: Tensor) -> Tensor:
        """Multiply every segment of every channel by its factor."""
        (batch, channels, height, width), n = u.shape, self.segments
        tall, wide = -(-height // n), -(-width // n)
        padded = functional.pad(u, (0, n * wide - width, 0, n * tall - height))
        parts = padded.view(batch, channels, n, tall, n, wide).transpose(3, 4)
        scaled = self.factors(parts.reshape(batch, -1, tall, wide))
        whole = scaled.view(batch, channels, n, n, tall, wide).transpose(3, 4)
        joined: Tensor = whole.reshape(batch, channels, n * tall, n * wide)
        return joined[..., :height, :width]


class SpectralMixer(nn.Module):
    """The inverse transform of a spectrum that experts for every frequency have mixed: (B, channels, H, W) in and out.

    Args:
        channels: Channels in and out.
        experts: Experts, each of which sees an equal part of the channels.
        weights: 1x1 that weighs the experts.

    Reference:
        Team NJUPCA (SFNet) in the NTIRE 2025 Efficient Super-Resolution report
    """

    def __init__(self, channels: int, experts: int, weights: nn.Module) -> None:
        super().__init__()
        parts = 2 * channels
        self.bands = nn.ModuleList(nn.Conv2d(parts, parts, 1, groups=parts) for _ in range(3))
        self.alpha = nn.Parameter(torch.zeros(1, parts, 1, 1))
        self.norm = nn.BatchNorm2d(parts)
        self.weights = weights
        self.depthwise = nn.Conv2d(parts, parts, 3, padding=1, groups=parts)
        self.experts = nn.Conv2d(parts, experts * parts, 1, groups=experts)

    def forward(self, x: Tensor) -> Tensor:
        """Return the mixed feature."""
        (batch, channels, height, width), spectrum = x.shape, torch.fft.rfft2(x, norm="ortho")
        parts = torch.view_as_real(spectrum).permute(0, 1, 4, 2, 3).reshape(batch, 2 * channels, height, -1)
        mixed = functional.gelu(self.mixed(self.banded(parts, width)))
        pairs = mixed.view(batch, channels, 2, height, -1)
        back: Tensor = torch.fft.irfft2(torch.complex(pairs[:, :, 0], pairs[:, :, 1]), s=(height, width), norm="ortho")
        return back

    def banded(self, parts: Tensor, width: int) -> Tensor:
        """Return the spectrum plus its scaled bands, normalised."""
        height = parts.shape[-2]
        rows = torch.arange(height, device=parts.device, dtype=parts.dtype) - height // 2
        columns = torch.arange(parts.shape[-1], device=parts.device, dtype=parts.dtype) - width // 2
        distance = (rows[:, None].square() + columns.square()).sqrt()
        low, high = (distance <= min(height, width) // part for part in (8, 4))
        masks = (low, high & ~low, ~high)
        total = sum(band(parts * mask) for band, mask in zip(self.bands, masks, strict=True))
        normal: Tensor = self.norm(parts + total * self.alpha)
        return normal

    def mixed(self, parts: Tensor) -> Tensor:
        """Return the experts' outputs, weighted for every frequency."""
        weights = self.weights(parts).softmax(dim=1)
        experts = self.experts(self.depthwise(parts)).view(parts.shape[0], weights.shape[1], *parts.shape[1:])
        return torch.einsum("bkhw,bkchw->bchw", weights, experts)


@translate.register
def _spectral_gate(op: ops.SpectralGate, widths: tuple[int, ...], form: Form) -> Call:
    squeeze, expand = op.parts(widths[0])
    parts = call(squeeze, widths, form), call(expand, (op.inner,), form)
    return Call(SpectralGate, *parts, inner=op.inner, segments=op.segments, slope=op.slope)


@translate.register
def _spectral_mixer(op: ops.SpectralMixer, widths: tuple[int, ...], form: Form) -> Call:
    (channels,) = widths
    return Call(SpectralMixer, channels, op.experts, call(op.weights(channels), (2 * channels,), form))
