"""Selective scans, in plain PyTorch."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.networks.calls import Call, Form, call, translate
from nas.ops import scan as ops


class Recurrence(nn.Module):
    """h(t) = exp(step(t) A) h(t - 1) + step(t) B(t) u(t), and y(t) = C(t) h(t) + D u(t); step, B and C are read off u.

    The L tokens are cut into as many chunks as have states that stay in a processor's cache. All chunks are scanned
    side by side from a state of zero, the states at their ends are handed on by steps of doubled length, and all are
    scanned again from the right state: two loops of a chunk's tokens.

    Args:
        channels: Channels of u in every direction.
        state: Size of the state of every channel.
        rank: Channels from which the step sizes are made.
        directions: Independent recurrences.

    Shapes:
        u: (B, directions, channels, L)
        prompt: None, or (B, 1, state, L), added to C
        returns: (B, directions, channels, L)

    Reference:
        Gu and Dao, Mamba, 2023. https://arxiv.org/abs/2312.00752
    """

    cached, shortest = 2**21, 8

    def __init__(self, channels: int, *, state: int, rank: int, directions: int) -> None:
        super().__init__()
        self.rank, self.state = rank, state
        self.project = nn.Parameter(torch.empty(directions, rank + 2 * state, channels).uniform_(-1, 1))
        self.steps = nn.Parameter(torch.empty(directions, channels, rank).uniform_(-(rank**-0.5), rank**-0.5))
        steps = torch.exp(torch.empty(directions, channels).uniform_(math.log(0.001), math.log(0.1)))
        self.offset = nn.Parameter(steps + torch.log(-torch.expm1(-steps)))
        decays = torch.arange(1, state + 1, dtype=torch.float32).log()
        self.decay = nn.Parameter(decays.repeat(directions * channels, 1))
        self.skip = nn.Parameter(torch.ones(directions * channels))
        with torch.no_grad():
            self.project.mul_(channels**-0.5)

    def forward(self, u: Tensor, prompt: Tensor | None = None) -> Tensor:
        """Return y."""
        parts = torch.einsum("bkdl,kcd->bkcl", u, self.project)
        steps, b, c = torch.split(parts, [self.rank, self.state, self.state], dim=2)
        dt = functional.softplus(torch.einsum("bkrl,kdr->bkdl", steps, self.steps) + self.offset[..., None])
        found = self.scan(u, dt, b, c if prompt is None else c + prompt)
        return found + u * self.skip.view(u.shape[1], u.shape[2], 1)

    def scan(self, u: Tensor, dt: Tensor, b: Tensor, c: Tensor) -> Tensor:
        """Return C(t) h(t) for every t: (B, K, D, L)."""
        length = u.shape[-1]
        states = u[..., 0].numel() * self.state
        size = max(self.shortest, -(-length * states // self.cached))
        chunks = -(-length // size)
        decay = -torch.exp(self.decay).view(u.shape[1], u.shape[2], self.state, 1)
        # (size, B, K, D or 1, state or 1, chunks): what step t of all chunks reads lies together.
        dt, gain = (self.cut(part, chunks, size).unsqueeze(4) for part in (dt, dt * u))
        b, c = (self.cut(part, chunks, size).unsqueeze(3) for part in (b, c))
        steps = list(zip(dt.unbind(), gain.unbind(), b.unbind(), strict=True))
        state = torch.zeros_like(dt[0] * decay)
        for step in steps:
            state = self.next(state, *step, decay)
        state, found = self.carried(state, torch.exp(dt.sum(0) * decay)), []
        for step, read in zip(steps, c.unbind(), strict=True):
            state = self.next(state, *step, decay)
            found.append((state * read).sum(-2))
        joined: Tensor = torch.stack(found, dim=-1).flatten(3)[..., :length]
        return joined

    @staticmethod
    def cut(part: Tensor, chunks: int, size: int) -> Tensor:
        """Cut (B, K, C, L) into (size, B, K, C, chunks); what is missing at the end is zero, a step of no length."""
        padded = functional.pad(part, (0, chunks * size - part.shape[-1]))
        return padded.view(*part.shape[:-1], chunks, size).permute(4, 0, 1, 2, 3).contiguous()

    @staticmethod
    def next(state: Tensor, dt: Tensor, gain: Tensor, b: Tensor, decay: Tensor) -> Tensor:
        """Return the state one token later."""
        kept = dt * decay
        if kept.requires_grad or state.requires_grad:
            return torch.addcmul(kept.exp() * state, gain, b)
        return kept.exp_().mul_(state).addcmul_(gain, b)

    @staticmethod
    def carried(ends: Tensor, total: Tensor) -> Tensor:
        """Return the state before every chunk, by steps of doubled length: (B, K, D, state, chunks)."""
        step = 1
        while step < ends.shape[-1]:
            handed = total[..., step:] * ends[..., :-step]
            ends = torch.cat((ends[..., :step], ends[..., step:] + handed), dim=-1)
            total = torch.cat((total[..., :step], total[..., step:] * total[..., :-step]), dim=-1)
            step *= 2
        return functional.pad(ends[..., :-1], (1, 0))


class SelectiveScan(nn.Module):
    """A gated state-space layer that reads the image in several orders: (B, channels, H, W) in and out.

    Args:
        channels: Channels in and out.
        inner: Channels inside.
        recurrence: Reads the image; its directions are rows, columns, and both backwards.

    Reference:
        Guo et al., MambaIR, 2024. https://arxiv.org/abs/2402.15648
    """

    def __init__(self, channels: int, inner: int, recurrence: nn.Module, *, directions: int) -> None:
        super().__init__()
        self.recurrence, self.directions = recurrence, directions
        self.project = nn.Linear(channels, 2 * inner, bias=False)
        self.depthwise = nn.Conv2d(inner, inner, 3, padding=1, groups=inner)
        self.norm = nn.LayerNorm(inner)
        self.mix = nn.Linear(inner, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scanned feature."""
        u, gate = self.project(x.permute(0, 2, 3, 1)).chunk(2, dim=-1)
        u = functional.silu(self.depthwise(u.permute(0, 3, 1, 2)))
        found = self.norm(self.read(u).permute(0, 2, 3, 1))
        mixed: Tensor = self.mix(found * functional.silu(gate)).permute(0, 3, 1, 2)
        return mixed

    def read(self, u: Tensor) -> Tensor:
        """Return the sum of what is found in every order."""
        height, width = u.shape[-2:]
        orders = [u.flatten(2), u.transpose(2, 3).flatten(2)][: self.directions]
        orders += [order.flip(-1) for order in orders][: self.directions - len(orders)]
        found = self.recurrence(torch.stack(orders, dim=1))
        rows = found[:, 0]
        if self.directions == 4:
            rows = rows + found[:, 2].flip(-1)
        total: Tensor = rows.unflatten(-1, (height, width))
        if self.directions > 1:
            columns = found[:, 1] + found[:, 3].flip(-1) if self.directions == 4 else found[:, 1]
            total = total + columns.unflatten(-1, (width, height)).transpose(2, 3)
        return total


class PromptedScan(nn.Module):
    """A scan over the pixels sorted by the prompt each is given: (B, channels, H, W) in and out.

    The prompts are drawn with Gumbel noise from torch's own generator, in evaluation too.

    Args:
        channels: Channels in and out.
        inner: Channels inside.
        recurrence: Of one direction; reads the sorted pixels.
        project: 1x1 to the channels inside.
        route: Channels inside the router.
        tokens: Prompts to draw from.
        prompt: Rank of the table of prompts.
        state: Size of a prompt.

    Reference:
        Guo et al., MambaIRv2, 2024. https://arxiv.org/abs/2411.15269
    """

    def __init__(
        self,
        channels: int,
        inner: int,
        recurrence: nn.Module,
        project: nn.Module,
        *,
        route: int,
        tokens: int,
        prompt: int,
        state: int,
    ) -> None:
        super().__init__()
        self.recurrence = recurrence
        self.norm, self.mix = nn.LayerNorm(inner), nn.Linear(inner, channels)
        self.project = project
        self.depthwise = nn.Conv2d(inner, inner, 3, padding=1, groups=inner)
        self.tokens = nn.Parameter(torch.empty(tokens, prompt).uniform_(-1 / tokens, 1 / tokens))
        self.route = nn.Sequential(
            nn.Linear(channels, route), nn.GELU(), nn.Linear(route, tokens), nn.LogSoftmax(dim=-1)
        )
        self.table = nn.Parameter(torch.empty(prompt, state).normal_())

    def forward(self, x: Tensor) -> Tensor:
        """Return the scanned feature."""
        height, width = x.shape[-2:]
        takes = functional.gumbel_softmax(self.route(x.flatten(2).transpose(1, 2)), hard=True, dim=-1)
        prompts = (takes @ (self.tokens @ self.table)).transpose(1, 2).unsqueeze(1)
        order = takes.detach().argmax(-1).sort(dim=-1, stable=False).indices
        back = torch.empty_like(order).scatter_(
            1, order, torch.arange(order.shape[1], device=x.device).expand_as(order)
        )
        u = self.project(x)
        u = (u * torch.sigmoid(self.depthwise(u))).flatten(2)
        found = self.recurrence(u.gather(2, order[:, None].expand_as(u)).unsqueeze(1), prompts)[:, 0]
        mixed: Tensor = self.mix(self.norm(found.transpose(1, 2))).transpose(1, 2)
        return mixed.gather(2, back[:, None].expand_as(mixed)).view(*mixed.shape[:2], height, width)


@translate.register
def _selective_scan(op: ops.SelectiveScan, widths: tuple[int, ...], form: Form) -> Call:
    (channels,), inner, directions = widths, op.inner(widths[0]), op.orders()
    recurrence = Call(Recurrence, inner, state=op.state, rank=op.rank, directions=directions)
    return Call(SelectiveScan, channels, inner, recurrence, directions=directions)


@translate.register
def _prompted_scan(op: ops.PromptedScan, widths: tuple[int, ...], form: Form) -> Call:
    (channels,), inner = widths, op.inner(widths[0])
    return Call(
        PromptedScan,
        channels,
        inner,
        Call(Recurrence, inner, state=op.state, rank=op.rank, directions=1),
        call(op.project(channels), widths, form),
        route=op.route(channels),
        tokens=op.tokens,
        prompt=op.prompt,
        state=op.state,
    )
