"""Fake checkpoints with published names and shapes: imported, they compute what the published names say."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from nas.errors import BuildError
from nas.language import Architecture, load_architecture, system_names
from nas.networks import build, start
from nas.networks.published import import_weights, load_tables, table_names
from nas.networks.published.importing import fitted
from nas.networks.published.judging import ENLARGES, apart, likeliest
from tests.unit.networks.published.programs import PROGRAMS
from tests.unit.networks.published.weights import SYSTEMS, Weights, checkpoint, wrapper
from tests.unit.networks.samples import document


def written(tensors: dict[str, Any], path: Path, system: str = "") -> Path:
    """The tensors as a published file."""
    under = wrapper(system) if system else None
    torch.save({under: tensors} if under else tensors, path)
    return path


def picture() -> Tensor:
    return torch.rand(1, 3, 24, 20, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("system", sorted(PROGRAMS))
@torch.no_grad()
def test_an_imported_network_computes_what_was_published(system: str, tmp_path: Path) -> None:
    tensors, x = checkpoint(system), picture()
    weights = import_weights(system, written(tensors, tmp_path / "published.pth", system))
    network = build(load_architecture(f"system:{system}"), weights).double()
    torch.manual_seed(0)  # Two systems draw noise.
    expected = PROGRAMS[system](Weights({name: tensor.double() for name, tensor in tensors.items()}), x)

    torch.manual_seed(0)
    result = network(x)

    # Training forms are merged in single precision, and the shift of the image is kept in it.
    tolerance = 1e-5 if load_tables(system)[0].form == "training" else 1e-6
    assert (result - expected).abs().max() < tolerance * expected.abs().max()


def test_every_published_system_has_a_table_and_a_program() -> None:
    assert set(PROGRAMS) == set(table_names()) == set(SYSTEMS) & set(system_names())


@pytest.mark.parametrize("system", ["ShannonLab", "TSSR"])
@pytest.mark.parametrize(("right", "extra"), [(0, 3), (1, 0), (2, 2), (3, 1)])
def test_of_several_orders_of_layers_the_one_that_enlarges_is_taken(
    system: str, right: int, extra: int, tmp_path: Path
) -> None:
    state = deaf_blocks(system, max(extra - 1, 0))
    table = load_tables(system)[right]

    file = written({table.source(name).key: tensor for name, tensor in state.items()}, tmp_path / "published.pth")
    weights = import_weights(system, file)

    assert all(torch.equal(weights[name], tensor) for name, tensor in state.items())


@pytest.mark.parametrize("scale", [2, 4])
def test_a_better_enlargement_is_nearer_to_the_picture_that_decides(scale: int) -> None:
    nearest, bilinear = (
        build(
            Architecture({**document(head=[], body=[], tail={"op": "resize", "in": "image", **resize}), "scale": scale})
        )
        for resize in ({"scale": scale, "mode": "nearest"}, {"scale": scale})
    )

    assert apart(bilinear) < apart(nearest) < ENLARGES / 2
    assert likeliest([nearest, bilinear]) is bilinear


def test_what_stands_in_rows_may_be_read_as_columns() -> None:
    name, tables = "spectral_gate_1.factors.weight", load_tables("CUIT_HTTP")
    given, ours = {tables[0].source(name).key: torch.arange(700.0).view(700, 1, 1, 1)}, torch.empty(700, 1, 1, 1)

    straight, turned = (fitted({name: ours}, given, table)[name].flatten() for table in tables)

    assert torch.equal(straight, torch.arange(700.0))
    assert torch.equal(turned.view(28, 25), straight.view(25, 28).t())


def deaf_blocks(system: str, speaker: int) -> dict[str, Tensor]:
    """A network that passes the picture, as the convolution after number ``speaker`` of every block does not hear it.

    In any other order of theirs, the blocks are loud.
    """
    arch = load_architecture(f"system:{system}")
    network = build(arch)
    start(network, arch, seed=0)
    state = network.state_dict()
    for name, tensor in state.items():
        if "convs." in name:
            state[name] = torch.randn_like(tensor) if name.endswith("weight") else torch.zeros_like(tensor)
        if f"convs.{speaker}.weight" in name:
            state[name][16:] = 0
        if f"convs.{speaker + 1}.weight" in name:
            state[name][:, :16] = 0
    return state


@pytest.mark.parametrize("nested", ["params", "params_ema", "state_dict"])
def test_a_state_dict_is_found_under_any_usual_name(nested: str, tmp_path: Path) -> None:
    file = written({nested: checkpoint("EMSR"), "epoch": 3}, tmp_path / "published.pth")

    assert torch.equal(import_weights("EMSR", file)["conv_1.weight"], checkpoint("EMSR")["conv_1.eval_conv.weight"])


def test_of_two_state_dicts_the_one_that_its_team_loads_is_taken(tmp_path: Path) -> None:
    for system, loaded, other in (("Davinci", "params_ema", "params"), ("GXZY_AI", "params", "params_ema")):
        if system not in table_names():
            continue
        file = tmp_path / f"{system}.pth"
        torch.save({other: checkpoint(system, seed=1), loaded: checkpoint(system)}, file)

        assert torch.equal(import_weights(system, file)["conv_1.weight"], _first(system, checkpoint(system)))


def _first(system: str, tensors: dict[str, Tensor]) -> Tensor:
    return tensors[load_tables(system)[0].source("conv_1.weight").key]


def test_half_precision_becomes_single(tmp_path: Path) -> None:
    halves = {name: tensor.half() for name, tensor in checkpoint("Z6").items()}

    weights = import_weights("Z6", written(halves, tmp_path / "published.pth"))

    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}


def test_the_first_tensor_that_is_missing_is_named(tmp_path: Path) -> None:
    tensors = checkpoint("EMSR")
    del tensors["block_2.c3_r.eval_conv.bias"], tensors["upsampler.0.weight"]

    with pytest.raises(BuildError, match=r"^The file has no 'block_2.c3_r.eval_conv.bias', which EMSR needs; give .*$"):
        import_weights("EMSR", written(tensors, tmp_path / "published.pth"))


def test_the_first_tensor_of_another_shape_is_named(tmp_path: Path) -> None:
    tensors = {**checkpoint("EMSR"), "conv_cat.weight": torch.zeros(26, 104, 3, 3)}

    with pytest.raises(BuildError, match=r"'conv_cat.weight' of shape \(26, 104, 3, 3\), where .* \(26, 104, 1, 1\)"):
        import_weights("EMSR", written(tensors, tmp_path / "published.pth"))


def test_a_tensor_without_a_place_is_named(tmp_path: Path) -> None:
    tensors = {**checkpoint("EMSR"), "conv_3.weight": torch.zeros(1)}

    with pytest.raises(BuildError, match=r"holds 'conv_3.weight', which EMSR lacks"):
        import_weights("EMSR", written(tensors, tmp_path / "published.pth"))


def test_whole_numbers_are_no_weights(tmp_path: Path) -> None:
    tensors = {name: tensor.long() for name, tensor in checkpoint("EMSR").items()}

    with pytest.raises(BuildError, match=r"'conv_1.eval_conv.weight' of torch.int64, where EMSR has torch.float32"):
        import_weights("EMSR", written(tensors, tmp_path / "published.pth"))


def test_what_a_team_skips_is_skipped(tmp_path: Path) -> None:
    tensors = checkpoint("TACO_SR") | {"conv_1.conv1.0.weight": torch.zeros(2), "blocks.3.c2_r.sk.bias": torch.zeros(2)}

    assert import_weights("TACO_SR", written(tensors, tmp_path / "published.pth", "TACO_SR"))
