"""The recipes that come with the service."""

from tests.unit.cli.conftest import Nas


def test_recipes_are_listed_with_their_teams(nas: Nas) -> None:
    found = {one["name"]: one for one in nas("recipes", "list", "--json").document}

    assert found["demo"]["team"] is None
    assert found["emsr"]["team"] == "EMSR"
    assert found["emsr"]["teachers"] == ["span"]
    assert found["shannonlab"]["stages"] == 5
    assert "five stages" in nas("recipes", "list").out.lower()


def test_a_recipe_is_shown_as_it_is_written_and_as_it_is_read(nas: Nas) -> None:
    assert "\nreported:\n" in nas("recipes", "show", "yg").out
    document = nas("recipes", "show", "yg", "--json").document

    assert document["stages"][0]["ema"] == 0.999
    assert document["stages"][0]["precision"] == "fp32"
    assert len(document["hash"]) == 64


def test_an_unknown_recipe_offers_the_nearest(nas: Nas) -> None:
    result = nas("recipes", "show", "xiaomi")

    assert result.status == 2
    assert "'xiaomimm'" in result.err
