"""Pruned networks: another architecture, with the weights of what is left."""

from pathlib import Path

import pytest
import torch

from nas import networks
from nas.errors import RecipeError
from nas.evaluate.quality.data import ImageSet
from nas.evaluate.quality.features import Pruning
from nas.evaluate.quality.narrowing import document, pruned
from nas.evaluate.quality.training import Trainer
from nas.language import Architecture, load_architecture
from nas.networks import Network
from tests.unit.evaluate.quality.samples import recipe, same, spabs, stage, started, weights

CONV3XC = {"op": "conv", "train": "conv3xc"}
TAIL = {"op": "pixelshuffle", "kernel": 3}


def _fused(conv: object = "conv", **fuse: object) -> Architecture:
    """SPAN in small: a fusion that may be narrower than the rest."""
    steps = [conv, {"op": "concat", "of": ["head", "in", "body[-1].act1"], "kernel": 1, **fuse}]
    body = [{"op": "spab", "conv": conv}]
    network = {"input": {"gain": 255}, "width": 8, "head": conv, "body": body, "fuse": steps, "tail": TAIL}
    return Architecture({"language": 1, "scale": 4, "network": network})


@pytest.mark.parametrize("name", ["EMSR", "EFDN", "mbga", "AIOT_AI", "Davinci", "LZ"])
def test_a_graph_written_down_is_the_same_architecture(name: str) -> None:
    architecture = load_architecture(f"system:{name}")
    assert Architecture(document(architecture.graph)).hash == architecture.hash


def test_the_weakest_channels_of_the_fusion_go_as_davinci_did_it() -> None:
    network = started(_fused(CONV3XC))
    conv = network.get_submodule("conv_3")
    assert isinstance(conv, torch.nn.Conv2d)
    with torch.no_grad():
        conv.weight.normal_()
        conv.weight[[1, 4, 6]] *= 1e-3
        assert conv.bias is not None
        conv.bias[[1, 4, 6]] = 0.0
    found = pruned(network, (Pruning(layer="conv_3", keep=5),))
    x = torch.rand(1, 3, 9, 7)
    with torch.no_grad():
        assert torch.allclose(found(x), network(x), atol=0.02)
        assert torch.allclose(networks.deploy(found)(x), found.eval()(x), atol=1e-4)
    assert found.graph.hash == _fused(CONV3XC, width=5).hash
    left = found.get_submodule("conv_3")
    assert isinstance(left, torch.nn.Conv2d)
    assert torch.equal(left.weight, conv.weight[[0, 2, 3, 5, 7]])


@pytest.mark.parametrize("conv", ["conv", CONV3XC, {"op": "conv", "train": {"op": "lora", "rank": 2}}], ids=str)
def test_channels_of_zeros_go_without_a_trace(conv: object) -> None:
    """Through a concat, an activation and into another convolution; and into a form that has to follow."""
    steps = [
        {**(conv if isinstance(conv, dict) else {"op": "conv"}), "as": "a"},
        "silu",
        {"op": "concat", "of": ["in", "head"]},
        conv,
    ]
    network_document = {"width": 6, "head": "conv", "body": steps, "tail": TAIL}
    network = started(Architecture({"language": 1, "scale": 4, "network": network_document}))
    layer = network.get_submodule("conv_2")
    merged = layer if isinstance(layer, torch.nn.Conv2d) else layer.merge()  # type: ignore[operator]
    with torch.no_grad():
        weight = merged.weight.clone()
        weight[[0, 3]] = 0.0
        networks.conv.assign_(layer, weight, torch.zeros(6).index_fill(0, torch.tensor([1, 2]), 0.3))  # type: ignore[arg-type]
    found = pruned(network, (Pruning(layer="conv_2", keep=4),))
    x = torch.rand(1, 3, 9, 7)
    with torch.no_grad():
        assert torch.allclose(found(x), network(x), atol=1e-4)
    assert sum(value.numel() for value in found.parameters()) < sum(value.numel() for value in network.parameters())


def test_a_stage_prunes_and_goes_on_and_a_stop_changes_nothing(photographs: ImageSet, tmp_path: Path) -> None:
    chosen = recipe(stage(steps=3), stage(steps=3, ema=0.5, prune=[{"layer": "conv_3", "keep": 5}]))

    def begun(path: Path | None = None) -> Trainer:
        return Trainer(started(_fused()), chosen, photographs, checkpoint=path)

    undisturbed = begun()
    undisturbed.run()
    for stop in (2, 3, 5):
        path = tmp_path / str(stop) / "checkpoint.pt"
        begun(path).run(stop)
        resumed = begun(path)
        resumed.run()
        assert same(weights(resumed), weights(undisturbed))
    trained = undisturbed.trained()
    assert isinstance(trained, Network)
    assert trained.graph.hash == _fused(width=5).hash


@pytest.mark.parametrize(
    ("layer", "keep", "sentence"),
    [
        ("spab_1", 4, "no convolution that can be pruned; these are: conv_1, conv_2, conv_3, conv_4"),
        ("conv_3", 8, "fewer than the 8 channels of 'conv_3', got 8"),
        ("conv_1", 4, "cannot be pruned"),
        ("conv_4", 16, "'conv_4' cannot be pruned to 16 channels"),
    ],
)
def test_what_cannot_be_pruned_is_one_sentence(layer: str, keep: int, sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence) as caught:
        pruned(started(_fused()), (Pruning(layer=layer, keep=keep),))
    assert "\n" not in str(caught.value)


def test_only_networks_of_an_architecture_are_pruned() -> None:
    with pytest.raises(RecipeError, match="Only networks of an architecture"):
        pruned(torch.nn.Conv2d(1, 1, 1), (Pruning(layer="x", keep=1),))


def test_frozen_convolutions_stay_frozen_through_a_pruning(photographs: ImageSet) -> None:
    architecture = _fused({"op": "conv", "frozen": True})
    trainer = Trainer(started(architecture), recipe(stage(prune=[{"layer": "conv_3", "keep": 5}])), photographs)
    frozen = {name for name, value in trainer.network.named_parameters() if not value.requires_grad}
    assert {name.split(".")[0] for name in frozen} == {"conv_1", "spab_1", "conv_2"}


def test_patches_too_small_for_an_op_are_refused_before_anything_runs(photographs: ImageSet) -> None:
    body = [{"op": "spab"}, {"op": "esa", "inner": 4}]
    network = {"width": 8, "head": "conv", "body": body, "tail": TAIL}
    architecture = Architecture({"language": 1, "scale": 4, "network": network})
    with pytest.raises(RecipeError) as caught:
        Trainer(started(architecture), recipe(stage(), stage(patch=16)), photographs)
    assert str(caught.value) == (
        "Recipe 'test': patches of 8x8 LR pixels in stages.0 are too small for this network: network.body.1: esa needs "
        "an input of at least 15x15 pixels; use patches of at least 15."
    )
    Trainer(started(architecture), recipe(stage(patch=15, steps=1)), photographs).run()


def test_other_networks_take_any_patch(photographs: ImageSet) -> None:
    result = Trainer(started(spabs()), recipe(stage(patch=2, steps=1)), photographs).run()
    assert (result.step, result.diverged) == (1, False)
