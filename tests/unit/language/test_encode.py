import random

import pytest

from nas.errors import LanguageError
from nas.language import Architecture, Space
from tests.unit.language.documents import document, space

FORM = {"choice": ["plain", {"op": "conv3xc", "gain": {"choice": [1, 2]}}, {"op": "conv3xc", "gain": 1}]}
"""Two ways to say the same, so that some architectures have several assignments."""
PLAIN = space(
    {"t": FORM, "c": {"op": "conv", "train": "=t"}, "count": {"int": [0, 2]}},
    width={"choice": [8, "=4+4", 12]},
    head={"op": "conv", "train": {"choice": ["plain", "=t"]}},
    body=[
        {"repeat": "=count", "block": {"op": "conv_block", "conv": "=c", "n": {"choice": [1, 2]}}},
        {
            "repeat": {"int": [0, 2]},
            "share": "each",
            "block": {"op": "spab", "n": {"int": [1, 2]}, "conv": {"choice": ["conv", "=c"]}},
        },
        {"op": "concat", "of": ["in", {"subset": ["head", "image"], "min": 0}], "kernel": 1},
    ],
)


def test_whatever_a_space_draws_is_encoded() -> None:
    found, rng = Space(PLAIN), random.Random(0)
    architectures = {found.sample(rng) for _ in range(200)}
    assert len(architectures) > 100
    for architecture in architectures:
        assert found.fill(found.encode(architecture)) == architecture


@pytest.mark.parametrize(
    "changed",
    [
        {"width": 16},
        {"head": {"op": "conv", "kernel": 5}},
        {"body": [{"op": "spab", "n": 3}, {"op": "concat", "of": ["in"], "kernel": 1}]},
        {"input": {"mean": "div2k"}},
        {"tail": {"op": "pixelshuffle", "kernel": 1}},
    ],
)
def test_what_differs_in_one_place_is_no_point(changed: dict[str, object]) -> None:
    near = {"body": [{"op": "concat", "of": ["in"], "kernel": 1}]}
    assert Space(PLAIN).contains(Architecture(document(**near)))
    assert not Space(PLAIN).contains(Architecture(document(**{**near, **changed})))


def test_weights_that_are_shared_are_not_their_own() -> None:
    found = Space(space(body=[{"repeat": {"int": [1, 3]}, "block": {"op": "conv"}}]))
    shared = Architecture(document(body=[{"repeat": 3, "weights": "shared", "block": {"op": "conv"}}]))
    assert not found.contains(shared)
    with pytest.raises(LanguageError, match="no point"):
        found.encode(shared)
