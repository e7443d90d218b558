"""A network as elementary parts, and how each of them passes the three colours of an image on.

Starting values are found on this view: a part says which channels of its result hold what given channels of an input
held, what that does to their values, and how its weights have to be set for it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor, nn

from nas.networks.conv import Scaled, Unscaled, assign_
from nas.networks.forms import MergingConv

COLOURS = 3
OPEN = 4.0
"""What the inside of a gate is held at while the image passes; the sigmoid of it is nearly 1."""

LITTLE = 0.02
"""Factor of weights that may disturb the result a little; trained, 0.1 comes out the same and begins 0.05 dB lower."""

MOST_BENT = 0.05
"""Root mean square error, relative to the colours, up to which an activation counts as straight where it is used."""


class NoWayError(Exception):
    """The image cannot pass here."""


@dataclass(frozen=True)
class Carried:
    """Channels that carry the colours: each block of channels holds ``scale * sign * colour + offset``.

    Args:
        blocks: Channels of every carrier; more than one where a shuffle is still to come.
        offset: Added to each colour.
        scale: Factor of the colours.
        paired: Whether three carriers of the negative image follow the three of the image.
        activated: Whether the pairs passed an activation, after which only their difference is the image.
        bends: Whether the values were placed where an activation is nearly straight.
    """

    blocks: tuple[range, ...]
    offset: Tensor
    scale: float = 1.0
    paired: bool = False
    activated: bool = False
    bends: bool = False

    def reading(self, channels: int) -> tuple[Tensor, Tensor]:
        """Return the matrix (3, channels) and the offset (3) that make the image from the feature."""
        matrix = torch.zeros(COLOURS, channels, dtype=torch.float64)
        for number, block in enumerate(self.blocks):
            sign = -1.0 if number >= COLOURS else 1.0
            matrix[number % COLOURS, block.start] = sign / self.scale
        return matrix, torch.zeros(COLOURS) if self.paired else -self.offset / self.scale


@dataclass(frozen=True)
class Row:
    """What one output channel of a convolution is to be.

    Args:
        taps: Centre taps, by input channel.
        bias: The bias.
        window: What takes the place of a centre tap of 1, odd sides; where it does not fit, the centre tap stays.
        rest: Factor of what the weights were before.
        cleared: Input channels of which nothing remains whatever ``rest`` is.
    """

    taps: Tensor
    bias: float = 0.0
    window: Tensor = field(default_factory=lambda: torch.ones(1, 1))
    rest: float = 0.0
    cleared: tuple[int, ...] = ()

    def agrees(self, other: "Row") -> bool:
        """Whether two rows ask for the same, but for the rest."""
        same = (self.bias, self.cleared) == (other.bias, other.cleared)
        return same and torch.equal(self.taps, other.taps) and torch.equal(self.window, other.window)

    def write(self, weight: Tensor) -> None:
        """Change the weights (inputs, height, width) of one output channel."""
        weight *= self.rest
        weight[list(self.cleared)] = 0
        fits = all(own <= side for own, side in zip(self.window.shape, weight.shape[1:], strict=True))
        window = self.window if fits else torch.ones(1, 1)
        top, left = ((side - own) // 2 for side, own in zip(weight.shape[1:], window.shape, strict=True))
        inside = weight[:, top : top + window.shape[0], left : left + window.shape[1]]
        inside += (self.taps[:, None, None] * window).to(weight)


@dataclass
class Plan:
    """Changes of weights, collected; nothing is changed before all of them are known to agree.

    Args:
        parts: All parts of the network.
    """

    parts: list["Part"]
    rows: dict[int, dict[int, Row]] = field(default_factory=dict)
    convs: dict[int, "ConvPart"] = field(default_factory=dict)
    cleared: list[Tensor] = field(default_factory=list)

    def write(self, conv: "ConvPart", channel: int, row: Row) -> None:
        """Ask for one output channel; raises NoWayError when it was asked for otherwise."""
        if conv.fixed or (row.bias and not conv.biased):
            raise NoWayError
        rows = self.rows.setdefault(id(conv.module), {})
        if channel in rows and not rows[channel].agrees(row):
            raise NoWayError
        rows[channel] = max(row, rows.get(channel, row), key=lambda item: item.rest)
        self.convs[id(conv.module)] = conv

    def silence(self, wire: int, block: range, rest: float) -> None:
        """Ask for channels of a feature to be zero, or little."""
        if wire < 0:
            raise NoWayError
        self.parts[wire].silence(block, self, rest)

    def copies(self, wire: int, carrier: int, block: range, rest: float) -> float:
        """Return how often a feature adds up the carrier's; all else in its channels is asked to be zero, or little."""
        if wire == carrier:
            return 1.0
        part = self.parts[wire] if wire >= 0 else None
        if isinstance(part, AddPart):
            return sum(self.copies(item, carrier, block, rest) for item in part.inputs)
        if isinstance(part, GatePart) and not part.swift:
            return part.held(block, self) * self.copies(part.inputs[0], carrier, block, rest)
        self.silence(wire, block, rest)
        return 0.0

    def clear(self, parameter: Tensor) -> None:
        """Ask for a parameter to be zero."""
        self.cleared.append(parameter)

    @torch.no_grad()
    def apply(self) -> None:
        """Change the weights."""
        for parameter in self.cleared:
            parameter.zero_()
        for key, rows in self.rows.items():
            conv = self.convs[key]
            weight, bias = (None if tensor is None else tensor.clone() for tensor in conv.kernel)
            assert weight is not None
            for channel, row in rows.items():
                row.write(weight[channel])
                if bias is not None:
                    bias[channel] = row.bias
            conv.assign(weight, bias)


@dataclass(frozen=True)
class Part:
    """One elementary operation; its number in the list of parts is the wire that carries its result.

    Args:
        inputs: Wires it reads; -1 is the image.
        widths: Channels of each.
        channels: Channels of its result.
    """

    inputs: tuple[int, ...]
    widths: tuple[int, ...]
    channels: int

    def toll(self) -> float:
        """How much a path through here is to be avoided; infinite where nothing passes."""
        return 0.1

    def move(self, slot: int, block: range) -> range:  # noqa: ARG002
        """Return where channels of input number ``slot`` are found in the result."""
        return block

    def carry(self, slot: int, carried: Carried, plan: Plan, rest: float) -> Carried:  # noqa: ARG002
        """Plan the weights and return what the result carries; ``rest`` is what others may add."""
        return replace(carried, blocks=tuple(self.move(slot, block) for block in carried.blocks))

    def silence(self, block: range, plan: Plan, rest: float) -> None:
        """Plan the weights so that channels of the result are zero, or little."""
        plan.silence(self.inputs[0], block, rest)


@dataclass(frozen=True)
class ConvPart(Part):
    """A convolution in any form."""

    module: nn.Module
    fixed: bool = False

    def toll(self) -> float:
        mixes = self.grouped and not self.fixed and self.widths[0] != self.channels
        return 1.0 if self._keeps_size() and not mixes else math.inf

    def _keeps_size(self) -> bool:
        conv = self._conv()
        sides = conv.kernel if isinstance(conv, MergingConv) else conv.kernel_size
        stride = conv.stride if isinstance(conv.stride, int) else conv.stride[0]
        dilation = conv.dilation if isinstance(conv.dilation, int) else conv.dilation[0]
        return stride == 1 and tuple(conv.padding) == tuple(dilation * (side - 1) // 2 for side in sides)

    def _conv(self) -> nn.Conv2d | MergingConv:
        inner = self.module
        while isinstance(inner, Scaled | Unscaled):
            inner = inner.conv
        assert isinstance(inner, nn.Conv2d | MergingConv)
        return inner

    def _factors(self) -> tuple[float, float]:
        """Factors of the whole result, and of the input."""
        result, given, inner = 1.0, 1.0, self.module
        while isinstance(inner, Scaled | Unscaled):
            result *= inner.gain if isinstance(inner, Scaled) else 1.0
            given /= inner.gain if isinstance(inner, Unscaled) else 1.0
            inner = inner.conv
        return result, given

    @property
    def grouped(self) -> bool:
        """Whether an output channel sees only some input channels."""
        return self._conv().groups != 1

    @property
    def dense(self) -> bool:
        """Whether the taps of the window are neighbours."""
        return self._conv().dilation in (1, (1, 1))

    @property
    def biased(self) -> bool:
        """Whether there is a bias to set."""
        return self.kernel[1] is not None

    @cached_property
    def kernel(self) -> tuple[Tensor, Tensor | None]:
        """Weight and bias at first, in double precision, as the input and the result see them."""
        conv, (result, given) = self._conv(), self._factors()
        weight, bias = conv.merged() if isinstance(conv, MergingConv) else (conv.weight, conv.bias)
        double = weight.detach().double() * (result * given)
        return double, None if bias is None else bias.detach().double() * result

    def point(self) -> tuple[Tensor, Tensor]:
        """Return the matrix (channels, inputs) and bias that this is; raises NoWayError unless it is pointwise."""
        weight, bias = self.kernel
        height, width = (side // 2 for side in weight.shape[2:])
        matrix = torch.zeros(self.channels, self.widths[0], dtype=weight.dtype)
        inputs, outputs = weight.shape[1], self.channels * weight.shape[1] // self.widths[0]
        for channel, row in enumerate(weight[:, :, height, width]):
            first = channel // outputs * inputs
            matrix[channel, first : first + inputs] = row
        others = weight.clone()
        others[:, :, height, width] = 0
        if others.any():
            raise NoWayError
        return matrix, torch.zeros(self.channels).to(matrix) if bias is None else bias

    def assign(self, weight: Tensor, bias: Tensor | None) -> None:
        """Set weight and bias, as the input and the result see them."""
        conv, (result, given) = self._conv(), self._factors()
        like = next(conv.parameters())
        assign_(conv, (weight / (result * given)).to(like), None if bias is None else (bias / result).to(like))

    def move(self, slot: int, block: range) -> range:  # noqa: ARG002
        if not self.grouped or self.widths[0] != self.channels or self.fixed:
            raise NoWayError
        return block

    def carry(self, slot: int, carried: Carried, plan: Plan, rest: float) -> Carried:
        self._pass_on(carried.blocks, plan)
        return super().carry(slot, carried, plan, rest)

    def restore(self, slot: int, carried: Carried, plan: Plan, wanted: Tensor) -> Carried:
        """Pass the colours on at their own scale, with an offset that is wanted where there is a bias for it."""
        offset = carried.offset / carried.scale
        biases = wanted - offset if self.biased else torch.zeros_like(wanted)
        self._pass_on(carried.blocks, plan, 1 / carried.scale, biases.tolist())
        return super().carry(slot, replace(carried, scale=1.0, offset=offset + biases), plan, 0.0)

    def _pass_on(
        self, blocks: tuple[range, ...], plan: Plan, factor: float = 1.0, biases: Sequence[float] = (0.0,) * COLOURS
    ) -> None:
        seen = self.kernel[0].shape[1]
        for number, block in enumerate(blocks):
            for channel in block:
                taps = torch.zeros(seen, dtype=torch.float64)
                taps[channel % seen] = factor
                plan.write(self, channel, Row(taps, biases[number % COLOURS]))

    def silence(self, block: range, plan: Plan, rest: float) -> None:
        self.hold(block, plan, rest=rest)

    def hold(self, block: range, plan: Plan, *, value: float = 0.0, rest: float = 0.0) -> None:
        """Plan for channels of the result to be a constant."""
        for channel in block:
            plan.write(self, channel, Row(torch.zeros(self.kernel[0].shape[1], dtype=torch.float64), value, rest=rest))


@dataclass(frozen=True)
class RepeatPart(Part):
    """Every channel ``times`` times in a row."""

    times: int

    def point(self) -> tuple[Tensor, Tensor]:
        """Return the matrix (channels, inputs) and bias that this is."""
        matrix = torch.eye(self.widths[0], dtype=torch.float64).repeat_interleave(self.times, 0)
        return matrix, torch.zeros(self.channels, dtype=torch.float64)

    def silence(self, block: range, plan: Plan, rest: float) -> None:
        plan.silence(self.inputs[0], range(block.start // self.times, (block.stop - 1) // self.times + 1), rest)


@dataclass(frozen=True)
class ActivationPart(Part):
    """An element-wise function f with f(x) - f(-x) = (1 + slope) x; a rectifier has f(x) = x where x is positive."""

    slope: float | None
    rectifier: bool
    module: nn.Module

    def toll(self) -> float:
        return math.inf if self.slope is None else 2.0

    def carry(self, slot: int, carried: Carried, plan: Plan, rest: float) -> Carried:  # noqa: ARG002
        if self.rectifier and not carried.paired and (carried.offset >= 0).all():
            return carried
        if carried.bends:
            return self.bent(carried)
        if not carried.paired or carried.activated or carried.offset.any() or self.slope is None:
            raise NoWayError
        return replace(carried, activated=True, scale=carried.scale * (1 + self.slope))

    @torch.no_grad()
    def bent(self, carried: Carried) -> Carried:
        """Return the line that the function is for the values of the colours, where it is nearly one."""
        colours = torch.linspace(0, 1, 33, dtype=torch.float64)
        made = self.module((carried.scale * colours[:, None] + carried.offset).float()).double()
        centred = colours - colours.mean()
        scale = ((centred @ made) / centred.square().sum()).mean()
        offset = (made - scale * colours[:, None]).mean(0)
        missed = (made - scale * colours[:, None] - offset).square().mean().sqrt() / scale.abs()
        if not missed < MOST_BENT:
            raise NoWayError
        return replace(carried, scale=scale.item(), offset=offset)

    @torch.no_grad()
    def line(self) -> tuple[float, float]:
        """Return scale and offset of the colours after which the function comes nearest to giving them back."""
        values = torch.linspace(0, 4, 4001)
        made = self.module(values.clone()).double()  # some work in place
        inside = (made >= 0) & (made <= 1)
        columns = torch.stack([made[inside], torch.ones_like(made[inside])], dim=1)
        # Steep places hold few of the values but as many of the colours.
        weights = torch.gradient(made)[0][inside].clamp_min(0).sqrt()[:, None]
        found = torch.linalg.lstsq(columns * weights, values[inside].double()[:, None] * weights).solution
        return found[0].item(), found[1].item()

    def silence(self, block: range, plan: Plan, rest: float) -> None:
        if self.slope is None:
            raise NoWayError
        super().silence(block, plan, rest)


@dataclass(frozen=True)
class ClampPart(Part):
    """Limits to [low, high]."""

    low: float
    high: float

    def carry(self, slot: int, carried: Carried, plan: Plan, rest: float) -> Carried:
        if carried.scale != 1 or carried.paired or carried.offset.any() or self.low > 0 or self.high < 1:
            raise NoWayError
        return super().carry(slot, carried, plan, rest)

    def silence(self, block: range, plan: Plan, rest: float) -> None:
        if not self.low <= 0 <= self.high:
            raise NoWayError
        super().silence(block, plan, rest)


@dataclass(frozen=True)
class OpaquePart(Part):
    """Something that nothing passes."""

    zero: bool = False
    """Whether zeros give zeros."""

    def toll(self) -> float:
        return math.inf

    def silence(self, block: range, plan: Plan, rest: float) -> None:
        if not self.zero:
            raise NoWayError
        super().silence(block, plan, rest)


@dataclass(frozen=True)
class NormPart(OpaquePart):
    """Something with a factor and an offset for each channel of its result, which can be zero."""

    parameters: tuple[Tensor, ...] = ()

    def silence(self, block: range, plan: Plan, rest: float) -> None:  # noqa: ARG002
        for parameter in self.parameters:
            plan.clear(parameter.detach()[block.start : block.stop])


@dataclass(frozen=True)
class ConcatPart(Part):
    """Features side by side."""

    def move(self, slot: int, block: range) -> range:
        offset = sum(self.widths[:slot])
        return range(block.start + offset, block.stop + offset)

    def silence(self, block: range, plan: Plan, rest: float) -> None:
        for channel in block:
            slot, first = 0, 0
            while channel >= first + self.widths[slot]:
                first, slot = first + self.widths[slot], slot + 1
            plan.silence(self.inputs[slot], range(channel - first, channel - first + 1), rest)


@dataclass(frozen=True)
class AddPart(Part):
    """A sum."""

    def carry(self, slot: int, carried: Carried, plan: Plan, rest: float) -> Carried:
        carrier = self.inputs[slot]
        times = [sum(plan.copies(wire, carrier, block, rest) for wire in self.inputs) for block in carried.blocks]
        return replace(carried, scale=carried.scale * times[0], offset=carried.offset * times[0])

    def silence(self, block: range, plan: Plan, rest: float) -> None:
        for wire in self.inputs:
            plan.silence(wire, block, rest)


@dataclass(frozen=True)
class SlicePart(Part):
    """Some of the channels, from ``first`` on."""

    first: int

    def move(self, slot: int, block: range) -> range:  # noqa: ARG002
        if block.start < self.first or block.stop > self.first + self.channels:
            raise NoWayError
        return range(block.start - self.first, block.stop - self.first)

    def silence(self, block: range, plan: Plan, rest: float) -> None:
        plan.silence(self.inputs[0], range(block.start + self.first, block.stop + self.first), rest)


@dataclass(frozen=True)
class ShufflePart(Part):
    """Blocks of ``size`` channels become pixels."""

    size: int

    def move(self, slot: int, block: range) -> range:  # noqa: ARG002
        if block.start % self.size or block.stop % self.size:
            raise NoWayError
        return range(block.start // self.size, block.stop // self.size)

    def silence(self, block: range, plan: Plan, rest: float) -> None:
        plan.silence(self.inputs[0], range(block.start * self.size, block.stop * self.size), rest)


@dataclass(frozen=True)
class GatePart(Part):
    """A feature times a sigmoid of ``gate``, or (y + x) times (the sigmoid - 0.5), y the output of ``gate``.

    The gate is a convolution, or parameters that all have to be zero for the sigmoid to be that of zero.
    """

    gate: "ConvPart | tuple[Tensor, ...]"
    swift: bool = False

    def toll(self) -> float:
        return 4.0

    def held(self, block: range, plan: Plan) -> float:
        """Plan for the gate to be constant and return the factor that it is."""
        if not isinstance(self.gate, ConvPart):
            for parameter in self.gate:
                plan.clear(parameter)
            return 0.5
        self.gate.hold(block, plan, value=self.inside)
        return torch.tensor(self.inside).sigmoid().item() - (0.5 if self.swift else 0.0)

    @property
    def inside(self) -> float:
        """What the sigmoid is taken of, while the image passes."""
        return OPEN if isinstance(self.gate, ConvPart) and self.gate.biased else 0.0

    def carry(self, slot: int, carried: Carried, plan: Plan, rest: float) -> Carried:  # noqa: ARG002
        if self.swift and not self.inside:
            raise NoWayError
        factor, *_ = [self.held(block, plan) for block in carried.blocks]
        offset = carried.offset + (self.inside if self.swift else 0.0)
        return replace(carried, scale=carried.scale * factor, offset=offset * factor)

    def silence(self, block: range, plan: Plan, rest: float) -> None:
        super().silence(block, plan, rest)
        if self.swift and isinstance(self.gate, ConvPart):
            self.gate.silence(block, plan, rest)
