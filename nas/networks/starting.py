"""Starting values: an untrained network that already enlarges an image as plain interpolation does, where it can.

From random weights a small network trains for thousands of steps only to reach bicubic. So the image is carried from
the input to the output by the centre taps of a few channels: the first convolution copies the three colours, whatever
comes after passes them on (through an activation as a pair of x and -x, through a gate held open), and the last makes
each colour's sub-pixels, by the parabola through three pixels where its window has them, else the nearest; all else
that reaches the output begins small.
"""

import math
from dataclasses import dataclass, replace

import torch

from nas.language import IMAGE, Architecture, Graph
from nas.networks.deploying import deploy
from nas.networks.fitting import fit
from nas.networks.network import Network
from nas.networks.parts import (
    COLOURS,
    LITTLE,
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
from nas.networks.unfolding import Unfolding

Hop = tuple[int, int]
"""A part's number and the number of its input that the image comes in by."""

MOST_TRIES = 50
"""Ways to look at before giving up."""


CALM = 0.1
"""Factor of the last weights where the image finds no way."""


@dataclass(frozen=True)
class Start:
    """What starting values were found.

    Args:
        carried: Whether the untrained network passes the image on.
        sentence: The same in words.
    """

    carried: bool
    sentence: str


def start(network: Network, arch: Architecture, seed: int) -> Start:
    """Give a network starting values, in place and from the seed alone.

    Args:
        network: A network of ``arch``, in either form.
        arch: The architecture.
        seed: Seed of the random weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = Network(arch.graph, "training")
    if network.form == "training":
        network.load_state_dict(fresh.state_dict())
        return carry_image(network, arch)
    found = carry_image(fresh, arch)
    network.load_state_dict(deploy(fresh).state_dict())
    return found


def carry_image(network: Network, arch: Architecture) -> Start:
    """Change the weights of a network in training form so that the image passes."""
    unfolding = Unfolding(network, arch.graph)
    wire = unfolding.wires[arch.graph.output]
    banned: set[Hop] = set()
    for _ in range(MOST_TRIES):
        way = cheapest(unfolding.parts, wire, banned)
        if way is None:
            break
        plan = Plan(unfolding.parts)
        failed = Walk(unfolding.parts, way, arch.graph, plan).failed()
        if failed is None:
            plan.apply()
            return Start(True, f"The image passes through {len(way)} parts to the output.")
        banned.add(failed)
    if fit(network, unfolding.parts, wire, arch.scale):
        return Start(True, "The last convolution was fitted to make the image from what reaches it.")
    calm(unfolding.parts, wire)
    return Start(False, "No way for the image was found; the last convolutions begin at a tenth of random weights.")


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

    def __init__(self, parts: list[Part], way: list[Hop], graph: Graph, plan: Plan) -> None:
        self.parts, self.graph, self.plan = parts, graph, plan
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
                carried = self.passed(carried, stretch, self.plan, LITTLE if final else 0.0)
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
        close = torch.allclose(carried.offset, self.wanted()) and abs(carried.scale - 1) < 1e-9
        if starts != list(range(COLOURS)) or carried.paired or not close:
            raise NoWayError

    def passed(self, carried: Carried, stretch: list[Hop], plan: Plan, rest: float) -> Carried:
        """Pass what is carried through a stretch, planning its weights."""
        for number, slot in stretch:
            carried = self.parts[number].carry(slot, carried, plan, rest)
        return carried

    def written(self, writer: Hop, carried: Carried, stretch: list[Hop], final: bool) -> Carried:
        """Plan a writer and return what its result carries."""
        conv, parts = self.parts[writer[0]], [self.parts[number] for number, _ in stretch]
        if not isinstance(conv, ConvPart) or conv.fixed:
            return self.found(conv, carried, stretch, final)
        paired = any(isinstance(part, ActivationPart) and not part.rectifier for part in parts)
        count = 2 * COLOURS if paired else COLOURS
        spare = self.blocks(conv.channels, stretch)
        blocks = [spare[landing] for landing in sorted(spare)[:count] if not final or landing < COLOURS]
        if len(blocks) < count:
            raise NoWayError
        result = Carried(tuple(blocks), torch.zeros(COLOURS, dtype=torch.float64), paired=paired)
        if final:
            through = self.passed(result, stretch, Plan(self.parts), LITTLE)
            result = replace(result, scale=1 / through.scale, offset=(self.wanted() - through.offset) / through.scale)
        return self.write(conv, carried, result, self.windows(conv, stretch, len(blocks[0])), LITTLE if final else 0.0)

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


@torch.no_grad()
def calm(parts: list[Part], wire: int) -> None:
    """Scale down the last convolutions before a wire."""
    if wire == IMAGE:
        return
    part = parts[wire]
    if isinstance(part, ConvPart):
        weight, bias = part.kernel
        if not part.fixed:
            part.assign(CALM * weight, bias)
        return
    for source in part.inputs:
        calm(parts, source)
