"""The recipes of published systems: what they claim, and that each can be trained by."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest
import torch

from nas import published
from nas.evaluate.quality.data import ImageSet
from nas.evaluate.quality.recipes import Recipe, load_recipe, ready_made
from nas.evaluate.quality.training import Trainer
from nas.language import Architecture
from nas.networks import build, deploy, start

RECIPES = {name: load_recipe(name) for name in ready_made() if load_recipe(name).source is not None}

LORA = {"op": "conv", "train": {"op": "lora", "rank": 2, "alpha": 4}}
STUDENT = Architecture(
    {
        "language": 1,
        "scale": 4,
        "network": {
            "width": 24,
            "head": {"op": "conv", "kernel": 3},
            "body": [{"repeat": 6, "block": {"op": "spab", "conv": LORA}}],
            "fuse": [
                {"op": "conv", "kernel": 3},
                {"op": "concat", "of": ["head", "in", "body[0]", "body[-1].act1"], "kernel": 1},
            ],
            "tail": {"op": "pixelshuffle", "kernel": 3},
        },
    }
)
"""A SPAN with low-rank factors: it has all the layers that the recipes name."""


def test_at_least_twenty_teams_have_a_recipe() -> None:
    assert len(RECIPES) >= 20
    assert set(RECIPES) >= {"emsr", "xiaomimm", "shannonlab", "mbga", "iesr", "vpeg_o", "chansr"}


@pytest.mark.parametrize("name", RECIPES)
def test_a_published_recipe_names_its_team_and_its_facts(name: str) -> None:
    source = RECIPES[name].source
    assert source is not None
    team = source.team.replace(" ", "_")
    assert published.system(team).name == team
    assert name == team.lower().replace("-", "_")
    assert RECIPES[name].reported


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_assumed_is_in_the_recipe(name: str) -> None:
    document = RECIPES[name].model_dump(mode="json")
    paths = {path for path, value in _paths("", document) if value not in (None, [], {})}
    for entry in RECIPES[name].assumed:
        pattern = entry.split(":")[0]
        assert any(fnmatchcase(path, pattern) for path in paths), pattern


@pytest.mark.parametrize("name", RECIPES)
def test_steps_patches_batches_and_rates_are_never_claimed_to_be_reported_unsaid(name: str) -> None:
    assumed = [entry.split(":")[0] for entry in RECIPES[name].assumed]
    said = " ".join(RECIPES[name].reported)
    for number, stage in enumerate(RECIPES[name].stages):
        for field in ("steps", "patch", "batch"):
            claimed = not any(fnmatchcase(f"stages.{number}.{field}", pattern) for pattern in assumed)
            assert not claimed or f"{getattr(stage, field):,}" in said
        if stage.ema is not None and not any(fnmatchcase(f"stages.{number}.ema", pattern) for pattern in assumed):
            assert str(stage.ema) in said


@pytest.mark.parametrize("name", RECIPES)
def test_a_network_can_be_trained_by_it(name: str, photographs: ImageSet) -> None:
    """Two steps a stage, on tiny batches; every other field is the recipe's own."""
    network = build(STUDENT, form="training")
    start(network, STUDENT, 0)
    before = network.state_dict()["conv_1.weight"].clone()
    recipe = _shrunk(RECIPES[name])
    teachers = {teacher: deploy(build(STUDENT, form="training")).eval() for teacher in recipe.teachers}

    trainer = Trainer(network, recipe, photographs, teachers=teachers)
    result = trainer.run()

    assert (result.step, result.diverged) == (2 * len(recipe.stages), False)
    trained = trainer.trained().state_dict()
    assert all(torch.isfinite(value).all() for value in trained.values())
    assert not torch.equal(trained["conv_1.weight"], before)


def _shrunk(recipe: Recipe) -> Recipe:
    document = recipe.model_dump(mode="json")
    for stage in document["stages"]:
        stage |= {"steps": 2, "patch": 8, "batch": 2}
    return load_recipe(document | {"rungs": [2 * len(document["stages"])]})


def _paths(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if path:
        yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _paths(f"{path}.{key}".lstrip("."), inner)
