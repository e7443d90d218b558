import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from nas.errors import LanguageError, NasError, RecipeError, UnknownNameError
from nas.evaluate.quality.recipes import Recipe, load_recipe, ready_made
from tests.unit.evaluate.quality.samples import recipe, stage

SGD = {"kind": "sgd", "lr": 0.1}
SELF = {"architecture": "self"}
PRUNING = {"layer": "conv_3", "keep": 5}


def _document(**changes: Any) -> dict[str, Any]:
    return {"name": "mine", "rungs": [12], "stages": [stage()]} | changes


def test_the_ready_made_recipes_are_there() -> None:
    assert set(ready_made()) >= {"demo", "proxy", "full"}


@pytest.mark.parametrize("name", ready_made())
def test_a_ready_made_recipe_bears_its_name_and_ends_at_its_last_rung(name: str) -> None:
    found = load_recipe(name)
    assert found.name == name
    assert found.rungs[-1] == found.steps


def test_rungs_of_the_ready_made_recipes() -> None:
    assert len(load_recipe("demo").rungs) == 2
    assert load_recipe("proxy").rungs == (2000, 8000, 32000)


def test_a_recipe_comes_from_a_file_or_a_mapping(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(_document()))
    assert load_recipe(path) == load_recipe(str(path)) == load_recipe(_document())


def test_the_recipe_of_the_guide_is_one(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[4] / "docs" / "how-to" / "train.md").read_text()
    block = guide.partition("    name: mine")[2].partition("\n\n`prune")[0]
    (tmp_path / "mine.yaml").write_text(textwrap.dedent(f"    name: mine{block}"))
    assert len(load_recipe(tmp_path / "mine.yaml").stages) == 3


def test_the_hash_is_golden() -> None:
    assert recipe().hash == "e468f5243f9e52f023284aa7134cdbddb32339edafba3e99c8eff535f19f032e"


@pytest.mark.parametrize(
    ("name", "start"),
    [("demo", "64c41d09a742abaa"), ("proxy", "72ae1cbfb4a9f2c5"), ("full", "19a95da901a79d5a")],
)
def test_hashes_of_the_first_recipes_are_golden(name: str, start: str) -> None:
    """Whatever a stage learns to say since then leaves no trace where it is not said."""
    assert load_recipe(name).hash.startswith(start)


def test_the_hash_ignores_what_does_not_decide_the_weights() -> None:
    written_out = stage(ema=None, precision="fp32", loss={"l1": 1, "l2": 0}, grad_clip=None)
    other = _document(name="other", description="else", rungs=[3, 12], eta=2, stages=[written_out])
    assert load_recipe(other).hash == recipe().hash


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 13},
        {"patch": 9},
        {"batch": 5},
        {"loss": {"l2": 1.0}},
        {"loss": {"l1": 2.0}},
        {"optimizer": {"kind": "adamw", "lr": 2e-3}},
        {"optimizer": {"kind": "adam", "lr": 1e-3}},
        {"optimizer": {"kind": "adam", "lr": 2e-3, "betas": [0.9, 0.99]}},
        {"optimizer": {"kind": "adam", "lr": 2e-3, "weight_decay": 0.1}},
        {"schedule": {"kind": "cosine"}},
        {"schedule": {"kind": "constant", "warm_up_steps": 2}},
        {"ema": 0.9},
        {"grad_clip": 1.0},
        {"precision": "bf16"},
        {"precision": "tf32"},
        {"average": {}},
        {"average": {"begin": 0.5}},
        {"grad_clip_value": 1.0},
        {"start": "last"},
        {"best_every": 3},
        {"trains": "base"},
        {"trains": ["conv_1.*"]},
        {"extra": {"after": "spab_6", "blocks": 3, "distil": {"l1": 1.0}}},
        {"augment": {"colours": True}},
        {"augment": {"flip": False}},
        {"augment": {"mixup": 0.4}},
        {"prune": [{"layer": "conv_3", "keep": 5}]},
        {"optimizer": {"kind": "adam", "lr": 2e-3, "eps": 1e-7}},
        {"optimizer": {"kind": "sgd", "lr": 2e-3}},
        {"schedule": {"kind": "linear"}},
        {"schedule": {"kind": "cosine", "cycles": 2}},
    ],
    ids=str,
)
def test_the_hash_sees_every_field_of_a_stage(change: dict[str, object]) -> None:
    assert recipe(stage(**change)).hash != recipe().hash


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (_document(stages=[]), "stages: tuple should have at least 1 item"),
        (_document(rungs=[12, 6]), r"rungs have to grow, got \[12, 6\]"),
        (_document(rungs=[6]), "the last rung has to be the steps of all stages, 12, got 6"),
        (_document(rungs=[0, 12]), r"rungs.0: input should be greater than 0, got 0"),
        (_document(colour="red"), "colour: extra inputs are not permitted, got 'red'"),
        (_document(stages=[stage(batch=-1)]), "stages.0.batch: input should be greater than 0, got -1"),
        (_document(stages=[stage(loss={})]), "stages.0.loss: a loss needs at least one term"),
        (_document(stages=[stage(loss={"ssim": 1})]), "stages.0.loss.ssim: extra inputs"),
        (_document(stages=[stage(schedule={"kind": "step"})]), "stages.0.schedule: .*'step'"),
        (_document(stages=[stage(optimizer={"kind": "adam", "lr": float("inf")})]), "lr: input should be a finite"),
        (_document(stages=[stage(steps="12")]), "stages.0.steps: input should be a valid integer, got '12'"),
        (_document(stages=[stage(batch=True)]), "stages.0.batch: input should be a valid integer, got True"),
        (_document(stages=[stage(optimizer={"kind": "lion", "lr": 1})]), "stages.0.optimizer: .*'lion'"),
        (_document(stages=[stage(optimizer=SGD | {"eps": 1})]), "stages.0.optimizer.eps: extra inputs"),
        (
            _document(stages=[stage(optimizer=SGD | {"nesterov": True})]),
            "stages.0.optimizer: nesterov needs a momentum",
        ),
        (_document(stages=[stage(schedule={"kind": "cosine", "cycles": 0})]), "stages.0.schedule.cycles: .* got 0"),
        (_document(stages=[stage(schedule={"kind": "multistep"})]), "stages.0.schedule.milestones: field required"),
        (_document(stages=[stage(ema=0.9, average={})]), "stages.0: ema and average are two results"),
        (
            _document(stages=[stage(batch=1, augment={"mixup": 0.1})]),
            "stages.0: mixup needs a batch of 2 or more, got 1",
        ),
        (_document(stages=[stage(best_every=13)]), "stages.0: best_every has to be at most the stage's steps, 12"),
        (_document(stages=[stage(start="first")]), "stages.0.start: .*'first'"),
        (_document(stages=[stage(start=[0])]), r"soup is made of stages that are over, below 0, got \[0\]"),
        (_document(soup=[1]), r"below 1, got \[1\]"),
        (_document(stages=[stage(steps=6), stage(steps=6, prune=[PRUNING])], soup=[0, 1]), "weights of one shape"),
        (_document(stages=[stage(distil=[{"teacher": "big"}])]), "stages.0.distil.0: a teacher teaches its output"),
        (
            _document(stages=[stage(distil=[{"teacher": "big", "output": {"l1": 1}}])], teachers={"a": SELF}),
            "stages.0.distil names the teacher 'big'; teachers has: a",
        ),
        (_document(teachers={"a": {**SELF, "weights": "x", "recipe": "full"}}), "teachers.a: a teacher has weights or"),
        ({"rungs": [12]}, r"name: field required \(1 more\)"),
        ([], "valid dictionary"),
    ],
)
def test_a_bad_recipe_is_one_sentence_with_its_path(document: Any, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(document))
    with pytest.raises(NasError, match=sentence) as caught:
        load_recipe(document if isinstance(document, dict) else path)
    assert isinstance(caught.value, RecipeError)
    assert "\n" not in str(caught.value)


def _taught(**teacher: object) -> Recipe:
    return load_recipe(_document(teachers={"big": {**SELF, **teacher}}))


def test_the_hash_sees_teachers_by_the_content_of_their_weights(tmp_path: Path) -> None:
    for name, content in (("a", b"one"), ("b", b"one"), ("c", b"two")):
        (tmp_path / name).write_bytes(content)
    hashes = {name: _taught(weights=str(tmp_path / name)).hash for name in "abc"}
    assert hashes["a"] == hashes["b"] != hashes["c"]
    assert len({recipe().hash, hashes["a"], hashes["c"], _taught().hash, _taught(recipe="full").hash}) == 5
    with pytest.raises(RecipeError, match="cannot be read"):
        _ = _taught(weights=str(tmp_path / "missing")).hash


@pytest.mark.parametrize("field", ["recipe", "architecture"])
def test_the_hash_sees_teachers_by_the_content_of_other_files_too(field: str, tmp_path: Path) -> None:
    hashes = []
    for name, steps in (("a", 12), ("b", 12), ("c", 6)):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(_document(stages=[stage(steps=steps)], rungs=[steps])))
        hashes.append(_taught(**{field: str(path)}).hash)
    assert hashes[0] == hashes[1] != hashes[2]


def test_the_hash_sees_a_soup() -> None:
    two = [stage(steps=6), stage(steps=6)]
    assert recipe(*two, soup=[0, 1]).hash != recipe(*two).hash


def test_the_hash_ignores_where_a_recipe_was_published() -> None:
    published = recipe(source={"report": "r", "team": "t"}, reported=["a"], assumed=["b"])
    assert published.hash == recipe().hash


def test_a_recipe_written_out_reads_the_same() -> None:
    whole = recipe(
        stage(steps=6, trains=["a.*"], distil=[{"teacher": "big", "features": {"layers": ["spab_*"]}}]),
        stage(steps=6, start=[0], average={}, augment={"mixup": 0.3}, prune=[]),
        teachers=["big"],
        soup=[1],
    )
    assert load_recipe(json.loads(json.dumps(whole.model_dump(mode="json")))) == whole


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"stages": [stage(prune=[PRUNING])]}, "prunes, which makes another architecture"),
        ({"teachers": {"big": SELF}}, "weights of its teacher 'big' are, and a search"),
    ],
)
def test_a_search_refuses_what_only_one_training_can_do(changes: dict[str, Any], sentence: str) -> None:
    load_recipe("demo").check_search()
    with pytest.raises(RecipeError, match=sentence):
        load_recipe(_document(**changes)).check_search()


def test_recipes_are_read_without_torch() -> None:
    program = "import sys; from nas.evaluate.quality.recipes import load_recipe; load_recipe('demo')"
    found = subprocess.run([sys.executable, "-c", f"{program}; print('torch' in sys.modules)"], capture_output=True)
    assert found.stdout.decode().strip() == "False"


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'proxy'"):
        load_recipe("proxi")


def test_a_name_cannot_leave_the_folder() -> None:
    with pytest.raises(NasError):
        load_recipe("../recipes/demo")


def test_yaml_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("stages: [")
    with pytest.raises(LanguageError):
        load_recipe(path)


def test_a_recipe_is_frozen() -> None:
    frozen: Recipe = recipe()
    with pytest.raises(ValidationError):
        frozen.name = "other"
