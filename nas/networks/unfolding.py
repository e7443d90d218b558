"""A network's nodes, taken apart into elementary parts."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import singledispatch

from torch import nn

from nas.language import IMAGE, Graph, Ref
from nas.networks import attention, block, channel, gated, norm, refining, transposed
from nas.networks.network import Network
from nas.networks.parts import (
    ActivationPart,
    AddPart,
    ClampPart,
    ConcatPart,
    ConvPart,
    GatePart,
    NormPart,
    OpaquePart,
    Part,
    RepeatPart,
    ShufflePart,
    SlicePart,
)
from nas.ops import Op
from nas.ops import activation as activation_ops
from nas.ops import attention as attention_ops
from nas.ops import block as block_ops
from nas.ops import channel as channel_ops
from nas.ops import conv as conv_ops
from nas.ops import fusion as fusion_ops
from nas.ops import gated as gated_ops
from nas.ops import norm as norm_ops
from nas.ops import pooled as pooled_ops
from nas.ops import refining as refining_ops
from nas.ops import separable as separable_ops
from nas.ops import transposed as transposed_ops
from nas.ops import variance as variance_ops

Wires = tuple[int, ...]


class Unfolding:
    """The parts of a network in order, and the wires that carry its features."""

    def __init__(self, network: Network, graph: Graph) -> None:
        self.parts: list[Part] = []
        self.wires: dict[Ref, int] = {Ref(IMAGE): IMAGE}
        for number, (node, step) in enumerate(zip(graph.nodes, network.steps, strict=True)):
            place = Place(network.get_submodule(step.name), self, tuple(self.wires[ref] for ref in node.inputs))
            self.wires[Ref(number)] = unfold(node.op, place)
            self.wires.update({Ref(number, tap): wire for tap, wire in place.taps.items()})

    def widths(self, inputs: Wires) -> tuple[int, ...]:
        """Channels that wires carry."""
        return tuple(3 if wire == IMAGE else self.parts[wire].channels for wire in inputs)

    def add(self, part: Part) -> int:
        """Append a part and return the wire of its result."""
        self.parts.append(part)
        return len(self.parts) - 1


@dataclass
class Place:
    """Where an op stands.

    Args:
        module: The op's module.
        into: Where its parts go.
        inputs: What it reads.
        taps: Filled with the wires of its taps.
    """

    module: nn.Module
    into: Unfolding
    inputs: Wires
    taps: dict[str, int] = field(default_factory=dict)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each input."""
        return self.into.widths(self.inputs)


@singledispatch
def unfold(op: Op, at: Place) -> int:
    """Append the parts of ``op`` and return the wire of its result; one without a function here is opaque."""
    return at.into.add(OpaquePart(at.inputs, at.widths, op.channels_out(at.widths)))


@unfold.register
def _conv(op: conv_ops.Conv, at: Place) -> int:
    fixed = op.frozen or op.init != "default"
    return at.into.add(ConvPart(at.inputs, at.widths, op.channels_out(at.widths), at.module, fixed))


@unfold.register
def _activation(op: activation_ops.Activation, at: Place) -> int:
    if isinstance(op, activation_ops.Nothing):
        return at.inputs[0]
    if isinstance(op, activation_ops.Clamp):
        return at.into.add(ClampPart(at.inputs, at.widths, at.widths[0], op.low, op.high))
    rectifier = isinstance(at.module, nn.ReLU | nn.LeakyReLU | nn.PReLU)
    return at.into.add(ActivationPart(at.inputs, at.widths, at.widths[0], slope(at.module), rectifier, at.module))


def slope(module: nn.Module) -> float | None:
    """Return s where f(x) - f(-x) = (1 + s) x, or None where f is not of that kind."""
    match module:
        case nn.SiLU() | nn.GELU() | nn.ReLU():
            return 0.0
        case nn.LeakyReLU():
            return float(module.negative_slope)
        case nn.PReLU():
            return module.weight[0].item()
    return None


@unfold.register
def _concat(op: fusion_ops.Concat, at: Place) -> int:
    return at.into.add(ConcatPart(at.inputs, at.widths, sum(at.widths)))


@unfold.register
def _add(op: fusion_ops.Add, at: Place) -> int:
    return at.into.add(AddPart(at.inputs, at.widths, at.widths[0]))


@unfold.register
def _slice(op: fusion_ops.Slice, at: Place) -> int:
    first, last = op.channels
    return at.into.add(SlicePart(at.inputs, at.widths, last - first, first))


@unfold.register
def _resize(op: fusion_ops.Resize, at: Place) -> int:
    return at.into.add(Part(at.inputs, at.widths, at.widths[0]))


@unfold.register
def _shuffle(op: fusion_ops.PixelShuffle, at: Place) -> int:
    return at.into.add(ShufflePart(at.inputs, at.widths, op.channels_out(at.widths), op.scale**2))


@unfold.register
def _repeat_channels(op: fusion_ops.RepeatChannels, at: Place) -> int:
    return at.into.add(RepeatPart(at.inputs, at.widths, op.channels_out(at.widths), op.times))


@unfold.register
def _chain(op: separable_ops.ConvChain, at: Place) -> int:
    assert isinstance(at.module, nn.Sequential)
    wires = at.inputs
    for conv, module in zip(op.parts(at.widths[0]), at.module, strict=True):
        wires = (unfold(conv, Place(module, at.into, wires)),)
    return wires[0]


@unfold.register
def _gct(op: channel_ops.Gct, at: Place) -> int:
    return at.into.add(Part(at.inputs, at.widths, at.widths[0]))  # the identity, at first


@unfold.register
def _eca(op: channel_ops.Eca, at: Place) -> int:
    return at.into.add(GatePart(at.inputs, at.widths, at.widths[0], tuple(at.module.parameters())))


@unfold.register
def _cca(op: channel_ops.Cca, at: Place) -> int:
    assert isinstance(at.module, channel.Cca)
    gate = ConvPart((), (op.inner,), at.widths[0], at.module.expand)
    return at.into.add(GatePart(at.inputs, at.widths, at.widths[0], gate))


@unfold.register(attention_ops.ParameterFree)
@unfold.register(variance_ops.VarianceAttention)
@unfold.register(pooled_ops.PooledGate)
@unfold.register(norm_ops.L2Norm)
def _factor(op: Op, at: Place) -> int:
    """Every channel of the input times something."""
    return at.into.add(OpaquePart(at.inputs, at.widths, at.widths[0], zero=True))


@unfold.register
def _layer_norm(op: norm_ops.LayerNorm, at: Place) -> int:
    assert isinstance(at.module, norm.LayerNorm)
    affine = (at.module.weight, at.module.bias)
    return at.into.add(NormPart(at.inputs, at.widths, at.widths[0], parameters=affine))


def closed(at: Place, conv: nn.Module) -> int:
    """Append something that nothing passes, whose result is that of a convolution which can be silent."""
    assert isinstance(conv, nn.Conv2d)
    hidden = at.into.add(OpaquePart(at.inputs, at.widths, conv.in_channels))
    return at.into.add(ConvPart((hidden,), (conv.in_channels,), conv.out_channels, conv))


@unfold.register
def _channel_attention(op: transposed_ops.ChannelAttention, at: Place) -> int:
    assert isinstance(at.module, transposed.ChannelAttention)
    return closed(at, at.module.mix)


@unfold.register
def _gated_ffn(op: gated_ops.GatedFfn, at: Place) -> int:
    assert isinstance(at.module, gated.GatedFfn)
    return closed(at, at.module.reduce)


@unfold.register
def _rcca(op: channel_ops.Rcca, at: Place) -> int:
    assert isinstance(at.module, channel.Rcca)
    (wire,), depthwise = at.inputs, op.parts(at.widths[0])[0]
    for step, own in zip((depthwise, op.activation), at.module.depthwise, strict=True):
        wire = unfold(step, Place(own, at.into, (wire,)))
    attended = unfold(op.cca(), Place(at.module.attention, at.into, (wire,)))
    # What stands out of the feature has a factor of 1e-5 at first, and is left out here.
    return at.into.add(AddPart((*at.inputs, attended), (*at.widths, *at.widths), at.widths[0]))


@unfold.register
def _rfd_cell(op: refining_ops.RfdCell, at: Place) -> int:
    assert isinstance(at.module, refining.RfdCell)
    fusion = op.fusion(at.widths[0])
    joined = at.into.add(OpaquePart(at.inputs, at.widths, len(op.parts(at.widths[0])) * op.inner(at.widths[0])))
    fused = unfold(fusion, Place(at.module.fusion, at.into, (joined,)))
    return unfold(op.attention, Place(at.module.attention, at.into, (fused,)))


@unfold.register
def _esa(op: attention_ops.Esa, at: Place) -> int:
    assert isinstance(at.module, attention.Esa)
    gate = ConvPart((), (op.inner,), at.widths[0], at.module.expand)
    return at.into.add(GatePart(at.inputs, at.widths, at.widths[0], gate))


@unfold.register
def _run(op: block_ops.ConvBlock | block_ops.Spab, at: Place) -> int:
    assert isinstance(at.module, block.ConvBlock)
    (wire,) = at.inputs
    for step, (conv, own, after, activation) in enumerate(_stages(op, at.module, at.widths[0]), 1):
        wire = at.taps[f"conv{step}"] = unfold(conv, Place(own, at.into, (wire,)))
        if after is not None and isinstance(op, block_ops.Spab):
            wire = at.taps[f"conv{step}"] = unfold(op.after_conv, Place(after, at.into, (wire,)))
        if activation is not None:
            wire = at.taps[f"act{step}"] = unfold(op.activation, Place(activation, at.into, (wire,)))
    return wire


Stage = tuple[Op, nn.Module, nn.Module | None, nn.Module | None]


def _stages(op: block_ops.ConvBlock | block_ops.Spab, module: block.ConvBlock, channels: int) -> Iterator[Stage]:
    """Yield every convolution with its module, that of what comes after it, and that of its activation."""
    gated = isinstance(op, block_ops.Spab) and not isinstance(op.after_conv, activation_ops.Nothing)
    for step, (conv, own) in enumerate(zip(op.parts(channels), module.convs, strict=True)):
        activation = module.activations[step] if step < len(module.activations) else None
        after = None
        if gated and activation is None:
            assert isinstance(own, nn.Sequential)
            own, after = own
        elif gated:
            assert isinstance(activation, nn.Sequential)
            after, activation = activation
        yield conv, own, after, activation


@unfold.register
def _spab(op: block_ops.Spab, at: Place) -> int:
    assert isinstance(at.module, block.Spab)
    last, width = _run(op, at), at.widths[0]
    if at.module.attention is None:
        gate = at.into.parts[last]
        if isinstance(gate, ConvPart):
            return at.into.add(GatePart(at.inputs, at.widths, width, gate, swift=True))
        return at.into.add(OpaquePart(at.inputs, at.widths, width))
    total = at.into.add(AddPart((*at.inputs, last), (width, width), width))
    return unfold(op.attention, Place(at.module.attention, at.into, (total,)))


@unfold.register
def _distill_cell(op: block_ops.DistillCell, at: Place) -> int:
    assert isinstance(at.module, block.DistillCell)
    (wire,), (channels,), module = at.inputs, at.widths, at.module
    branch = op.branch(channels)
    wires = [unfold(branch, Place(module.branches[0], at.into, (wire,)))]
    stages = zip(op.parts(channels), module.convs, module.activations, module.branches[1:], strict=True)
    for conv, convolution, activation, distilled in stages:
        wire = unfold(conv, Place(convolution, at.into, (wire,)))
        wire = unfold(op.activation, Place(activation, at.into, (wire,)))
        wires.append(unfold(branch, Place(distilled, at.into, (wire,))))
    joined = at.into.add(ConcatPart(tuple(wires), at.into.widths(tuple(wires)), op.inner * len(wires)))
    fused = unfold(op.fusion(channels), Place(module.fusion, at.into, (joined,)))
    return unfold(op.attention, Place(module.attention, at.into, (fused,)))
