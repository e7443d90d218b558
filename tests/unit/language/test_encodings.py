import random
from itertools import pairwise

import pytest

import nas
from nas.errors import LanguageError, UnknownNameError
from nas.language import Architecture, Space, space_names, system_names
from tests.unit.language.documents import document, space

SEEDS = range(25)


@pytest.fixture(params=space_names())
def ready_made(request: pytest.FixtureRequest) -> Space:
    return nas.space(request.param)


def test_the_tree_leads_back(ready_made: Space) -> None:
    for seed in SEEDS:
        draw = ready_made.random_draw(random.Random(seed))
        assert ready_made.fill(draw.assignment).hash == draw.architecture.hash
        assert Architecture(draw.architecture.to_dict()).hash == draw.architecture.hash


def test_the_vector_leads_back_and_masks_what_is_inactive(ready_made: Space) -> None:
    for seed in SEEDS:
        draw = ready_made.random_draw(random.Random(seed))
        vector, mask = ready_made.vector(draw.assignment), ready_made.mask(draw.assignment)
        assert sum(mask) == len(draw.assignment)
        assert all(index == 0 for index, active in zip(vector, mask, strict=True) if not active)
        noisy = [index if active else index + 1 for index, active in zip(vector, mask, strict=True)]
        assert ready_made.from_vector(noisy).architecture.hash == draw.architecture.hash


def test_an_architecture_from_outside_is_encoded(ready_made: Space) -> None:
    for seed in range(5):
        plain = ready_made.sample(random.Random(seed)).to_dict()
        outside = Architecture({**plain, "name": "a stranger"})
        assert ready_made.contains(outside)
        assert ready_made.fill(ready_made.encode(outside)).hash == outside.hash


def test_what_is_not_in_the_space_is_not_encoded(ready_made: Space) -> None:
    stranger = Architecture({**document(), "scale": 4})
    assert not ready_made.contains(stranger)
    with pytest.raises(LanguageError, match="no point of the space"):
        ready_made.encode(stranger)


def test_a_neighbour_differs_by_one_decision_of_the_old_ones(ready_made: Space) -> None:
    rng = random.Random(1)
    draw = ready_made.random_draw(rng)
    for _ in range(20):
        near = ready_made.neighbour(draw.assignment, rng)
        changed = [
            name
            for name in draw.assignment
            if name in near.assignment and near.assignment[name] != draw.assignment[name]
        ]
        assert len(changed) == 1


def test_walking_from_neighbour_to_neighbour_reaches_every_value() -> None:
    found = Space(space(head={"op": "conv", "kernel": {"choice": [1, 3, 5]}}))
    rng, seen, draw = random.Random(0), set(), found.random_draw(random.Random(0))
    for _ in range(40):
        draw = found.neighbour(draw.assignment, rng)
        seen.add(draw.assignment["head.kernel"])
    assert seen == {1, 3, 5}


def test_a_space_of_one_has_no_neighbour() -> None:
    with pytest.raises(LanguageError, match="no neighbour"):
        Space(space()).neighbour({}, random.Random(0))


@pytest.mark.parametrize("assignment", [{}, {"head.kernel": 7}, {"head.kernel": True}, {"head.kernel": 3, "body": 1}])
def test_an_assignment_that_does_not_fit_is_refused(assignment: dict[str, int]) -> None:
    with pytest.raises(LanguageError):
        Space(space(head={"op": "conv", "kernel": {"choice": [1, 3]}})).fill(assignment)


@pytest.mark.parametrize("vector", [[], [0, 0], [2], [-1]])
def test_a_vector_that_does_not_fit_is_refused(vector: list[int]) -> None:
    with pytest.raises(LanguageError):
        Space(space(head={"op": "conv", "kernel": {"choice": [1, 3]}})).from_vector(vector)


def test_the_same_seed_draws_the_same(ready_made: Space) -> None:
    one, other = (ready_made.sample(random.Random(7)) for _ in range(2))
    assert one == other


def test_draws_that_break_a_rule_are_drawn_again() -> None:
    found = Space(space(body=[{"op": "conv", "groups": {"choice": [3, 4]}}]))
    assert all(found.sample(random.Random(seed)).graph.nodes[1].op.groups == 4 for seed in SEEDS)  # type: ignore[attr-defined]


def test_a_space_whose_every_draw_breaks_a_rule_says_which() -> None:
    with pytest.raises(LanguageError, match=r"draws in a row broke a rule; the last one: network\.body\.0\.groups"):
        Space(space(body=[{"op": "conv", "groups": 3}])).sample(random.Random(0))


@pytest.mark.parametrize("name", ["nope", "../systems/EFDN", "spam"])
def test_an_unknown_space_is_told(name: str) -> None:
    with pytest.raises(UnknownNameError, match="Unknown space"):
        nas.space(name)


@pytest.mark.parametrize("name", ["system:nope", "system:../spaces/span"])
def test_an_unknown_system_is_told(name: str) -> None:
    with pytest.raises(UnknownNameError, match="Unknown system"):
        nas.architecture(name)


def test_all_systems_have_their_own_hash_but_two_teams_that_submitted_one_network() -> None:
    found = {name: nas.architecture(f"system:{name}").hash for name in system_names()}
    assert found.pop("SRCB") == found["Davinci"]
    assert all(one != other for one, other in pairwise(sorted(found.values())))
