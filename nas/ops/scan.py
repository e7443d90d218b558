"""Selective scans: linear recurrences over the pixels of an image whose steps depend on what they read."""

from dataclasses import dataclass
from typing import ClassVar, Self

from nas.ops import counts
from nas.ops.attention import Attention
from nas.ops.base import Cost, Shape, register
from nas.ops.conv import POINT_TRAIN, Convolution, point
from nas.ops.fields import Integer, OneOf, Real, declare, portion
from nas.ops.training import Plain, TrainingForm


def recurrence(channels: int, tokens: int, *, state: int, rank: int, directions: int) -> Cost:
    """Cost of the projections of a scan; the recurrence itself counts nothing."""
    width, per = rank + 2 * state, channels * tokens * directions
    total = counts.einsum(per * width, width * tokens * directions) + counts.einsum(per * rank, per)
    weights = channels * (width + rank + 1)
    return total + counts.learned(directions * (weights + channels * (state + 1)))


STATE = Integer("Size of the state of every channel.", high=256)
RANK = Integer("Channels from which the step sizes are made.", high=256)


@register
@dataclass(frozen=True, kw_only=True)
class SelectiveScan(Attention):
    """A gated state-space layer that reads the image in several orders and adds what it found.

    u, g = linear(x); u = silu(depthwise(u)); the scans of u along rows, along columns, and along both backwards are
    summed, normalised, multiplied by silu(g) and projected back. The recurrence itself counts no FLOPs.
    """

    name: ClassVar[str] = "selective_scan"
    source: ClassVar[str] = "Guo et al., MambaIR, 2024. https://arxiv.org/abs/2402.15648"

    ratio: float = declare(Real("Channels inside, as a part of those coming in.", low=0.01, high=16), default=2.0)
    state: int = declare(STATE, default=16)
    rank: int = declare(RANK, default=4)
    directions: str = declare(
        OneOf("rows: forward; cross: rows and columns; all: these, and backward.", options=("rows", "cross", "all")),
        default="all",
    )

    def bind(self, widths: tuple[int, ...], width: int) -> Self:  # noqa: ARG002
        self.inner(widths[0])
        return self

    def inner(self, channels: int) -> int:
        """Channels inside."""
        return portion(channels, self.ratio)

    def orders(self) -> int:
        """In how many orders the image is read."""
        return {"rows": 1, "cross": 2, "all": 4}[self.directions]

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,) = inputs
        inner = self.inner(x.channels)
        total = counts.linear(x.pixels, x.channels, 2 * inner, bias=False)
        total += counts.depthwise(x._replace(channels=inner))
        total += recurrence(inner, x.pixels, state=self.state, rank=self.rank, directions=self.orders())
        total += counts.layer_norm(inner * x.pixels, inner)
        return total + counts.linear(x.pixels, inner, x.channels, bias=False)


@register
@dataclass(frozen=True, kw_only=True)
class PromptedScan(Attention):
    """A scan over the pixels sorted by the prompt each is given, so that alike ones are neighbours.

    A small router draws one of ``tokens`` prompts for every pixel (a hard Gumbel softmax, in evaluation too: the noise
    comes from torch's generator, so ``torch.manual_seed`` makes it repeatable). The prompt is added to what reads the
    state. The recurrence itself counts no FLOPs.
    """

    name: ClassVar[str] = "prompted_scan"
    source: ClassVar[str] = "Guo et al., MambaIRv2, 2024. https://arxiv.org/abs/2411.15269"

    ratio: float = declare(Real("Channels inside, as a part of those coming in.", low=0.01, high=16), default=1.0)
    state: int = declare(STATE, default=8)
    rank: int = declare(RANK, default=3)
    tokens: int = declare(Integer("Prompts to draw from.", low=2), default=64)
    prompt: int = declare(Integer("Rank of the table of prompts."), default=32)
    point_train: TrainingForm = declare(POINT_TRAIN, default=Plain())

    def bind(self, widths: tuple[int, ...], width: int) -> Self:  # noqa: ARG002
        self.project(widths[0])
        return self

    def project(self, channels: int) -> Convolution:
        """Return the 1x1 convolution that comes first, bound."""
        return point(channels, self.inner(channels), train=self.point_train)

    def inner(self, channels: int) -> int:
        """Channels inside."""
        return portion(channels, self.ratio)

    def route(self, channels: int) -> int:
        """Channels inside the router."""
        return max(channels // 3, 1)

    def cost(self, inputs: tuple[Shape, ...]) -> Cost:
        (x,) = inputs
        inner, route, pixels = self.inner(x.channels), self.route(x.channels), x.pixels
        total = counts.linear(pixels, x.channels, route) + counts.linear(pixels, route, self.tokens)
        table = self.tokens * self.prompt * self.state
        total += counts.learned((self.tokens + self.state) * self.prompt)
        total += counts.matmul(table, self.tokens * self.state)
        total += counts.matmul(pixels * self.tokens * self.state, pixels * self.state)
        total += self.project(x.channels).cost(inputs) + counts.depthwise(x._replace(channels=inner))
        total += recurrence(inner, pixels, state=self.state, rank=self.rank, directions=1)
        return total + counts.layer_norm(inner * pixels, inner) + counts.linear(pixels, inner, x.channels)
