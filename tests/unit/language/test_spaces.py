"""Which published systems are points of the ready-made spaces."""

import pytest

from nas.language import load_architecture, load_space, space_names, system_names
from nas.published import families, systems

SPACES = {name: load_space(name) for name in space_names()}
POINTS = [(name, system) for name, family in families().items() for system in family.points]
NEAR = [(name, system) for name, family in families().items() for system in family.near]


@pytest.mark.parametrize(("name", "system"), POINTS)
def test_a_system_is_a_point_of_the_space_that_claims_it(name: str, system: str) -> None:
    space, architecture = SPACES[name], load_architecture(f"system:{system}")
    assert space.fill(space.encode(architecture)).hash == architecture.hash


@pytest.mark.parametrize(("name", "system"), NEAR)
def test_a_system_that_is_near_a_space_is_no_point_of_it(name: str, system: str) -> None:
    assert not SPACES[name].contains(load_architecture(f"system:{system}"))


def test_every_ready_made_space_says_what_its_points_are() -> None:
    assert set(families()) == set(SPACES)


def test_the_first_twenty_ranks_are_points_of_the_union() -> None:
    first = {one.name for one in systems() if one.rank is not None and one.rank <= 20}
    assert len(first) == 20
    assert first <= set(families()["esr"].points)


def test_every_system_is_a_point_of_a_space_or_near_one() -> None:
    told = {system for _, system in POINTS + NEAR}
    assert set(system_names()) == told
