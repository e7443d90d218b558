import copy
import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from nas.errors import BuildError, DataError, RecipeError
from nas.evaluate.quality import training
from nas.evaluate.quality.data import ImageSet, load
from nas.evaluate.quality.metrics import evaluate
from nas.evaluate.quality.training import Trainer, TrainResult
from tests.unit.evaluate.quality.samples import SmallNetwork, recipe, small_network, spabs, stage, started

TWO_STAGES = recipe(
    stage(ema=0.9, schedule={"kind": "one_cycle"}),
    stage(steps=8, patch=10, loss={"l2": 1.0}, optimizer={"kind": "adamw", "lr": 1e-3}, grad_clip=1.0, ema=0.8),
)


def _weights(trainer: Trainer) -> list[Tensor]:
    return list(trainer.network.state_dict().values()) + list(trainer.trained().state_dict().values())


def _same(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.fixture(scope="module")
def undisturbed(photographs: ImageSet) -> list[Tensor]:
    torch.set_num_threads(1)
    trainer = Trainer(small_network(), TWO_STAGES, photographs, seed=4)
    assert trainer.run().step == 20
    return _weights(trainer)


@pytest.mark.parametrize("stop", [1, 5, 11, 12, 13, 19, 20])
def test_a_resumed_training_ends_with_the_same_bits(
    stop: int, photographs: ImageSet, undisturbed: list[Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "run" / "checkpoint.pt"
    Trainer(small_network(), TWO_STAGES, photographs, seed=4, checkpoint=path).run(stop)
    resumed = Trainer(small_network(seed=9), TWO_STAGES, photographs, seed=4, checkpoint=path)
    assert resumed.step == stop
    assert resumed.run().step == 20
    assert _same(_weights(resumed), undisturbed)
    assert [file.name for file in path.parent.iterdir()] == ["checkpoint.pt"]


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from nas.evaluate.quality import training
from nas.evaluate.quality.data import load
from tests.unit.evaluate.quality.samples import small_network
from tests.unit.evaluate.quality.test_training import TWO_STAGES

torch.set_num_threads(1)
training.CHECKPOINT_SECONDS, training.CHUNK_SECONDS = 0.0, 0.0
def die(result):
    if result.step == 14:
        os.kill(os.getpid(), signal.SIGKILL)
path = Path(sys.argv[1])
training.Trainer(small_network(), TWO_STAGES, load("embedded"), seed=4, checkpoint=path, progress=die).run()
"""


def test_a_killed_training_goes_on_to_the_same_bits(
    photographs: ImageSet, undisturbed: list[Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.pt"
    root = Path(__file__).parents[4]
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=root, check=False)
    assert killed.returncode == -9
    resumed = Trainer(small_network(seed=9), TWO_STAGES, photographs, seed=4, checkpoint=path)
    assert resumed.step == 13
    resumed.run()
    assert _same(_weights(resumed), undisturbed)


@pytest.mark.parametrize("chunk_seconds", [0.0, 60.0])
def test_the_length_of_chunks_changes_nothing(
    chunk_seconds: float, photographs: ImageSet, undisturbed: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "CHUNK_SECONDS", chunk_seconds)
    trainer = Trainer(small_network(), TWO_STAGES, photographs, seed=4)
    trainer.run()
    assert _same(_weights(trainer), undisturbed)


def test_another_seed_sees_other_crops(photographs: ImageSet, undisturbed: list[Tensor]) -> None:
    trainer = Trainer(small_network(), TWO_STAGES, photographs, seed=5)
    trainer.run()
    assert not _same(_weights(trainer), undisturbed)


QUICK = stage(steps=200, patch=12, ema=0.9, optimizer={"kind": "adam", "lr": 1e-2})


def test_training_improves_the_network(photographs: ImageSet) -> None:
    network = small_network()
    before = evaluate(network, photographs).psnr_db
    trainer = Trainer(network, recipe(QUICK), photographs)
    trainer.run()
    assert evaluate(trainer.trained(), photographs).psnr_db > before + 0.4


class CountingLease:
    def __init__(self) -> None:
        self.taken = 0
        self.held = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        self.taken += 1
        self.held = True
        yield
        self.held = False


def test_the_lease_is_held_in_chunks_and_given_back_between(
    photographs: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "CHUNK_SECONDS", 0.0)
    lease, seen = CountingLease(), []

    class Watching(SmallNetwork):
        def forward(self, x: Tensor) -> Tensor:
            assert lease.held
            return super().forward(x)

    def progress(result: TrainResult) -> None:
        assert not lease.held
        seen.append(result.step)

    Trainer(Watching(), recipe(stage(steps=5)), photographs, lease=lease, progress=progress).run()
    assert lease.taken == 1 + 5  # to begin, and for each chunk
    assert seen == [1, 2, 3, 4, 5]


def test_chunks_grow_to_the_time_between_lease_points(photographs: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "CHUNK_SECONDS", 3600.0)
    lease = CountingLease()
    Trainer(small_network(), recipe(stage(steps=85, batch=1)), photographs, lease=lease).run()
    assert lease.taken == 1 + 4  # to begin, and for 1, 4, 16 and 64 steps


class Reads(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what makes the host wait for the device."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += "_local_scalar_dense" in str(func)
        return func(*args, **(kwargs or {}))


def test_no_step_reads_anything_back(photographs: ImageSet) -> None:
    trainer = Trainer(small_network(), TWO_STAGES, photographs)
    with Reads() as reads:
        trainer._course.steps(5)
    assert reads.count == 0


class Breaking(SmallNetwork):
    """Returns NaN from its eighth batch on."""

    def __init__(self) -> None:
        super().__init__()
        self.batches = 0

    def forward(self, x: Tensor) -> Tensor:
        self.batches += self.training
        return super().forward(x) * (math.nan if self.batches >= 8 else 1.0)


def test_nan_is_reported_and_the_last_good_checkpoint_kept(
    photographs: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "CHUNK_SECONDS", 0.0)
    path = tmp_path / "checkpoint.pt"
    trainer = Trainer(Breaking(), recipe(), photographs, checkpoint=path)
    assert not trainer.run(5).diverged
    result = trainer.run()
    assert result.diverged
    assert result.step == 7
    assert trainer.run().diverged
    kept = Trainer(SmallNetwork(), recipe(), photographs, checkpoint=path)
    assert kept.step == 5
    assert all(torch.isfinite(value).all() for value in kept.network.state_dict().values())


def test_a_loss_that_climbs_away_is_a_divergence(photographs: ImageSet) -> None:
    rising = stage(
        steps=400, optimizer={"kind": "adam", "lr": 100.0}, schedule={"kind": "cosine", "warm_up_steps": 350}
    )
    result = Trainer(small_network(), recipe(rising), photographs).run()
    assert result.diverged
    assert result.step < 400


def test_the_average_follows_the_weights_by_the_decay(photographs: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "CHUNK_SECONDS", 0.0)
    network = small_network()
    expected = network.head.weight.detach().clone()
    states: list[Tensor] = []
    trainer = Trainer(
        network,
        recipe(stage(ema=0.5)),
        photographs,
        progress=lambda result: states.append(network.head.weight.detach().clone()),
    )
    trainer.run()
    for step, weight in enumerate(states):
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weight
    averaged = trainer.trained().get_parameter("head.weight")
    assert torch.allclose(averaged, expected, atol=1e-7)
    assert not torch.allclose(averaged, network.head.weight, atol=1e-5)


def test_a_stage_starts_from_the_average_of_the_one_before(photographs: ImageSet) -> None:
    still = stage(steps=1, optimizer={"kind": "adam", "lr": 1e-30})
    trainer = Trainer(small_network(), recipe(stage(ema=0.9), still), photographs)
    trainer.run(12)
    averaged = trainer.trained().get_parameter("head.weight")
    assert not torch.equal(averaged, trainer.network.get_parameter("head.weight"))
    trainer.run()
    assert torch.equal(averaged, trainer.network.get_parameter("head.weight"))


def _moved(photographs: ImageSet, **changes: object) -> Tensor:
    network = small_network()
    start = copy.deepcopy(network)
    Trainer(network, recipe(stage(steps=3, **changes)), photographs).run()
    pairs = zip(network.parameters(), start.parameters(), strict=True)
    return torch.cat([(after - before).detach().flatten() for after, before in pairs])


@pytest.mark.parametrize(
    "change",
    [
        {"loss": {"l2": 1.0}},
        {"loss": {"charbonnier": 1.0}},
        {"loss": {"l1": 1.0, "l2": 5.0}},
        {"optimizer": {"kind": "adamw", "lr": 2e-3, "weight_decay": 0.5}},
        {"optimizer": {"kind": "adam", "lr": 2e-3, "betas": [0.5, 0.9]}},
        {"schedule": {"kind": "cosine"}},
        {"precision": "bf16"},
        {"patch": 9},
        {"batch": 3},
    ],
)
def test_every_field_of_a_stage_reaches_the_training(change: dict[str, object], photographs: ImageSet) -> None:
    assert not torch.equal(_moved(photographs, **change), _moved(photographs))


def test_the_gradient_is_clipped(photographs: ImageSet) -> None:
    assert _moved(photographs, grad_clip=1e-12).abs().max() < 0.01 * _moved(photographs).abs().max()


def test_the_result_counts_steps_and_patches(photographs: ImageSet) -> None:
    trainer = Trainer(small_network(), recipe(), photographs)
    first = trainer.run(5)
    assert (first.step, first.diverged) == (5, False)
    assert first.patches_per_second == pytest.approx(5 * 4 / first.seconds)
    assert 0 < first.loss < 1
    again = trainer.run(0)
    assert again.step == 5
    assert again.seconds == 0.0


def test_the_network_keeps_its_training_form_and_the_result_is_a_copy(photographs: ImageSet) -> None:
    trainer = Trainer(small_network(), recipe(), photographs)
    trainer.run(2)
    trained = trainer.trained()
    assert not trained.training
    trainer.run(4)
    assert not torch.equal(trained.get_parameter("head.weight"), trainer.network.get_parameter("head.weight"))


def test_a_checkpoint_of_another_training_is_refused(photographs: ImageSet, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    Trainer(small_network(), recipe(), photographs, seed=1, checkpoint=path).run(1)
    with pytest.raises(RecipeError, match="belongs to another training"):
        Trainer(small_network(), recipe(), photographs, seed=2, checkpoint=path)
    with pytest.raises(RecipeError, match="belongs to another training"):
        Trainer(small_network(), recipe(stage(batch=5)), photographs, seed=1, checkpoint=path)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut short"])
def test_a_file_that_is_no_checkpoint_is_refused(content: bytes, photographs: ImageSet, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match="is no checkpoint"):
        Trainer(small_network(), recipe(), photographs, checkpoint=path)


def test_a_checkpoint_of_another_network_is_refused(photographs: ImageSet, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    Trainer(small_network(), recipe(), photographs, checkpoint=path).run(1)
    with pytest.raises(RecipeError, match="another network"):
        Trainer(SmallNetwork(width=9), recipe(), photographs, checkpoint=path)


def test_a_checkpoint_of_a_network_with_weights_of_the_same_shapes_is_refused(
    photographs: ImageSet, tmp_path: Path
) -> None:
    path, (silu, gelu) = tmp_path / "checkpoint.pt", (spabs(activation=name) for name in ("silu", "gelu"))
    Trainer(started(silu), recipe(), photographs, checkpoint=path).run(1)
    assert Trainer(started(silu), recipe(), photographs, checkpoint=path).step == 1
    with pytest.raises(RecipeError, match="another network"):
        Trainer(started(gelu), recipe(), photographs, checkpoint=path)


def test_a_network_of_another_scale_is_refused(photographs: ImageSet) -> None:
    with pytest.raises(BuildError, match="scale"):
        Trainer(SmallNetwork(scale=2), recipe(), photographs).run()


def test_a_network_without_parameters_is_refused(photographs: ImageSet) -> None:
    with pytest.raises(BuildError, match="no parameter"):
        Trainer(nn.Upsample(scale_factor=4), recipe(), photographs)


def test_a_patch_larger_than_every_photograph_is_refused(photographs: ImageSet) -> None:
    with pytest.raises(DataError, match="400x400"):
        Trainer(small_network(), recipe(stage(patch=400)), photographs)


@pytest.mark.parametrize("scale", [2, 3])
def test_other_scales_train(scale: int) -> None:
    trainer = Trainer(SmallNetwork(scale=scale), recipe(stage(steps=2)), load("embedded", scale))
    assert trainer.run().step == 2
