from pathlib import Path
from typing import Any

import pytest

from nas.costing import cost
from nas.errors import LanguageError
from nas.language import Architecture, Ref
from nas.language.reader import read_file
from nas.ops import registry
from tests.unit.language.documents import document


def names_of_ops(value: Any) -> set[str]:
    """Every op a document names in full (bare names are found by the layout itself)."""
    if isinstance(value, dict):
        own = {value["op"]} if isinstance(value.get("op"), str) else set()
        return own.union(*(names_of_ops(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(names_of_ops(item) for item in value))
    return {value} & BARE if isinstance(value, str) else set()


BARE = {"bss", "bsu", "gct", "layer_norm"}
"""Ops that the examples name without fields."""

EXAMPLES = sorted((Path(__file__).parents[2] / "golden" / "language").glob("*.yaml"))


def ops(architecture: Architecture) -> list[str]:
    return [node.op.name for node in architecture.graph.nodes]


def inputs(architecture: Architecture) -> list[tuple[int | list[int | str], ...]]:
    return [tuple(ref.plain() for ref in node.inputs) for node in architecture.graph.nodes]


def test_slots_are_one_chain() -> None:
    found = Architecture(document(body=["silu", {"op": "conv"}]))
    assert ops(found) == ["conv", "silu", "conv", "conv", "pixelshuffle"]
    assert inputs(found) == [(-1,), (0,), (1,), (2,), (3,)]


def test_a_repeat_splices_its_copies_and_indices_count_them() -> None:
    found = Architecture(
        document(body=[{"repeat": 3, "block": "spab"}], fuse={"op": "add", "of": ["body[0]", "body[2]"]})
    )
    assert ops(found).count("spab") == 3
    assert found.graph.nodes[4].inputs == (Ref(1), Ref(3))


def test_taps_are_inputs_of_their_own() -> None:
    fuse = {"op": "concat", "of": ["head", "in", "body[-1].act1"], "kernel": 1}
    found = Architecture(document(body=["spab"], fuse=fuse))
    assert found.graph.nodes[2].inputs == (Ref(0), Ref(1), Ref(1, "act1"))


def test_the_label_of_a_chain_is_a_tap() -> None:
    chain = {"op": "chain", "steps": [{"op": "conv", "as": "first"}, "silu"]}
    found = Architecture(document(body=[chain], fuse={"op": "add", "of": ["in", "body[0].first"]}))
    assert found.graph.nodes[3].inputs == (Ref(2), Ref(1))


def test_counters_are_those_of_the_innermost_repeat() -> None:
    body = [
        {"repeat": 2, "block": "conv"},
        {"repeat": 2, "block": {"op": "chain", "steps": ["silu"], "plus": "body[1-i]"}},
    ]
    found = Architecture(document(body=body))
    adds = [node.inputs for node in found.graph.nodes if node.op.name == "add"]
    assert adds == [(Ref(3), Ref(2)), (Ref(5), Ref(1))]


def test_plus_is_added_before_the_result_is_named() -> None:
    found = Architecture(document(body=[{"op": "conv", "plus": "in"}, "silu"]))
    assert ops(found) == ["conv", "conv", "add", "silu", "conv", "pixelshuffle"]
    assert found.graph.nodes[3].inputs == (Ref(2),)


def test_inline_steps_and_chains_start_from_their_owners_input() -> None:
    fuse = {"op": "add", "of": [["silu", "conv"], {"op": "conv", "in": "image"}, "in"]}
    found = Architecture(document(fuse=fuse))
    assert inputs(found)[:5] == [(-1,), (0,), (1,), (-1,), (2, 3, 0)]


def test_entry_is_the_chains_input() -> None:
    steps = ["silu", {"op": "add", "of": ["in", "entry"]}]
    found = Architecture(document(body=[{"op": "chain", "steps": steps}]))
    assert found.graph.nodes[2].inputs == (Ref(1), Ref(0))


def test_a_slice_splices() -> None:
    found = Architecture(
        document(body=[{"repeat": 4, "block": "conv"}], fuse={"op": "concat", "of": ["body[1:]"], "kernel": 1})
    )
    assert found.graph.nodes[5].inputs == (Ref(2), Ref(3), Ref(4))


def test_the_nearest_width_is_inherited() -> None:
    chain = {"op": "chain", "width": 12, "steps": ["conv", {"op": "conv", "width": "=width//2"}]}
    found = Architecture(document(body=[chain]))
    assert [node.op.channels_out(node.widths) for node in found.graph.nodes[:3]] == [8, 12, 6]


def test_recursion_counts_params_once_and_flops_every_time() -> None:
    def with_weights(weights: str) -> Architecture:
        return Architecture(document(body=[{"repeat": 3, "weights": weights, "block": {"op": "conv", "plus": "in"}}]))

    own, shared = cost(with_weights("own")), cost(with_weights("shared"))
    assert own.flops == shared.flops
    assert own.params - shared.params == 2 * (8 * 8 * 9 + 8)


def test_reuse_runs_a_labelled_step_again() -> None:
    body = [{"op": "chain", "as": "block", "steps": ["conv", "silu"]}, {"op": "reuse", "of": "block"}]
    found = Architecture(document(body=body))
    assert ops(found)[1:5] == ["conv", "silu", "conv", "silu"]
    assert [node.tie for node in found.graph.nodes[1:5]] == [None, None, 1, 2]
    assert inputs(found)[3:5] == [(2,), (3,)]


def test_none_leaves_no_trace() -> None:
    assert Architecture(document(body=["none", "silu"])) == Architecture(document(body=["silu"]))


@pytest.mark.parametrize(
    ("network", "path", "words"),
    [
        ({"body": ["spap"]}, "body.0.op", "Did you mean 'spab'"),
        ({"body": [{"op": "conv", "kernal": 3}]}, "body.0.kernal", "Did you mean 'kernel'"),
        ({"body": [{"op": "conv", "kernel": 4}]}, "body.0.kernel", "try 5"),
        ({"body": [{"op": "conv", "groups": 3}]}, "body.0.groups", "do not divide"),
        ({"body": [{"op": "spab", "attention": "silu"}]}, "body.0.attention", "kind attention"),
        ({"body": [{"op": "spab", "conv": {"op": "conv", "width": 4}}]}, "body.0.conv.width", "set by its owner"),
        ({"body": [{"op": "spab", "conv": ["conv", "conv"]}]}, "body.0.conv", "one op or 3"),
        ({"body": [{"op": "conv", "plus": "head[3]"}]}, "body.0.plus", "head has 1 elements"),
        ({"body": [{"op": "conv", "plus": "hed"}]}, "body.0.plus", "Did you mean 'head'"),
        ({"body": [{"op": "conv", "plus": "fuse"}]}, "body.0.plus", "nothing that was laid out before"),
        ({"body": ["spab", {"op": "conv", "plus": "body[-1]"}]}, "body.1.plus", "still growing"),
        ({"body": ["spab", {"op": "conv", "plus": "body"}]}, "body.1.plus", "still growing"),
        ({"body": ["spab"], "fuse": {"op": "add", "of": ["in", "body[0].act3"]}}, "fuse.of.1", "conv1, act1, conv2"),
        ({"body": [{"op": "conv", "width": 4, "plus": "in"}]}, "body.0.plus.of", "cannot be added"),
        ({"body": [{"op": "conv", "in": ["head", "image"]}]}, "body.0.in", "reads one feature"),
        ({"body": [{"op": "conv", "in": "image"}]}, "head", "never used"),
        ({"body": [{"op": "conv", "stride": 2, "plus": "in"}]}, "body.0.plus", "different sizes"),
        ({"body": [{"op": "conv", "stride": 2}]}, "network", "not 3x512x512"),
        ({"body": [{"repeat": 99, "block": "conv"}]}, "body.0.repeat", "from 0 to 64"),
        ({"body": [{"repeat": 2}]}, "body.0", "has a block"),
        ({"body": [{"op": "chain", "steps": []}]}, "body.0.steps", "at least one step"),
        ({"body": [{"op": "conv", "as": "in"}]}, "body.in.as", "meaning of its own"),
        ({"body": [{"op": "conv", "as": "a"}, {"op": "conv", "as": "a"}]}, "body.a.as", "taken"),
        ({"tail": {"op": "pixelshuffle", "scale": 3}}, "tail.scale", "do not divide"),
        ({"tail": {"op": "pixelshuffle", "bias": False}}, "tail", "give it a kernel"),
        ({"body": ["=missing"]}, "body.0", "unknown name 'missing'"),
        ({"body": [{"op": "resize", "mode": "bilinear"}]}, "body.0", "needs scale"),
        ({"body": [{"op": "conv", "kernel": {"choice": [1, 3]}}]}, "body.0.kernel", "has no holes"),
        ({"input": {"mean": "imagenet"}}, "input.mean", "div2k"),
        ({"neck": []}, "network.neck", "no 'neck'"),
        ({"width": "wide"}, "width", "whole number"),
        ({"body": [3]}, "body.0", "takes a step"),
        ({"head": {"op": "conv", "train": "edbb", "kernel": 5}}, "head.train", "3x3 window"),
    ],
)
def test_a_broken_rule_is_told_with_its_path(network: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(LanguageError) as caught:
        Architecture(document(**network))
    assert caught.value.path == (path if path.startswith("network") else f"network.{path}")
    assert words in str(caught.value)


def test_a_let_in_a_circle_is_refused() -> None:
    with pytest.raises(LanguageError, match="circle"):
        Architecture({**document(body=["=a"]), "let": {"a": "=b", "b": "=a"}})


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_worked_examples_parse_but_for_ops_that_are_not_there_yet(path: Path) -> None:
    plain = read_file(path)
    known = set(registry()) | {"chain", "reuse"}
    missing = sorted(names_of_ops(plain) - known)
    if not missing:
        assert cost(Architecture(plain)).params > 0
        return
    with pytest.raises(LanguageError, match="Unknown op") as caught:
        Architecture(plain)
    assert any(repr(name) in str(caught.value) for name in missing)


EXACT = {
    "aiot_ai": (301_413, 19_563_807_520),
    "depthibn": (121_116, 7_705_462_464),
    "efdn": (276_192, 16_703_470_848),
    "emsr": (130_828, 8_535_015_424),
    "lz": (251_696, 16_420_700_160),
    "mbga": (192_272, 12_555_649_024),
    "mmsr": (211_572, 13_854_738_432),
    "pixel_alchemists": (212_944, 12_928_452_608),
    "rochester": (157_772, 10_296_229_888),
    "sylabsr": (71_964, 7_903_137_792),
    "vpeg_o": (144_672, 9_415_139_328),
    "xiaomimm": (148_288, 9_681_502_208),
}


@pytest.mark.parametrize("name", EXACT)
def test_the_worked_examples_cost_what_was_published(name: str) -> None:
    found = cost(Architecture(read_file(next(path for path in EXAMPLES if path.stem == name))))
    assert (found.params, found.flops) == EXACT[name]
