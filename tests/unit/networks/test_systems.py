import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from nas.errors import LanguageError
from nas.language import Architecture, load_architecture, system_document, system_names
from nas.networks import build
from tests.counting import costed, counted, counted_roughly

PUBLISHED = json.loads((Path(__file__).parents[2] / "golden" / "systems.json").read_text(encoding="utf-8"))
SYSTEMS = system_names()
ROUTED = {"SCMSR", "AiMF_SR"}
"""Systems whose FLOPs depend on what they see."""


def system(name: str) -> Architecture:
    return load_architecture(f"system:{name}")


def varied(name: str) -> Architecture:
    """The system four channels wider, or with one copy less of what it repeats first."""
    document = system_document(name)["architecture"]
    network = document["network"]
    try:
        return Architecture({**document, "network": {**network, "width": network["width"] + 4}})
    except LanguageError:
        next(one for one in repeats(network) if isinstance(one["repeat"], int))["repeat"] -= 1
        return Architecture(document)


def repeats(value: Any) -> Iterator[dict[str, Any]]:
    """Every repeat of a document, in order."""
    if isinstance(value, Mapping):
        if "repeat" in value:
            yield cast(dict[str, Any], value)
        for item in value.values():
            yield from repeats(item)
    elif isinstance(value, list):
        for item in value:
            yield from repeats(item)


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_has_the_published_parameters(name: str) -> None:
    assert costed(system(name), 256, 256).params == PUBLISHED[name]["params"]


@pytest.mark.parametrize("name", sorted(set(SYSTEMS) - ROUTED))
def test_a_system_has_the_published_flops(name: str) -> None:
    assert costed(system(name), 256, 256).flops == PUBLISHED[name]["flops"]


@pytest.mark.parametrize("name", sorted(set(SYSTEMS) - ROUTED))
def test_a_system_costs_what_fvcore_counts(name: str) -> None:
    assert costed(system(name), 96, 160) == counted(system(name), 96, 160)


@pytest.mark.parametrize("name", sorted(set(SYSTEMS) - ROUTED))
def test_a_varied_system_costs_what_fvcore_counts(name: str) -> None:
    arch = varied(name)
    assert arch.hash != system(name).hash
    assert costed(arch, 48, 80)[:2] == counted_roughly(arch, 48, 80)


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("size", [(64, 64), (49, 83)], ids=str)
def test_every_weight_of_a_system_learns(name: str, size: tuple[int, int]) -> None:
    network = build(system(name), form="training")
    image = torch.rand(1, 3, *size)
    result = network(image)
    assert result.shape == (1, 3, 4 * size[0], 4 * size[1])
    result.square().mean().backward()
    for key, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, key
            assert parameter.grad.isfinite().all(), key
