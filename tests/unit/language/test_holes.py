import random
from typing import Any

import pytest

from nas.errors import LanguageError
from nas.language import Architecture, Hole, Space
from tests.unit.language.documents import document, space


def names(plain: dict[str, Any]) -> list[str]:
    return [hole.name for hole in Space(plain).holes()]


NESTED = space(
    let={"act": {"choice": ["silu", {"op": "leaky_relu", "slope": {"choice": [0.05, 0.1]}}]}},
    width={"choice": [8, 12]},
    body=[
        {
            "repeat": {"int": [1, 2]},
            "share": "each",
            "as": "cells",
            "block": {
                "op": "spab",
                "activation": "=act",
                "attention": {"choice": ["none", {"op": "esa", "inner": {"int": [4, 5]}}]},
            },
        }
    ],
    fuse={"op": "concat", "of": ["in", {"subset": ["head", "cells[0]"], "min": 0}], "kernel": 1},
)


def test_a_hole_is_named_by_its_authored_path() -> None:
    assert names(NESTED) == [
        "let.act",
        "let.act:leaky_relu.slope",
        "width",
        "body.cells.repeat",
        "body.cells@0.block.attention",
        "body.cells@0.block.attention:esa.inner",
        "body.cells@1.block.attention",
        "body.cells@1.block.attention:esa.inner",
        "fuse.of.1{head}",
        "fuse.of.1{cells[0]}",
    ]


def test_raising_a_maximum_renames_nothing() -> None:
    more = {
        **NESTED,
        "network": {**NESTED["network"], "body": [{**NESTED["network"]["body"][0], "repeat": {"int": [1, 4]}}]},
    }
    assert set(names(NESTED)) < set(names(more))


def test_ambiguous_options_are_numbered() -> None:
    options = [{"op": "conv3xc", "gain": 1}, {"op": "conv3xc", "gain": 2}, "plain"]
    holes = Space(space(head={"op": "conv", "train": {"choice": options}})).holes()
    assert holes == (Hole("head.train", ("conv3xc#0", "conv3xc#1", "plain")),)


def test_a_tied_repeat_draws_once_and_an_independent_one_for_every_copy() -> None:
    block = {"op": "conv", "kernel": {"choice": [1, 3]}}
    tied = Space(space(body=[{"repeat": 3, "block": block}]))
    each = Space(space(body=[{"repeat": 3, "share": "each", "block": block}]))
    assert (len(tied.holes()), tied.size()) == (1, 2)
    assert (len(each.holes()), each.size()) == (3, 8)


def test_only_active_holes_are_asked() -> None:
    class First:
        def __init__(self) -> None:
            self.asked: list[str] = []

        def choose(self, hole: Hole) -> Any:
            self.asked.append(hole.name)
            return hole.values[0]

    first = First()
    Space(NESTED).draw(first)
    assert first.asked == [
        "width",
        "body.cells.repeat",
        "let.act",
        "body.cells@0.block.attention",
        "fuse.of.1{head}",
        "fuse.of.1{cells[0]}",
    ]


def test_a_let_is_drawn_once_everywhere() -> None:
    plain = space(let={"c": {"op": "conv", "kernel": {"choice": [1, 3, 5]}}}, head="=c", body=["=c", "=c"])
    for seed in range(5):
        drawn = Space(plain).sample(random.Random(seed))
        kernels = {node.op.kernel for node in drawn.graph.nodes[:3]}  # type: ignore[attr-defined]
        assert len(kernels) == 1


def test_a_filled_space_is_an_architecture_of_the_same_schema() -> None:
    drawn = Space(NESTED).random_draw(random.Random(3))
    again = Space(drawn.architecture.to_dict())
    assert again.size() == 1
    assert again.sample(random.Random(0)) == drawn.architecture


def test_a_repeat_of_no_copies_vanishes() -> None:
    plain = space(body=[{"repeat": {"int": [0, 1]}, "block": {"op": "conv", "kernel": {"choice": [1, 3]}}}, "silu"])
    none = Space(plain).fill({"body.0.repeat": 0})
    assert none == Architecture(document(body=["silu"]))
    assert Space(plain).size() == 3


def test_a_subset_keeps_order_and_its_bounds() -> None:
    members = ["head", "body[0]", "body[1]"]
    plain = space(
        body=["conv", "silu"], fuse={"op": "concat", "of": ["in", {"subset": members, "min": 1, "max": 2}], "kernel": 1}
    )
    found = Space(plain)
    assert found.size() == 6
    for seed in range(20):
        drawn = found.sample(random.Random(seed)).graph.nodes[3]
        nodes = [ref.node for ref in drawn.inputs[1:]]
        assert nodes == sorted(nodes)
        assert 1 <= len(nodes) <= 2


@pytest.mark.parametrize(
    ("hole", "words"),
    [
        ({"choice": []}, "empty choice"),
        ({"choice": 3}, "takes a list"),
        ({"choice": [1, 1]}, "stands twice"),
        ({"int": [5, 3]}, "is empty"),
        ({"int": [1, 2.5]}, "whole numbers"),
        ({"int": [1, 100_000]}, "narrow it"),
        ({"choice": [1, 3], "weight": 2}, "takes no 'weight'"),
        ({"subset": ["a"], "min": 2}, "cannot take"),
    ],
)
def test_an_impossible_hole_is_refused_with_its_path(hole: dict[str, Any], words: str) -> None:
    with pytest.raises(LanguageError) as caught:
        Space(space(head={"op": "conv", "kernel": hole}))
    assert caught.value.path == "network.head.kernel"
    assert words in str(caught.value)


def test_a_hole_cannot_stand_for_an_op_name_or_a_label() -> None:
    with pytest.raises(LanguageError, match=r"head: a step names its op"):
        Space(space(head={"op": {"choice": ["conv", "silu"]}})).sample(random.Random(0))
    with pytest.raises(LanguageError, match=r"as takes a name"):
        Space(space(head={"op": "conv", "as": {"choice": ["a", "b"]}})).sample(random.Random(0))


@pytest.mark.parametrize(
    ("network", "path", "words"),
    [
        ({"body": [{"choice": ["silu", {"op": "cnv"}]}]}, "network.body.0.op", "Did you mean 'conv'"),
        ({"body": [{"repeat": 0, "block": {"op": "conv", "krnel": 3}}]}, "network.body.0.block.krnel", "kernel"),
        (
            {"body": [{"op": "spab", "conv": {"choice": ["conv", {"op": "conv", "kern": 1}]}}]},
            "network.body.0.conv.kern",
            "kernel",
        ),
    ],
)
def test_a_typing_error_does_not_hide_where_no_draw_goes(network: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(LanguageError) as caught:
        Space(space(**network))
    assert caught.value.path.startswith(path.rpartition(".")[0].rpartition(".")[0])
    assert words in str(caught.value)


def test_an_option_of_none_leaves_the_indices_alone() -> None:
    plain = space(
        body=["spab", {"choice": ["none", "silu"]}], fuse={"op": "concat", "of": ["in", "body[0].act1"], "kernel": 1}
    )
    without = Space(plain).fill({"body.1": "none"})
    assert without == Architecture(
        document(body=["spab"], fuse={"op": "concat", "of": ["in", "body[-1].act1"], "kernel": 1})
    )
