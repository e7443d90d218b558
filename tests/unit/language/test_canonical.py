import json
from pathlib import Path
from typing import Any

import pytest

import nas
from nas.language import Architecture
from tests.unit.language.documents import document

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "hashes.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", GOLDEN)
def test_a_hash_never_changes(name: str) -> None:
    found = nas.architecture(f"system:{name}")
    assert {"hash": found.hash, "deployed_hash": found.deployed_hash} == GOLDEN[name]


SAME: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a default written out": (
        {"head": {"op": "conv"}},
        {"head": {"op": "conv", "kernel": 3, "bias": True, "width": 8}},
    ),
    "a bare name": ({"body": ["silu"]}, {"body": [{"op": "silu"}]}),
    "an inlined chain": ({"body": ["silu", "conv"]}, {"body": [{"op": "chain", "steps": ["silu", "conv"]}]}),
    "an unrolled repeat": ({"body": ["conv", "conv"]}, {"body": [{"repeat": 2, "block": "conv"}]}),
    "plus as add": ({"body": [{"op": "conv", "plus": "in"}]}, {"body": ["conv", {"op": "add", "of": ["in", "head"]}]}),
    "sugar written out": (
        {"fuse": {"op": "concat", "of": ["in", "head"], "kernel": 1}},
        {"fuse": [{"op": "concat", "of": ["in", "head"]}, {"op": "conv", "kernel": 1}]},
    ),
    "equal convs collapsed": (
        {"body": [{"op": "spab", "conv": "conv"}]},
        {"body": [{"op": "spab", "conv": ["conv", {"op": "conv"}, {"op": "conv", "kernel": [3, 3]}]}]},
    ),
    "labels": ({"body": ["conv"]}, {"body": [{"op": "conv", "as": "mine"}]}),
    "another slot": ({"body": ["conv"]}, {"fuse": ["conv"]}),
    "an integral float": (
        {"body": [{"op": "clamp", "high": 2}]},
        {"body": [{"op": "clamp", "high": 2.0}]},
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_two_ways_of_writing_are_one_architecture(name: str) -> None:
    one, other = SAME[name]
    assert Architecture(document(**one)).hash == Architecture(document(**other)).hash


DIFFERENT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"head": {"op": "conv", "kernel": 3}}, {"head": {"op": "conv", "kernel": 5}}),
    ({"body": ["silu", "conv"]}, {"body": ["conv", "silu"]}),
    ({"body": [{"op": "conv", "gain": 0.5}]}, {"body": [{"op": "conv"}]}),
    ({"input": {"gain": 255}}, {}),
    ({"output": {"clamp": True}}, {}),
    (
        {"fuse": {"op": "concat", "of": ["in", "image"], "kernel": 1}},
        {"fuse": {"op": "concat", "of": ["image", "in"], "kernel": 1}},
    ),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_computes_otherwise_has_another_hash(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert Architecture(document(**one)).deployed_hash != Architecture(document(**other)).deployed_hash


def test_shared_weights_are_part_of_the_identity() -> None:
    own, shared = (
        Architecture(document(body=[{"repeat": 2, "weights": kind, "block": "conv"}])).hash
        for kind in ("own", "shared")
    )
    assert own != shared


def test_training_forms_share_the_deployed_hash() -> None:
    plain = Architecture(document(body=[{"op": "spab"}]))
    trained = Architecture(document(body=[{"op": "spab", "conv": {"op": "conv", "train": "conv3xc"}}]))
    mixed = Architecture(document(body=[{"op": "spab", "conv": ["conv", {"op": "conv", "train": "edbb"}, "conv"]}]))
    assert len({plain.hash, trained.hash, mixed.hash}) == 3
    assert plain.deployed_hash == trained.deployed_hash == mixed.deployed_hash
