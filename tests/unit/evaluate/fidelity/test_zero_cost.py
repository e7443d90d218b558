import math

import pytest
import torch
from torch import nn

from nas.evaluate.fidelity.zero_cost import SCORES, grad_norm, naswot, scores, synflow
from nas.language import load_space


def point(weight: list[float], **options: int) -> nn.Conv2d:
    """A 1x1 convolution of one output, or as many as there are groups, with these weights."""
    groups = options.get("groups", 1)
    conv = nn.Conv2d(len(weight), groups, 1, groups=groups, bias=False)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor(weight).view_as(conv.weight))
    return conv


def test_synflow_is_each_weight_times_what_it_passes_on() -> None:
    # |2|, |-1| and |1| into |-3|: the output is 4 * 3 = 12, and both layers' shares of it are 12 in all.
    network = nn.Sequential(point([2.0, -1.0, 1.0]), point([-3.0]))
    assert synflow(network, torch.zeros(2, 3, 1, 1)) == pytest.approx(math.log(24))


def test_naswot_is_the_determinant_of_agreeing_signs() -> None:
    # Three signs for each patch, of which two agree: |3 2; 2 3| = 5.
    patches = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, -3.0]]).view(2, 3, 1, 1)
    assert naswot(nn.Sequential(nn.ReLU()), patches) == pytest.approx(math.log(5))


def test_naswot_says_nothing_of_a_linear_network() -> None:
    assert naswot(nn.Sequential(point([1.0, 1.0, 1.0])), torch.rand(2, 3, 1, 1)) is None


def test_grad_norm_is_the_length_of_the_gradient() -> None:
    # Twice the image is 1 too much everywhere, so each of three weights has the gradient 1/3.
    network = point([2.0, 2.0, 2.0], groups=3)
    assert grad_norm(network, torch.ones(2, 3, 4, 4)) == pytest.approx(math.sqrt(3) / 3)


def test_scores_of_a_network_are_finite_and_repeatable() -> None:
    import random

    architecture = load_space("demo").sample(random.Random(0))
    batch = torch.rand(4, 3, 18, 18, generator=torch.Generator().manual_seed(0))
    found = scores(architecture, batch)
    assert set(found) == set(SCORES)
    assert found == scores(architecture, batch)
    assert all(math.isfinite(value) for value in found.values())
