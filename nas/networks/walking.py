"""A way of the image through a network's parts, and the weights that open it."""

import math
from dataclasses import dataclass, replace

import torch

from nas.language import IMAGE, Graph
from nas.networks.parts import (
    COLOURS,
    LITTLE,
    MOST_BENT,
    ActivationPart,
    Carried,
    ConvPart,
    NoWayError,
    Part,
    Plan,
    RepeatPart,
    Row,
    ShufflePart,
)

Hop = tuple[int, int]
"""A part's number and the number of its input that the image comes in by."""


@dataclass(frozen=True)
class Bend:
    """Where on a curved activation the colours are placed: where it is nearly straight."""

    scale: float
    offset: float


HIGH = Bend(1.0, 4.0)
"""Where gelu and silu are nearly the identity; needs biases."""

SMALL = Bend(0.05, 0.0)
"""Where they are nearly a half."""


def cheapest(parts: list[Part], output: int, banned: set[Hop]) -> list[Hop] | None:
    """Return the cheapest way from the image to a wire, or None when there is none."""
    cost: dict[int, float] = {IMAGE: 0.0}
    came: dict[int, Hop] = {}
    for number, part in enumerate(parts):
        options = [(cost[wire], slot) for slot, wire in enumerate(part.inputs) if wire in cost]
        options = [item for item in options if (number, item[1]) not in banned]
        if options and part.toll() < float("inf"):
            least, slot = min(options)
            cost[number], came[number] = least + part.toll(), (number, slot)
    if output not in cost:
        return None
    way: list[Hop] = []
    while output != IMAGE:
        way.append(came[output])
        output = parts[output].inputs[came[output][1]]
    return way[::-1]


def interpolation(size: int) -> list[torch.Tensor]:
    """Return the 3x3 windows that make ``size`` sub-pixels of a pixel, by the parabola through three pixels."""
    side = math.isqrt(size)
    places = (torch.arange(side, dtype=torch.float64) + 0.5) / side - 0.5
    taps = torch.stack([places * (places - 1) / 2, 1 - places**2, places * (places + 1) / 2], dim=1)
    return [torch.outer(taps[row], taps[column]) for row in range(side) for column in range(side)]


def writes(part: Part) -> bool:
    """Whether a part puts the colours into channels of its own: a convolution that sees them all, or a fixed one."""
    return isinstance(part, RepeatPart) or (isinstance(part, ConvPart) and (part.fixed or not part.grouped))


class Walk:
    """One way through a network, walked from writer to writer.

    A writer puts the colours into channels of its own: the image itself, and every convolution that sees all channels.
    What stands between two writers decides which channels serve.
    """

    def __init__(
        self,
        parts: list[Part],
        way: list[Hop],
        graph: Graph,
        plan: Plan,
        *,
        bend: Bend | None = None,
        rest: float = LITTLE,
    ) -> None:
        self.parts, self.graph, self.plan, self.bend, self.rest = parts, graph, plan, bend, rest
        self.writers: list[Hop] = []
        self.stretches: list[list[Hop]] = [[]]
        """Hops after the image, after the first writer, ..., after the last."""
        for hop in way:
            if writes(parts[hop[0]]):
                self.writers.append(hop)
                self.stretches.append([])
            else:
                self.stretches[-1].append(hop)

    def failed(self) -> Hop | None:
        """Plan the weights of the whole way; return the hop that is to be avoided, or None."""
        carried = self.image()
        for number, stretch in enumerate(self.stretches):
            final = number == len(self.stretches) - 1
            try:
                if number:
                    carried = self.written(self.writers[number - 1], carried, stretch, final)
                carried = self.passed(carried, stretch, self.plan, self.rest if final else 0.0)
                if final:
                    self.check(carried)
            except NoWayError:
                return stretch[-1] if stretch else self.writers[number - 1]
        return None

    def image(self) -> Carried:
        """What the image carries as nodes read it."""
        spec = self.graph.input
        offset = -spec.gain * torch.tensor(spec.mean or (0.0,) * COLOURS, dtype=torch.float64)
        return Carried(tuple(range(colour, colour + 1) for colour in range(COLOURS)), offset, spec.gain)

    def wanted(self) -> torch.Tensor:
        """What is to be added to the colours before the network's end."""
        mean = self.graph.input.mean if self.graph.result.mean else None
        return -torch.tensor(mean or (0.0,) * COLOURS, dtype=torch.float64)

    def check(self, carried: Carried) -> None:
        """Raise NoWayError unless this is the image itself."""
        starts = [block.start for block in carried.blocks]
        slack = MOST_BENT if carried.bends else 1e-5
        close = torch.allclose(carried.offset, self.wanted(), atol=slack) and abs(carried.scale - 1) < slack
        if starts != list(range(COLOURS)) or carried.paired or not close:
            raise NoWayError

    def passed(self, carried: Carried, stretch: list[Hop], plan: Plan, rest: float) -> Carried:
        """Pass what is carried through a stretch, planning its weights."""
        last = self.restorer(stretch) if carried.bends else None
        for number, slot in stretch:
            part = self.parts[number]
            if number == last and isinstance(part, ConvPart):
                carried = part.restore(slot, carried, plan, self.wanted())
            else:
                carried = part.carry(slot, carried, plan, rest)
        return carried

    def restorer(self, stretch: list[Hop]) -> int | None:
        """Return the last convolution of the last stretch, which gives bent colours their own scale again."""
        convs = [number for number, _ in stretch if isinstance(self.parts[number], ConvPart)]
        return convs[-1] if convs and stretch is self.stretches[-1] else None

    def written(self, writer: Hop, carried: Carried, stretch: list[Hop], final: bool) -> Carried:
        """Plan a writer and return what its result carries."""
        conv, parts = self.parts[writer[0]], [self.parts[number] for number, _ in stretch]
        if not isinstance(conv, ConvPart) or conv.fixed:
            return self.found(conv, carried, stretch, final)
        curved = [part for part in parts if isinstance(part, ActivationPart) and not part.rectifier]
        paired = bool(curved) and self.bend is None
        count = 2 * COLOURS if paired else COLOURS
        spare = self.blocks(conv.channels, stretch)
        blocks = [spare[landing] for landing in sorted(spare)[:count] if not final or landing < COLOURS]
        if len(blocks) < count:
            raise NoWayError
        result = Carried(tuple(blocks), torch.zeros(COLOURS, dtype=torch.float64), paired=paired)
        if curved and self.bend is not None:
            scale, offset = self.bend.scale, self.bend.offset
            if final and self.restorer(stretch) is None:
                scale, offset = curved[-1].line()
            result = replace(result, scale=scale, offset=result.offset + offset, bends=True)
        elif self.bend is not None and not final:
            result = replace(result, offset=self.wanted())  # whoever comes after may have no bias for it
        elif final:
            through = self.passed(result, stretch, Plan(self.parts), self.rest)
            result = replace(result, scale=1 / through.scale, offset=(self.wanted() - through.offset) / through.scale)
        return self.write(
            conv, carried, result, self.windows(conv, stretch, len(blocks[0])), self.rest if final else 0.0
        )

    def windows(self, conv: ConvPart, stretch: list[Hop], size: int) -> list[torch.Tensor]:
        """Return what stands for a centre tap in each channel of a block."""
        shuffles = [
            part.size for part in (self.parts[number] for number, _ in stretch) if isinstance(part, ShufflePart)
        ]
        return interpolation(size) if len(shuffles) == 1 and conv.dense else [torch.ones(1, 1)] * size

    def write(
        self, conv: ConvPart, carried: Carried, result: Carried, windows: list[torch.Tensor], rest: float
    ) -> Carried:
        """Plan the rows of a convolution that turn what is carried into ``result``, or as near as it can."""
        matrix, offset = carried.reading(conv.widths[0])
        cleared = tuple(matrix.any(0).nonzero()[:, 0].tolist())
        biases = result.scale * offset + result.offset
        if not conv.biased:
            result, biases = replace(result, offset=result.offset - biases), torch.zeros_like(biases)
        for number, block in enumerate(result.blocks):
            colour, sign = number % COLOURS, -1.0 if number >= COLOURS else 1.0
            taps, bias = sign * result.scale * matrix[colour], sign * biases[colour].item()
            for channel, window in zip(block, windows, strict=True):
                self.plan.write(conv, channel, Row(taps, bias, window, rest, cleared))
        return result

    def found(self, conv: Part, carried: Carried, stretch: list[Hop], final: bool) -> Carried:
        """Return what the result of a convolution carries whose weights are given."""
        assert isinstance(conv, ConvPart | RepeatPart)
        matrix, bias = conv.point()
        source, offset = torch.zeros(conv.widths[0], COLOURS, dtype=torch.float64), torch.zeros(conv.widths[0])
        if carried.paired:
            raise NoWayError
        for colour, block in enumerate(carried.blocks):
            source[block.start, colour], offset[block.start] = carried.scale, carried.offset[colour]
        strange = matrix[:, ~source.any(1)].any(1)
        values, offsets = matrix @ source, matrix @ offset.to(matrix) + bias
        scale = values.max().item()
        spare, blocks, shifts = self.blocks(conv.channels, stretch), [], []
        for colour in range(COLOURS):
            unit = scale * torch.eye(COLOURS, dtype=torch.float64)[colour]
            fits = [
                (landing, block)
                for landing, block in sorted(spare.items())
                if not strange[list(block)].any()
                and (values[list(block)] == unit).all()
                and (not final or landing == colour)
            ]
            if not fits:
                raise NoWayError
            blocks.append(fits[0][1])
            shifts.append(offsets[fits[0][1].start])
        return Carried(tuple(blocks), torch.stack(shifts), scale)

    def blocks(self, channels: int, stretch: list[Hop]) -> dict[int, range]:
        """Return the blocks of a writer's channels that reach the end of a stretch, by the channel they reach."""
        size = 1
        for number, _ in stretch:
            part = self.parts[number]
            size *= part.size if isinstance(part, ShufflePart) else 1
        found = {}
        for first in range(0, channels - size + 1, size):
            block = range(first, first + size)
            try:
                for number, slot in stretch:
                    block = self.parts[number].move(slot, block)
            except NoWayError:
                continue
            found[block.start] = range(first, first + size)
        return found
