"""Starting values: an untrained network that already enlarges an image as plain interpolation does, where it can.

From random weights a small network trains for thousands of steps only to reach bicubic. So the image is carried from
the input to the output by the centre taps of a few channels: the first convolution copies the three colours, whatever
comes after passes them on (through an activation as a pair of x and -x, through a gate held open), and the last makes
each colour's sub-pixels, by the parabola through three pixels where its window has them, else the nearest; all else
that reaches the output begins small.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch.nn import functional

from nas.language import IMAGE, Architecture, Graph
from nas.networks.deploying import deploy
from nas.networks.fitting import fit, scenes
from nas.networks.network import Network
from nas.networks.parts import LITTLE, ConvPart, Part, Plan
from nas.networks.unfolding import Unfolding
from nas.networks.walking import HIGH, SMALL, Bend, Hop, Walk, cheapest

MOST_TRIES = 50
"""Ways to look at before giving up."""

RESTS = (LITTLE, LITTLE / 10, LITTLE / 100, 0.0)
"""What to leave of weights that disturb the result, the first that disturbs little; features may be large."""

NEAR = 0.016
"""How far from interpolation a start may be on made-up images; enlarging to the nearest pixel is 0.012 away."""

NEAR_BENT = 0.04
"""The same where an activation bends the colours; on photographs the nearest pixel is 0.08 away."""

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
    random = {name: value.clone() for name, value in network.state_dict().items()}
    for way, bend in ways(unfolding.parts, wire, arch.graph):
        for rest in RESTS:
            network.load_state_dict(random)
            plan = Plan(unfolding.parts)
            Walk(unfolding.parts, way, arch.graph, plan, bend=bend, rest=rest).failed()
            plan.apply()
            distance = far(network, arch.scale)
            if distance < NEAR or (rest == 0 and distance < NEAR_BENT):
                return Start(True, f"The image passes through {len(way)} parts to the output.")
    network.load_state_dict(random)
    if fit(network, unfolding.parts, wire, arch.scale) and far(network, arch.scale) < NEAR_BENT:
        return Start(True, "The last convolution was fitted to make the image from what reaches it.")
    network.load_state_dict(random)
    calm(unfolding.parts, wire)
    begin = "the last convolutions begin at a tenth of random weights."
    if dark(network, arch.graph):
        return Start(False, f"Nothing adds the mean again that is taken from the image, for lack of a bias; {begin}")
    times = brightness(arch.graph)
    if times > 1.5:
        return Start(False, f"A way without weights adds the image {times:.0f} times as bright as it is; {begin}")
    return Start(False, f"No way for the image was found; {begin}")


def ways(parts: list[Part], wire: int, graph: Graph) -> Iterator[tuple[list[Hop], Bend | None]]:
    """Yield the cheapest way for the image; then, where that is not one, those through bent activations."""
    for bend in (None, HIGH, SMALL):
        banned: set[Hop] = set()
        for _ in range(MOST_TRIES):
            way = cheapest(parts, wire, banned)
            if way is None:
                break
            failed = Walk(parts, way, graph, Plan(parts), bend=bend).failed()
            if failed is None:
                yield way, bend
                break
            banned.add(failed)


@torch.no_grad()
def far(network: Network, scale: int) -> float:
    """Return the root mean square distance of what a network makes of images from what interpolation makes of them."""
    image = scenes()[:1, :, :24, :24]
    wanted = functional.interpolate(image, scale_factor=scale, mode="bicubic").clamp(0, 1)
    training = network.training
    made = network.eval()(image)
    network.train(training)
    return float((made - wanted)[..., scale:-scale, scale:-scale].square().mean().sqrt())


@torch.no_grad()
def dark(network: Network, graph: Graph) -> bool:
    """Whether an image of the mean colour alone comes out as zeros, whatever the weights are."""
    spec = graph.input
    if spec.mean is None or graph.result.mean:
        return False
    other = Network(graph, "training").eval()
    for parameter in other.parameters():
        parameter.add_(0.1)
    result = other(torch.tensor(spec.mean)[None, :, None, None].expand(1, 3, 32, 32))
    return not bool(result.any())


@torch.no_grad()
def brightness(graph: Graph) -> float:
    """Return how often a network whose weights are all zero adds the image."""
    other = Network(graph, "training").eval()
    for parameter in other.parameters():
        if parameter.requires_grad:
            parameter.zero_()
    black, white = (other(torch.full((1, 3, 32, 32), value)) for value in (0.0, 1.0))
    return float((white - black).mean())


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
