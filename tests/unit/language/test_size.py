import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import LanguageError
from nas.language import Architecture, Hole, Space, Value
from tests.unit.language.documents import space

CONV = {"op": "conv", "kernel": {"choice": [1, 3]}}


def every_assignment(found: Space, most: int = 3000) -> list[dict[str, Value]]:
    """All draws, by walking the tree of decisions."""
    result: list[dict[str, Value]] = []
    pending: list[list[int]] = [[]]
    while pending:
        prefix = pending.pop()
        asked: list[Hole] = []

        class Walk:
            def choose(self, hole: Hole) -> Value:
                asked.append(hole)  # noqa: B023
                return hole.values[prefix[len(asked) - 1] if len(asked) <= len(prefix) else 0]  # noqa: B023

        result.append(found.draw(Walk()).assignment)
        assert len(result) <= most
        for position in range(len(prefix), len(asked)):
            zeros = [0] * (position - len(prefix))
            pending.extend([[*prefix, *zeros, value] for value in range(1, len(asked[position].values))])
    return result


SPACES: dict[str, dict[str, Any]] = {
    "product": space(head=CONV, body=[CONV, {"op": "spab", "n": {"int": [2, 4]}}]),
    "nested": space(body=[{"choice": ["silu", {"op": "conv", "kernel": {"choice": [1, 3, 5]}}]}]),
    "tied": space(body=[{"repeat": {"int": [0, 3]}, "block": CONV}]),
    "each": space(body=[{"repeat": {"int": [0, 3]}, "share": "each", "block": CONV}]),
    "choice of counts": space(body=[{"repeat": {"choice": [1, 3]}, "share": "each", "block": CONV}]),
    "subset": space(
        body=["conv"],
        fuse={"op": "concat", "of": ["in", {"subset": ["head", "body[0]", CONV], "min": 0, "max": 2}], "kernel": 1},
    ),
    "let used twice": space(let={"c": CONV}, head="=c", body=["=c"]),
    "let used in one option": space(let={"c": CONV}, body=[{"choice": ["silu", "=c"]}, {"choice": ["relu", "=c"]}]),
    "let in a let": space(
        let={"k": {"choice": [1, 3]}, "c": {"op": "conv", "kernel": "=k"}}, body=[{"choice": ["silu", "=c"]}]
    ),
    "unused let": space(let={"c": CONV}, body=["silu"]),
    "depth by let": space(
        let={"d": {"int": [1, 3]}},
        body=[
            {"repeat": "=d", "share": "each", "block": CONV},
            {"repeat": "=4-d", "share": "each", "block": {"op": "spab", "n": {"choice": [1, 2]}}},
        ],
    ),
    "depth in one option": space(
        let={"d": {"int": [1, 2]}},
        body=[{"choice": ["silu", {"op": "chain", "steps": [{"repeat": "=d", "share": "each", "block": CONV}]}]}],
    ),
    "weights shared": space(body=[{"repeat": {"int": [1, 2]}, "weights": "shared", "block": CONV}]),
}


@pytest.mark.parametrize("name", SPACES)
def test_size_is_the_number_of_draws(name: str) -> None:
    found = Space(SPACES[name])
    draws = every_assignment(found)
    assert len({tuple(sorted(item.items())) for item in draws}) == len(draws) == found.size()


@pytest.mark.parametrize("name", SPACES)
def test_every_hole_that_is_asked_is_listed(name: str) -> None:
    found = Space(SPACES[name])
    listed = {hole.name: hole for hole in found.holes()}
    asked = {key for draw in every_assignment(found) for key in draw}
    assert asked == set(listed)


def test_sizes_beyond_machine_words_are_exact() -> None:
    block = {"op": "conv", "kernel": {"choice": [1, 3, 5]}}
    assert Space(space(body=[{"repeat": 60, "share": "each", "block": block}])).size() == 3**60


def test_too_many_joint_depths_are_refused() -> None:
    let = {name: {"int": [0, 40]} for name in ("a", "b", "c")}
    body = [{"repeat": f"={name}", "block": "conv"} for name in let]
    with pytest.raises(LanguageError, match="joint values"):
        Space(space(let=let, body=body)).size()


blocks = st.recursive(
    st.sampled_from(["silu", "relu", "conv", "=c", "=d"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3, unique_by=repr).map(lambda items: {"choice": items}),
        st.tuples(inner, st.integers(0, 2), st.sampled_from(["tied", "each"])).map(
            lambda item: {
                "op": "chain",
                "steps": ["silu", {"repeat": {"int": [0, item[1]]}, "share": item[2], "block": item[0]}],
            }
        ),
    ),
    max_leaves=5,
)


@settings(max_examples=40, deadline=None)
@given(st.lists(blocks, min_size=1, max_size=2))
def test_size_agrees_with_enumeration_on_random_spaces(body: list[Any]) -> None:
    lets = {"c": CONV, "d": {"choice": ["gelu", "=c"]}}
    found = Space(space(let=lets, body=body))
    size = found.size()
    if size <= 400:
        assert len(every_assignment(found)) == size


@settings(max_examples=40, deadline=None)
@given(st.lists(blocks, min_size=1, max_size=2), st.integers(0, 1000))
def test_every_encoding_leads_back_on_random_spaces(body: list[Any], seed: int) -> None:
    found = Space(space(let={"c": CONV, "d": {"choice": ["gelu", "=c"]}}, body=body))
    draw = found.random_draw(random.Random(seed))
    assert found.fill(draw.assignment) == draw.architecture
    assert Architecture(draw.architecture.to_dict()) == draw.architecture
    assert found.from_vector(found.vector(draw.assignment)).assignment == draw.assignment
    assert found.fill(found.encode(draw.architecture)) == draw.architecture
