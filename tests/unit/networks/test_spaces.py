"""Random architectures of every ready-made space: what they cost, that they run, and that their branches merge."""

import random

import pytest
import torch

from nas.language import Architecture, load_space, space_names
from nas.networks import build, deploy
from nas.networks.network import Network
from tests.counting import costed, counted_roughly
from tests.unit.networks.samples import photograph

SPACES = space_names()
COUNTED, MERGED = 25, 8


def drawn(name: str, count: int, *, seed: int) -> list[Architecture]:
    """Random architectures of a space, always the same ones."""
    space, rng = load_space(name), random.Random(seed)
    return [space.sample(rng) for _ in range(count)]


@torch.no_grad()
def shaken(arch: Architecture) -> Network:
    """The training form in double precision, every parameter moved, but by little: gates square what grows."""
    network = build(arch, form="training").double()
    for parameter in network.parameters():
        parameter.add_(torch.randn_like(parameter), alpha=0.02)
    return network.eval()


@pytest.mark.parametrize("name", SPACES)
def test_random_architectures_cost_what_fvcore_counts(name: str) -> None:
    for arch in drawn(name, COUNTED, seed=0):
        found = costed(arch, 48, 64)
        assert (found.params, found.flops) == counted_roughly(arch, 48, 64), arch.to_dict()


@pytest.mark.parametrize("name", SPACES)
@torch.no_grad()
def test_random_architectures_run_and_merge_exactly(name: str) -> None:
    for arch in drawn(name, MERGED, seed=1):
        trained, image = shaken(arch), photograph(height=20, width=24).double()
        expected, found = trained(image), deploy(trained)(image)
        assert expected.shape == (1, 3, 20 * arch.scale, 24 * arch.scale)
        assert expected.isfinite().all(), arch.to_dict()
        assert (expected - found).abs().max() <= 1e-9 * max(expected.abs().max().item(), 1e-3), arch.to_dict()
