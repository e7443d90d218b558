from typing import Any

from nas.language import load_space
from nas.search.draws import every_draw
from tests.unit.search.table import SMALL_SPACE, SPACE


def space(body: list[Any]) -> Any:
    return load_space({**SPACE, "network": {**SPACE["network"], "body": body}})


def test_every_draw_comes_once() -> None:
    found = [draw.architecture.hash for draw in every_draw(load_space(SMALL_SPACE))]
    assert len(found) == len(set(found)) == load_space(SMALL_SPACE).size()


def test_a_space_whose_branches_have_holes_of_their_own_is_walked_whole() -> None:
    tree = space([{"choice": ["relu", {"op": "leaky_relu", "slope": {"choice": [0.1, 0.2, 0.3]}}]}])
    assert len(list(every_draw(tree))) == tree.size() == 7 * 3 * 4


def test_draws_that_break_a_rule_are_left_out() -> None:
    fuse = {"op": "concat", "of": ["head", {"choice": ["body[0]", "body[2]"]}], "kernel": 1}
    broken = load_space({**SPACE, "network": {**SPACE["network"], "body": ["relu"], "fuse": fuse}})
    assert 0 < len(list(every_draw(broken))) < broken.size()
