import gc
import random
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from nas.errors import BuildError
from nas.language import Architecture, load_architecture, load_space, system_names
from nas.networks import Form, build, deploy
from nas.networks.forms import MergingConv
from nas.networks.padding import padded
from nas.ops import registry
from nas.ops.fields import OneOp
from tests.counting import Convolutions
from tests.unit.networks.samples import SIDE, architecture, document, photograph, sample

OPS = sorted(registry())
PARTED = [
    name
    for name, op in sorted(registry().items())
    if name not in {"conv", "large_separable"}  # a dense convolution itself, and one that has none
    if any(isinstance(spec, OneOp) and not {"conv", "training"}.isdisjoint(spec.kinds) for spec in op.specs().values())
]
SYSTEMS = system_names()
RANDOM = [load_space("span").sample(random.Random(seed)) for seed in range(12)]


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def randomised(arch: Architecture) -> nn.Module:
    """The training form in double precision with all parameters and statistics random, small enough not to overflow."""
    network = build(arch, form="training").double()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.2)
    for norm in (module for module in network.modules() if isinstance(module, nn.BatchNorm2d)):
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    return network.eval()


@torch.no_grad()
def seeded(network: nn.Module, x: Tensor) -> Tensor:
    """Run a network that may draw at random, from a known state of the generator."""
    torch.manual_seed(0)
    result: Tensor = network(x)
    return result


def assert_forms_agree(arch: Architecture) -> None:
    """Both forms are one function, and the deployed one has the keys, parameters and convolutions that it should."""
    trained = randomised(arch)
    assert isinstance(trained, type(build(arch)))
    deployed, x = deploy(trained), photograph(height=SIDE, width=SIDE + 5).double()
    expected = seeded(trained, x)
    with Convolutions() as run:
        found = seeded(deployed, x)
    assert (expected - found).abs().max() <= 1e-9 * max(expected.abs().max().item(), 1e-3)
    assert deployed.state_dict().keys() == build(arch).state_dict().keys()
    cost = arch.graph.cost(SIDE, SIDE)
    assert (parameters(deployed), parameters(trained)) == (cost.params, cost.training_params)
    assert run.count == cost.convs


@pytest.mark.parametrize("name", OPS)
def test_every_op_runs_in_both_forms_which_agree(name: str) -> None:
    assert_forms_agree(sample(name))


@pytest.mark.parametrize("name", SYSTEMS)
def test_published_systems_agree_in_both_forms(name: str) -> None:
    assert_forms_agree(load_architecture(f"system:{name}"))


@pytest.mark.parametrize("arch", RANDOM, ids=lambda arch: arch.hash[3:11])
def test_random_architectures_agree_in_both_forms(arch: Architecture) -> None:
    assert_forms_agree(arch)


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("form", ["training", "deployed"])
def test_networks_can_be_trained(name: str, form: Form) -> None:
    network, x = build(sample(name), form=form).train(), photograph(batch=2)
    network(x).square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters() if parameter.requires_grad)


@pytest.mark.parametrize("name", OPS)
def test_every_op_can_be_recorded_as_a_graph(name: str) -> None:
    network, x = build(sample(name)), photograph(batch=2)
    program = torch.export.export(network, (x,))
    assert torch.allclose(seeded(program.module(), x), seeded(network, x), atol=1e-6)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_published_system_can_be_recorded_as_a_graph(name: str) -> None:
    """None is an exception: those that route by content, AiMF_SR and SCMSR, run every branch in a recorded graph."""
    network, x = build(load_architecture(f"system:{name}")), photograph(height=16, width=20)
    program = torch.export.export(network, (x,))
    assert torch.allclose(seeded(program.module(), x), seeded(network, x), atol=1e-5)


def test_a_graph_of_pooled_gates_takes_images_of_any_size() -> None:
    network = build(sample("safm", pool=5))
    free = {2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    program = torch.export.export(network, (photograph(height=15, width=20),), dynamic_shapes=(free,)).module()
    for height, width in ((14, 29), (33, 17), (10, 12)):
        x = photograph(height=height, width=width)
        assert torch.equal(seeded(program, x), seeded(network, x))


@pytest.mark.parametrize("name", PARTED)
def test_every_dense_convolution_of_an_op_takes_a_training_form(name: str) -> None:
    arch = sample(name, **trained(name))
    assert_forms_agree(arch)
    assert not list(plain_dense(build(arch, form="training").get_submodule(f"{name}_1")))


def trained(name: str) -> dict[str, Any]:
    """Fields that put a training form wherever the op takes one."""
    fields: dict[str, Any] = {}
    for field, spec in registry()[name].specs().items():
        if isinstance(spec, OneOp) and spec.kinds == ("training",):
            fields[field] = "conv3xc"
        elif isinstance(spec, OneOp) and "conv" in spec.kinds:
            fields[field] = {"op": "conv", "train": "conv3xc"}
        elif isinstance(spec, OneOp) and field == "attention":
            fields[field] = "none"
    return fields


def plain_dense(module: nn.Module) -> Iterator[nn.Module]:
    """Dense convolutions that are no training form's, nor inside one."""
    for child in module.children():
        if isinstance(child, nn.Conv2d) and child.groups == 1:
            yield child
        if not isinstance(child, MergingConv):
            yield from plain_dense(child)


def test_a_network_enlarges_by_its_scale() -> None:
    assert build(architecture())(torch.rand(2, 3, 7, 5)).shape == (2, 3, 14, 10)


def test_names_depend_on_the_ops_only() -> None:
    plain = document({"op": "spab", "as": "left"}, "conv")
    renamed = document({"op": "spab", "as": "other"}, {"op": "conv", "as": "name"})
    first, second = (build(Architecture(item)) for item in (plain, renamed))
    assert list(first.state_dict()) == list(second.state_dict())
    assert {name for name, _ in first.named_children()} == {"conv_1", "spab_1", "conv_2", "conv_3", "pixelshuffle_1"}


def test_shared_weights_are_one_module() -> None:
    arch = architecture({"repeat": 3, "weights": "shared", "block": "spab"})
    network = build(arch)
    assert [name for name, _ in network.named_children() if "spab" in name] == ["spab_1"]
    assert [step.name for step in network.steps if "spab" in step.name] == ["spab_1"] * 3
    assert parameters(network) == arch.graph.cost(SIDE, SIDE).params
    assert_forms_agree(arch)


@pytest.mark.parametrize("tap", ["conv1", "act1", "conv2", "act2", "conv3"])
@pytest.mark.parametrize("op", ["spab", "conv_block"])
def test_taps_are_the_features_they_name(op: str, tap: str) -> None:
    arch = architecture({"op": op, "as": "b"}, {"op": "concat", "of": ["in", f"b.{tap}"]})
    network, seen = build(arch), {}
    block = network.get_submodule(f"{op}_1")

    def keep(name: str) -> Any:
        return lambda module, inputs, output: seen.update({name: output.clone()})

    for step, conv in enumerate(block.convs, 1):  # type: ignore[arg-type]
        conv.register_forward_hook(keep(f"conv{step}"))
    for step, activation in enumerate(block.activations, 1):  # type: ignore[arg-type]
        activation.register_forward_hook(keep(f"act{step}"))
    joined: list[Tensor] = []
    network.get_submodule("concat_1").register_forward_hook(lambda module, inputs, output: joined.append(inputs[1]))
    network(photograph())
    assert torch.equal(joined[0], seen[tap])


def test_taps_of_shared_weights_are_found_at_every_use() -> None:
    repeat = {"repeat": 2, "weights": "shared", "block": {"op": "spab", "as": "b"}}
    arch = architecture(repeat, {"op": "concat", "of": ["in", "body[0].act1", "body[1].act2"]})
    assert_forms_agree(arch)


def test_features_are_freed_after_their_last_reader() -> None:
    network = build(architecture({"repeat": 6, "block": "conv"}))
    alive: list[int] = []
    features: list[weakref.ref[Tensor]] = []

    def watch(module: nn.Module, inputs: Any, output: Tensor) -> None:
        alive.append(sum(feature() is not None for feature in features))
        features.append(weakref.ref(output))

    for name, module in network.named_children():
        if name.startswith("conv"):
            module.register_forward_hook(watch)
    gc.collect()
    with torch.no_grad():
        network(photograph())
    assert max(alive) == 1


def test_mean_and_gain_are_applied_and_the_mean_added_back() -> None:
    plain = document(head=[], body=[], tail={"op": "resize", "scale": 2, "mode": "nearest", "in": "image"})
    changed = {**plain["network"], "input": {"mean": "div2k", "gain": 2}, "output": {"mean": True, "clamp": True}}
    network, x = build(Architecture({**plain, "network": changed})), photograph()
    mean = torch.tensor([0.4488, 0.4371, 0.4040]).view(3, 1, 1)
    expected = nn.functional.interpolate((x - mean) * 2, scale_factor=2) + mean
    assert torch.allclose(network(x), expected.clamp(0, 1), atol=1e-6)


@pytest.mark.parametrize("mode", ["flip", "reflect"])
def test_a_padded_network_returns_the_size_of_its_image(mode: str) -> None:
    network = build(architecture(input={"pad": {"multiple": 8, "mode": mode}}))
    assert network(torch.rand(1, 3, 9, 3)).shape == (1, 3, 18, 6)


class OnTheHost(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Names what makes a tensor on the host."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and result.device.type == "cpu":
            self.found.append(str(func))
        return result


@pytest.mark.parametrize("system", ["EFDN", "JNU620", "SCMSR"])
def test_a_network_that_is_trained_makes_nothing_on_the_host(system: str) -> None:
    """A copy from there in every step would make the device wait, and cannot be captured in a CUDA graph."""
    network = build(load_architecture(f"system:{system}"), form="training").to("meta")
    with OnTheHost() as host:
        network(torch.rand(1, 3, 40, 40, device="meta"))
    assert not host.found


def test_padding_mirrors_with_and_without_the_border() -> None:
    x = torch.arange(3.0).expand(1, 1, 1, 3)
    assert padded(x, 8, "flip")[0, 0, 0].tolist() == [0, 1, 2, 2, 1, 0, 0, 1]
    assert padded(x, 8, "reflect")[0, 0, 0].tolist() == [0, 1, 2, 1, 0, 1, 2, 1]
    assert torch.equal(padded(x, 3, "reflect"), x.expand(1, 1, 3, 3))


def test_weights_come_from_a_state_dict_or_a_file(tmp_path: Path) -> None:
    arch = architecture("spab")
    state, x = build(arch).state_dict(), photograph()
    save_file(state, tmp_path / "weights.safetensors")
    assert torch.equal(build(arch, state)(x), build(arch, tmp_path / "weights.safetensors")(x))


def test_weights_that_do_not_fit_are_refused_with_the_first_key() -> None:
    state = build(architecture("spab")).state_dict()
    with pytest.raises(BuildError, match=r"have no 'spab_2\.convs\.0\.weight'"):
        build(architecture("spab", "spab"), state)
    with pytest.raises(
        BuildError, match=r"'conv_1\.weight' of shape \(8, 3, 3, 3\) where the network has \(4, 3, 3, 3\)"
    ):
        build(architecture("spab", width=4), state)
    with pytest.raises(BuildError, match=r"'spab_1\.convs\.0\.weight', which the network lacks"):
        build(architecture(), state)


def test_a_file_that_holds_no_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(b"no weights")
    for name in ("weights.safetensors", "missing.safetensors"):
        with pytest.raises(BuildError, match="cannot be read"):
            build(architecture(), tmp_path / name)


@pytest.mark.parametrize("head", ["conv", "bsu", "conv_block", {"op": "conv", "train": "conv3xc", "gain": 0.5}])
def test_an_image_of_wide_range_is_narrowed_again_for_training(head: Any) -> None:
    arch = architecture(head=head, input={"gain": 255})
    trained, plain = build(arch, form="training"), build(architecture(head=head), form="training")
    plain.load_state_dict(dict(zip(plain.state_dict(), trained.state_dict().values(), strict=True)))
    image = photograph()
    assert torch.allclose(trained(image), plain(image), atol=1e-5)
    assert_forms_agree(arch)
