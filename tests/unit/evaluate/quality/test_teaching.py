"""Teachers, a deeper network that teaches itself, and what a stage leaves frozen."""

import copy
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from nas import networks
from nas.errors import RecipeError
from nas.evaluate.quality import teachers
from nas.evaluate.quality.data import ImageSet
from nas.evaluate.quality.distilling import Distiller, Taps, affinity, distance
from nas.evaluate.quality.extra import DeeperNetwork
from nas.evaluate.quality.features import Distillation, ExtraBlocks, FeatureDistillation
from nas.evaluate.quality.progress import TrainResult
from nas.evaluate.quality.recipes import Loss, Recipe, load_recipe
from nas.evaluate.quality.teachers import School
from nas.evaluate.quality.training import Trainer
from nas.networks import Network
from tests.unit.evaluate.quality.samples import recipe, spabs, stage, started, taught, weights

OUTPUT = {"teacher": "big", "output": {"l1": 1.0}}
FEATURES = {"teacher": "big", "features": {"layers": ["spab_*"]}}


def _trained(photographs: ImageSet, chosen: Recipe, **teachers: nn.Module) -> list[Tensor]:
    trainer = Trainer(started(spabs()), chosen, photographs, teachers=teachers)
    trainer.run()
    return weights(trainer)


@pytest.fixture(scope="module")
def untaught(photographs: ImageSet) -> list[Tensor]:
    torch.set_num_threads(1)
    return _trained(photographs, recipe(stage(steps=2)))


@pytest.mark.parametrize(
    "lesson",
    [
        OUTPUT,
        {"teacher": "big", "output": {"l2": 50.0}},
        FEATURES,
        {"teacher": "big", "features": {"layers": ["spab_2"], "of_teacher": ["spab_1"], "kind": "l1"}},
        {"teacher": "big", "features": {"layers": ["spab_2"], "kind": "l2", "weight": 3.0}},
    ],
)
def test_a_student_learns_from_its_teacher(
    lesson: dict[str, object], photographs: ImageSet, untaught: list[Tensor]
) -> None:
    teacher = started(spabs(), seed=5)
    before = copy.deepcopy(teacher.state_dict())
    found = _trained(photographs, taught(lesson), big=teacher)
    other = _trained(photographs, taught(lesson), big=started(spabs(), seed=6))

    assert any(not torch.equal(a, b) for a, b in zip(found, untaught, strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(found, other, strict=True))
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())


def test_several_teachers_are_heard_each(photographs: ImageSet) -> None:
    both = recipe(
        stage(steps=2, distil=[OUTPUT, {"teacher": "small", "output": {"l1": 1.0}}]), teachers=("big", "small")
    )
    teachers = {"big": started(spabs(), seed=5), "small": started(spabs(), seed=6)}
    found = _trained(photographs, both, **teachers)
    changed = _trained(photographs, both, **{**teachers, "small": started(spabs(), seed=7)})
    assert any(not torch.equal(a, b) for a, b in zip(found, changed, strict=True))


def test_a_lesson_is_the_sum_of_its_distances() -> None:
    student, teacher = started(spabs()), started(spabs(), seed=5)
    lesson = Distillation(teacher="big", output=Loss(l1=2.0), features=FeatureDistillation(layers=("spab_1",)))
    lr, taps = torch.rand(2, 3, 8, 8), Taps(student, ["spab_1"])
    with taps.open():
        sr, own = student(lr), taps.seen["spab_1"]
    features = Taps(teacher, ["spab_1"])
    with features.open(), torch.no_grad():
        taught_sr, other = teacher(lr), features.seen["spab_1"]
    found = Distiller(lesson, student, teacher)(lr, sr, {"spab_1": own})
    expected = 2.0 * (sr - taught_sr).abs().mean() + (affinity(own) - affinity(other)).abs().mean()
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_affinity_is_the_cosine_between_places() -> None:
    feature = torch.randn(2, 3, 4, 5)
    found = affinity(feature)
    one, other = feature[1, :, 0, 2], feature[1, :, 3, 4]
    assert found.shape == (2, 20, 20)
    assert found[1, 2, 19].item() == pytest.approx(torch.cosine_similarity(one, other, dim=0).item(), abs=1e-6)


def test_a_place_without_a_feature_does_not_blow_up_the_gradient() -> None:
    student, teacher = torch.rand(1, 4, 4, 4), torch.rand(1, 9, 4, 4)
    student[:, :, 0, 0] = 0.0
    distance(FeatureDistillation(layers=("x",)), student.requires_grad_(), teacher).backward()  # type: ignore[no-untyped-call]
    assert student.grad is not None
    assert student.grad.abs().max() < 1e3


def test_affinity_compares_features_of_other_widths_and_spares_large_ones() -> None:
    features = FeatureDistillation(layers=("x",), weight=2.0)
    narrow, wide = torch.rand(1, 4, 6, 6), torch.rand(1, 9, 6, 6)
    expected = 2.0 * (affinity(narrow) - affinity(wide)).abs().mean()
    assert distance(features, narrow, wide).item() == pytest.approx(expected.item())
    assert affinity(torch.rand(1, 2, 80, 40)).shape == (1, 1024, 1024)
    with pytest.raises(RecipeError, match=r"\(1, 4, 6, 6\) with a teacher's of \(1, 9, 6, 6\)"):
        distance(FeatureDistillation(layers=("x",), kind="l1"), narrow, wide)


def test_hooks_stay_on_no_copy(photographs: ImageSet) -> None:
    trainer = Trainer(started(spabs()), taught(FEATURES), photographs, teachers={"big": started(spabs())})
    trainer.run()
    assert not any(module._forward_hooks for module in trainer.trained().modules())


@pytest.mark.parametrize(
    ("lesson", "sentence"),
    [
        ({"teacher": "big", "features": {"layers": ["spab_9"]}}, "no layer 'spab_9'"),
        ({"teacher": "big", "features": {"layers": ["spab_1"], "of_teacher": ["spab_*"]}}, "pairs 1 layers of the"),
    ],
)
def test_layers_that_do_not_pair_up_are_refused(
    lesson: dict[str, object], sentence: str, photographs: ImageSet
) -> None:
    with pytest.raises(RecipeError, match=sentence):
        Trainer(started(spabs()), taught(lesson), photographs, teachers={"big": started(spabs())})


DEEPER = {"after": "spab_2", "blocks": 2, "distil": {"l1": 1.0}}


def test_a_deeper_network_on_the_same_backbone_teaches_and_is_dropped(
    photographs: ImageSet, untaught: list[Tensor]
) -> None:
    trainer = Trainer(started(spabs()), recipe(stage(steps=2, extra=DEEPER)), photographs)
    trainer.run()
    assert any(not torch.equal(a, b) for a, b in zip(weights(trainer), untaught, strict=True))
    assert trainer.trained().state_dict().keys() == started(spabs()).state_dict().keys()


def test_each_part_of_the_self_distillation_counts(photographs: ImageSet) -> None:
    network = started(spabs())
    lr, hr = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 32, 32)
    chosen = recipe(stage(extra=DEEPER)).stages[0]
    deeper = DeeperNetwork(network, ExtraBlocks(after="spab_2", blocks=2, distil=Loss(l1=1.0)))
    shallow = network(lr)
    with deeper.on(network):
        deep = network(lr)
    expected = (deep - hr).abs().mean() + (shallow - deep).abs().mean()
    assert not torch.equal(deep, shallow)
    assert deeper.loss(network, chosen, lr, shallow, hr).item() == pytest.approx(expected.item(), rel=1e-5)


def test_extra_blocks_go_one_by_one_and_the_rest_go_on(photographs: ImageSet) -> None:
    stages = [stage(steps=2, extra={**DEEPER, "blocks": blocks}) for blocks in (3, 2)]
    trainer = Trainer(started(spabs()), recipe(*stages, stage(steps=2)), photographs)
    trainer.run(2)
    first = trainer._course.stage.deeper
    assert first is not None
    kept = copy.deepcopy(first.blocks[:2].state_dict())
    trainer.run(3)
    second = trainer._course.stage.deeper
    assert second is not None
    assert len(second.blocks) == 2
    assert [id(block) for block in second.blocks] == [id(block) for block in first.blocks[:2]]
    assert any(not torch.equal(value, kept[name]) for name, value in second.blocks.state_dict().items())
    trainer.run()
    assert trainer._course.stage.deeper is None


@pytest.mark.parametrize(("after", "sentence"), [("spab_*", "follow one layer"), ("conv_1", "does not return")])
def test_extra_blocks_need_one_layer_of_equal_shapes(after: str, sentence: str, photographs: ImageSet) -> None:
    chosen = recipe(stage(extra={**DEEPER, "after": after}))
    with pytest.raises(RecipeError, match=sentence):
        Trainer(started(spabs()), chosen, photographs).run(1)


LORA = {"op": "conv", "train": {"op": "lora", "rank": 2}}


def _changed(before: Network, after: nn.Module) -> set[str]:
    state = after.state_dict()
    return {name for name, value in before.state_dict().items() if not torch.equal(value, state[name])}


def test_a_low_rank_stage_leaves_its_base_alone_and_the_base_stage_the_factors(photographs: ImageSet) -> None:
    architecture = spabs(LORA)
    before = started(architecture)
    factors = {name for name, _ in before.named_parameters() if name.rpartition(".")[2] in ("up", "down")}
    trainer = Trainer(copy.deepcopy(before), recipe(stage(steps=3, trains="lora"), stage(trains="base")), photographs)
    trainer.run(3)
    assert _changed(before, trainer.network) == factors
    middle = started(architecture)
    middle.load_state_dict(trainer.network.state_dict())
    trainer.run()
    changed = _changed(middle, trainer.network)
    assert not changed & factors
    assert changed == {name for name, _ in before.named_parameters()} - factors


def test_a_stage_trains_the_parameters_it_names(photographs: ImageSet) -> None:
    before = started(spabs())
    trainer = Trainer(copy.deepcopy(before), recipe(stage(steps=2, trains=["conv_2.*"])), photographs)
    trainer.run()
    assert {name.split(".")[0] for name in _changed(before, trainer.network)} == {"conv_2"}


def test_what_a_stage_trains_has_to_be_there(photographs: ImageSet) -> None:
    with pytest.raises(RecipeError, match="training form lora"):
        Trainer(started(spabs()), recipe(stage(trains="lora")), photographs)
    with pytest.raises(RecipeError, match=r"no parameter 'conv_9\.\*'"):
        Trainer(started(spabs()), recipe(stage(trains=["conv_9.*"])), photographs)


def _with_teacher(**fields: object) -> Recipe:
    document = {"name": "t", "rungs": [2], "stages": [stage(steps=2, distil=[OUTPUT])], "teachers": {"big": fields}}
    return load_recipe(document)


def test_a_teacher_comes_from_a_file(photographs: ImageSet, tmp_path: Path) -> None:
    student, file = spabs(), tmp_path / "big.safetensors"
    save_file(networks.build(student).state_dict(), file)
    found = School(tmp_path, photographs).teachers(_with_teacher(architecture="self", weights=str(file)), student)
    given = School(tmp_path, photographs, given={"big": file}).teachers(_with_teacher(architecture="self"), student)
    for name, value in found["big"].state_dict().items():
        assert torch.equal(value, given["big"].state_dict()[name])


def test_a_teacher_is_trained_first_and_once(
    photographs: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teachers, "load_recipe", lambda name: recipe(stage(steps=2)))
    heard: list[tuple[str, int]] = []

    def tell(name: str, result: TrainResult) -> None:
        heard.append((name, result.step))

    school = School(tmp_path, photographs, tell=tell)
    wanted, student = _with_teacher(architecture=spabs().to_dict(), recipe="demo", seed=3), spabs()
    first = school.teachers(wanted, student)["big"]
    count = len(heard)
    second = school.teachers(wanted, student)["big"]
    assert heard[-1] == ("big", 2)
    assert len(heard) == count
    assert all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())
    assert [file.suffix for file in tmp_path.iterdir()] == [".safetensors"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"architecture": "self"}, "give them with --teacher big=FILE"),
        (
            {"architecture": {"language": 1, "scale": 2, "network": {"tail": {"op": "pixelshuffle", "kernel": 3}}}},
            "2 times",
        ),
    ],
)
def test_a_teacher_that_cannot_teach_is_refused(
    fields: dict[str, object], sentence: str, photographs: ImageSet, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=sentence):
        School(tmp_path, photographs).teachers(_with_teacher(**fields), spabs())


def test_a_given_teacher_has_to_be_wanted(photographs: ImageSet, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no teacher 'else'; it names: big"):
        School(tmp_path, photographs, given={"else": tmp_path}).teachers(_with_teacher(architecture="self"), spabs())


def test_another_teacher_is_another_training(photographs: ImageSet, tmp_path: Path) -> None:
    path, chosen = tmp_path / "checkpoint.pt", taught(OUTPUT)
    Trainer(started(spabs()), chosen, photographs, teachers={"big": started(spabs(), 5)}, checkpoint=path).run(1)
    with pytest.raises(RecipeError, match="another training"):
        Trainer(started(spabs()), chosen, photographs, teachers={"big": started(spabs(), 6)}, checkpoint=path)
