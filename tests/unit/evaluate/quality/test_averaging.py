"""Averages, bests and soups of weights: each is what its definition says, and outlives a stop."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from nas.evaluate.quality import course, training
from nas.evaluate.quality.data import ImageSet
from nas.evaluate.quality.recipes import Recipe
from nas.evaluate.quality.results import mean
from nas.evaluate.quality.training import Trainer
from tests.unit.evaluate.quality.samples import SmallNetwork, recipe, same, small_network, stage, weights


class Plain(SmallNetwork):
    """Without statistics of batches."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.Identity()  # type: ignore[assignment]


def plain() -> Plain:
    torch.manual_seed(0)
    return Plain()


def _followed(photographs: ImageSet, chosen: Recipe, monkeypatch: pytest.MonkeyPatch) -> tuple[Trainer, list[Tensor]]:
    """A training, and the head's weights after each step."""
    monkeypatch.setattr(training, "CHUNK_SECONDS", 0.0)
    network, seen = plain(), []
    trainer = Trainer(
        network, chosen, photographs, progress=lambda result: seen.append(network.head.weight.detach().clone())
    )
    trainer.run()
    return trainer, seen


def test_a_stage_can_end_as_the_equal_mean_of_its_weights(
    photographs: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = recipe(stage(average={"begin": 0.5, "every": 2}))
    trainer, seen = _followed(photographs, chosen, monkeypatch)
    expected = torch.stack([seen[6], seen[8], seen[10]]).mean(0)
    found = trainer.trained().get_parameter("head.weight")
    assert torch.allclose(found, expected, atol=1e-7)
    assert not torch.allclose(found, seen[-1], atol=1e-5)


def test_before_an_average_begins_the_weights_stand_for_it(photographs: ImageSet) -> None:
    trainer = Trainer(plain(), recipe(stage(average={"begin": 0.9})), photographs)
    trainer.run(4)
    assert torch.equal(trainer.trained().get_parameter("head.weight"), trainer.network.get_parameter("head.weight"))


def test_statistics_of_batches_are_taken_anew_for_averaged_weights(photographs: ImageSet) -> None:
    trainer = Trainer(small_network(), recipe(stage(average={"begin": 0.0})), photographs)
    trainer.run()
    running, fresh = trainer.network.get_submodule("norm"), trainer.trained().get_submodule("norm")
    assert fresh.get_buffer("num_batches_tracked").item() == course.STATISTICS_BATCHES
    assert not torch.equal(running.get_buffer("running_mean"), fresh.get_buffer("running_mean"))


def test_a_soup_is_the_mean_of_results_of_stages(photographs: ImageSet) -> None:
    stages = [stage(steps=2, ema=0.5), stage(steps=2, start="result"), stage(steps=2, start=[0, 1], optimizer=STILL)]
    trainer = Trainer(plain(), recipe(*stages), photographs)
    results = []
    for end in (2, 4):
        trainer.run(end)
        results.append(trainer.trained().state_dict())
    trainer.run()
    for name, value in trainer.network.state_dict().items():
        assert torch.allclose(value, (results[0][name] + results[1][name]) / 2, atol=1e-7)


STILL = {"kind": "adam", "lr": 1e-30}


def test_a_recipe_can_end_as_a_soup(photographs: ImageSet) -> None:
    trainer = Trainer(plain(), recipe(stage(steps=2), stage(steps=2), soup=[0, 1]), photographs)
    trainer.run(2)
    first = copy.deepcopy(trainer.trained().state_dict())
    trainer.run(3)
    assert torch.equal(trainer.trained().get_parameter("head.weight"), trainer.network.get_parameter("head.weight"))
    trainer.run()
    for name, value in trainer.trained().state_dict().items():
        assert torch.allclose(value, (first[name] + trainer.network.state_dict()[name]) / 2, atol=1e-7)


def test_a_soup_counts_with_the_last_one() -> None:
    norm = nn.BatchNorm2d(2).state_dict()
    counted = {**norm, "num_batches_tracked": torch.tensor(7), "weight": torch.full((2,), 3.0)}
    found = mean([norm, counted])
    assert found["num_batches_tracked"] == 7
    assert torch.equal(found["weight"], torch.full((2,), 2.0))


def test_the_next_stage_may_go_on_from_the_last_weights(photographs: ImageSet) -> None:
    trainer = Trainer(plain(), recipe(stage(ema=0.9), stage(steps=1, start="last", optimizer=STILL)), photographs)
    trainer.run(12)
    last = trainer.network.get_parameter("head.weight").detach().clone()
    trainer.run()
    assert torch.equal(trainer.network.get_parameter("head.weight"), last)


def test_the_best_weights_seen_are_the_stages_result(photographs: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = iter([21.0, 23.0, 22.0])
    monkeypatch.setattr(course, "psnr_db", lambda *_: next(seen))
    trainer = Trainer(plain(), recipe(stage(steps=6, best_every=2)), photographs)
    trainer.run(4)
    best = copy.deepcopy(trainer.network.state_dict())
    trainer.run()
    assert not torch.equal(trainer.network.get_parameter("head.weight"), best["head.weight"])
    for name, value in trainer.trained().state_dict().items():
        assert torch.equal(value, best[name])


def test_the_best_is_of_the_average_where_there_is_one(photographs: ImageSet) -> None:
    trainer = Trainer(plain(), recipe(stage(steps=4, best_every=4, ema=0.9)), photographs)
    trainer.run()
    averaged = [value.clone() for value in trainer._course.stage._average.result()]
    assert same(list(trainer.trained().parameters()), averaged)


@pytest.mark.parametrize(
    "stages",
    [
        [stage(average={"begin": 0.2, "every": 2})],
        [stage(steps=6, best_every=2, ema=0.8), stage(steps=6)],
        [stage(steps=4), stage(steps=4, extra={"after": "norm", "blocks": 2, "distil": {"l1": 1.0}}), stage(steps=4)],
        [stage(steps=4), stage(steps=4, start="last"), stage(steps=4, start=[0, 1])],
        [stage(augment={"flip": False, "colours": True, "mixup": 0.4}, precision="fp16", grad_clip=0.1)],
        [stage(optimizer={"kind": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": True})],
        [stage(optimizer={"kind": "rmsprop", "lr": 1e-3, "momentum": 0.5})],
        [stage(optimizer={"kind": "nadam", "lr": 1e-3})],
    ],
)
@pytest.mark.parametrize("stop", [5, 8])
def test_each_of_these_goes_on_to_the_same_bits(
    stages: list[dict[str, object]], stop: int, photographs: ImageSet, tmp_path: Path
) -> None:
    chosen = recipe(*stages)
    undisturbed = Trainer(small_network(), chosen, photographs, seed=4)
    undisturbed.run()
    path = tmp_path / "checkpoint.pt"
    Trainer(small_network(), chosen, photographs, seed=4, checkpoint=path).run(stop)
    resumed = Trainer(small_network(seed=9), chosen, photographs, seed=4, checkpoint=path)
    assert resumed.step == stop
    resumed.run()
    assert same(weights(resumed), weights(undisturbed))


class Drawing(SmallNetwork):
    """Draws numbers while it is trained."""

    def forward(self, x: Tensor) -> Tensor:
        drawn = torch.rand_like(x) if self.training else torch.zeros_like(x)
        return super().forward(x + 0.01 * drawn)


def test_what_layers_draw_belongs_to_the_training(photographs: ImageSet, tmp_path: Path) -> None:
    def begun(path: Path | None = None) -> Trainer:
        torch.manual_seed(0)
        return Trainer(Drawing(), recipe(), photographs, checkpoint=path)

    undisturbed = begun()
    undisturbed.run()
    stopped = begun(tmp_path / "checkpoint.pt")
    stopped.run(5)
    torch.rand(17)  # a neighbour draws, too
    before = torch.get_rng_state()
    resumed = begun(tmp_path / "checkpoint.pt")
    torch.set_rng_state(before)
    resumed.run()
    assert torch.equal(torch.get_rng_state(), before)
    assert same(weights(resumed), weights(undisturbed))
