import pytest

import nas
from nas.language import Space, space_names
from nas.language.coverage import broken_options
from tests.unit.language.documents import space


@pytest.mark.parametrize("name", space_names())
def test_no_option_of_a_ready_made_space_is_broken(name: str) -> None:
    assert broken_options(nas.space(name)) == []


def test_a_mistake_in_a_rare_branch_is_found_and_named() -> None:
    rare = {"op": "esa", "inner": 4, "conv": {"choice": ["conv", {"op": "conv", "groups": 3}]}}
    body = [{"repeat": 2, "block": {"op": "spab", "attention": {"choice": ["parameter_free", "none", rare]}}}]
    (problem,) = broken_options(Space(space(body=body)))
    assert problem.path == "network.body.0.block.attention.conv.groups"
    assert "do not divide" in problem.sentence
    assert "(with body.0.block.attention:esa.conv = conv#1)" in problem.sentence


def test_a_mistake_in_the_last_copy_is_found() -> None:
    body = [{"repeat": {"int": [1, 3]}, "share": "each", "block": {"op": "conv", "kernel": {"choice": [3, 4]}}}]
    problems = broken_options(Space(space(body=body)))
    assert len(problems) == 3
    assert all("try 5" in problem.sentence for problem in problems)


def test_options_that_only_fail_together_with_others_are_not_blamed() -> None:
    plain = space(width={"choice": [8, 12]}, body=[{"op": "conv", "groups": {"choice": [2, 3]}}])
    assert broken_options(Space(plain)) == []
