import random
from typing import Any

import pytest
import torch
from torch import nn

from nas.language import Architecture, load_architecture, load_space, space_names, system_names
from nas.networks import Form, build, deploy, start
from nas.networks.fitting import scenes
from nas.ops import registry
from tests.unit.networks.samples import architecture, sample

C3XC = {"op": "conv", "train": "conv3xc"}
NEAREST = {"op": "conv", "width": 12, "groups": 3, "bias": False, "init": "nearest", "frozen": True}
GROUPED = {"op": "conv", "width": 3, "groups": 3, "bias": False}
PAIRED = [{"op": "conv"}, "silu", {"op": "conv"}, "gelu"]

TOPOLOGIES: dict[str, dict[str, Any]] = {
    "chain": {"body": ["conv", "conv"]},
    "activations": {"body": PAIRED},
    "activations-in-training-form": {"body": [C3XC, "silu", C3XC, "prelu"]},
    "block-without-residual": {"body": ["conv_block"]},
    "spabs-without-skips": {"body": [{"repeat": 2, "block": "spab"}]},
    "residual": {"body": [{"op": "conv_block", "plus": "in"}]},
    "nested-residuals": {"body": [{"repeat": 4, "block": {"op": "conv_block", "plus": "in"}}]},
    "twice-the-same": {"body": [{"op": "add", "of": ["head", "in"]}]},
    "concat-second": {"body": [{"op": "conv", "width": 4}, {"op": "concat", "of": ["in", "head"]}]},
    "slice": {"body": [{"op": "slice", "channels": [3, 8]}]},
    "attention-in-the-way": {"body": [{"op": "esa", "inner": 4}]},
    "distillation-without-residual": {"body": [{"op": "distill_cell", "inner": 6}]},
    "depthwise": {"body": [{"op": "conv", "groups": 8}]},
    "reflected": {"body": [{"op": "conv", "padding": "reflect", "kernel": 5}]},
    "no-bias": {"head": {"op": "conv", "bias": False}, "body": [{"op": "conv", "bias": False}]},
    "image-skip": {
        "tail": {
            "op": "pixelshuffle",
            "kernel": 3,
            "plus": {"op": "resize", "in": "image", "mode": "bilinear", "scale": 2},
        }
    },
    "shared-weights": {"body": [{"repeat": 3, "weights": "shared", "block": {"op": "conv_block", "plus": "in"}}]},
    "mean-added-back": {"input": {"mean": "div2k"}, "output": {"mean": True}},
    "mean-kept": {"input": {"mean": "div2k"}},
    "mean-and-gain": {"input": {"mean": "div2k", "gain": 255}},
    "mean-and-no-bias": {"input": {"mean": "div2k"}, "output": {"mean": True}, "head": {"op": "conv", "bias": False}},
    "clamped": {"output": {"clamp": True}},
    "activation-at-the-end": {
        "tail": [{"op": "conv_block", "n": 1, "width": 12, "activation": "prelu"}, {"op": "pixelshuffle"}]
    },
    "gelu-at-the-end": {
        "tail": [{"op": "conv_block", "n": 1, "width": 12, "activation": "gelu"}, {"op": "pixelshuffle"}]
    },
    "gelus-before-three-channels": {
        "input": {"mean": "div2k"},
        "tail": [
            {"op": "pixelshuffle", "kernel": 1, "bias": False},
            {"repeat": 3, "block": {"op": "chain", "steps": ["gelu", GROUPED]}},
        ],
        "output": {"mean": True},
    },
    "silu-before-three-biased-channels": {
        "tail": [{"op": "pixelshuffle", "kernel": 3}, "silu", {**GROUPED, "bias": True}],
    },
    "norm-beside-the-way": {"body": [{"op": "layer_norm", "plus": "head"}]},
    "channel-attention-beside-the-way": {
        "body": [{"op": "chain", "plus": "in", "steps": ["layer_norm", {"op": "channel_attention", "tile": 8}]}]
    },
    "distillation-beside-the-way": {"body": [{"op": "rfd_cell", "plus": "in"}]},
    "growing-sums": {"body": [{"repeat": 6, "block": {"op": "add", "of": ["in", "in", "head"]}}]},
    "nearest-branch": {
        "head": [],
        "body": [NEAREST, {"op": "concat", "of": ["in", {"op": "conv", "in": "image"}], "kernel": 1}],
    },
}


def made(name: str) -> Architecture:
    """The architecture of a topology."""
    fields = TOPOLOGIES[name]
    return architecture(*fields.get("body", []), **{key: value for key, value in fields.items() if key != "body"})


def error(network: nn.Module, scale: int) -> float:
    """Root mean square difference from interpolation, without the outermost pixels."""
    image = scenes()[:1, :, :28, :28]
    expected = nn.functional.interpolate(image, scale_factor=scale, mode="bicubic").clamp(0, 1)
    with torch.no_grad():
        difference = network(image) - expected
    return float(difference[..., scale:-scale, scale:-scale].square().mean().sqrt())


NEAREST_ERROR = {scale: error(nn.Upsample(scale_factor=scale), scale) for scale in (2, 4)}
"""What enlarging to the nearest pixel scores, by scale; about 0.012."""

SYSTEMS = system_names()
REASONS = {"Nothing adds the mean again": (True, 1), "A way without weights adds the image 255 times": (True, 255)}
"""Why an architecture of a space may not start as an enlarger; whether it takes a mean away then, and its gain."""


@pytest.mark.parametrize("name", TOPOLOGIES)
@pytest.mark.parametrize("form", ["training", "deployed"])
def test_an_untrained_network_interpolates_whatever_its_topology(name: str, form: Form) -> None:
    arch = made(name)
    network = build(arch, form=form)
    assert start(network, arch, 0).carried
    assert error(network.eval(), 2) < 2 * NEAREST_ERROR[2]


@pytest.mark.parametrize("name", SYSTEMS)
def test_published_systems_start_near_interpolation(name: str) -> None:
    arch = load_architecture(f"system:{name}")
    network = build(arch, form="training")
    assert start(network, arch, 0).carried
    assert error(network.eval(), 4) < 3 * NEAREST_ERROR[4]


DRAWS = [*((space, 1) for space in space_names()), ("reparam_plain", 0), ("span", 2), ("demo", 2)]


@pytest.mark.parametrize(("space", "seed"), DRAWS)
def test_random_architectures_start_near_interpolation_or_say_why_not(space: str, seed: int) -> None:
    arch = load_space(space).sample(random.Random(seed))
    network = build(arch, form="training")
    found = start(network, arch, seed)
    if found.carried:
        assert error(network.eval(), arch.scale) < 3 * NEAREST_ERROR[arch.scale]
    else:
        reasons = [given for reason, given in REASONS.items() if found.sentence.startswith(reason)]
        assert (arch.graph.input.mean is not None, arch.graph.input.gain) in reasons


def test_a_mean_that_no_bias_can_add_again_is_named() -> None:
    arch = architecture({"op": "conv", "bias": False}, head={"op": "conv", "bias": False}, input={"mean": "div2k"})
    tail = {"op": "pixelshuffle", "kernel": 3, "bias": False}
    bare = architecture(head={"op": "conv", "bias": False}, tail=tail, input={"mean": "div2k"})
    assert start(build(arch, form="training"), arch, 0).carried  # the tail has a bias
    assert "for lack of a bias" in start(build(bare, form="training"), bare, 0).sentence


def test_features_that_are_all_zero_break_no_fit() -> None:
    arch = architecture("sigmoid", {"op": "clamp", "low": 0, "high": 1e-30}, {"op": "conv", "bias": False})
    assert start(build(arch, form="training"), arch, 0).sentence


def test_features_that_cannot_carry_the_image_are_fitted() -> None:
    arch = architecture("sigmoid")
    network = build(arch, form="training")
    assert "fitted" in start(network, arch, 0).sentence
    assert error(network.eval(), 2) < 2 * NEAREST_ERROR[2]


def test_where_nothing_of_the_image_is_left_the_end_begins_small() -> None:
    arch = architecture({"op": "clamp", "low": 5, "high": 6})
    plain, network = build(arch, form="training"), build(arch, form="training")
    found = start(network, arch, 0)
    assert not found.carried
    assert "tenth" in found.sentence
    torch.manual_seed(0)
    plain = build(arch, form="training")
    weights = [net.get_parameter("conv_2.weight") for net in (plain, network)]
    assert torch.allclose(weights[1], 0.1 * weights[0])


@pytest.mark.parametrize("form", ["training", "deployed"])
def test_a_start_depends_on_the_seed_alone(form: Form) -> None:
    arch = sample("conv3xc")
    first, second, other = (build(arch, form=form) for _ in range(3))
    for network, seed in ((first, 3), (second, 3), (other, 4)):
        torch.rand(seed)
        start(network, arch, seed)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name])
    assert not all(torch.equal(value, other.state_dict()[name]) for name, value in first.state_dict().items())


def test_a_start_leaves_the_random_state_alone() -> None:
    arch = architecture("spab")
    network = build(arch)
    state = torch.random.get_rng_state()
    start(network, arch, 0)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_both_forms_start_as_one_function() -> None:
    arch = architecture({"op": "spab", "conv": C3XC}, input={"mean": "div2k", "gain": 255})
    trained, deployed = build(arch, form="training"), build(arch)
    start(trained, arch, 5)
    start(deployed, arch, 5)
    with torch.no_grad():
        assert torch.allclose(deploy(trained)(scenes()), deployed(scenes()), atol=1e-6)


@pytest.mark.parametrize("name", sorted(registry()))
def test_every_op_can_be_started_and_then_trained(name: str) -> None:
    arch = sample(name)
    network = build(arch, form="training")
    start(network, arch, 0)
    network(scenes()[..., :18, :18]).square().mean().backward()
    gradients = [value.grad for value in network.parameters() if value.requires_grad]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
