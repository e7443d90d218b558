"""What happens within a step: augmentation, clipping, number formats, portions of a batch, capture."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nas.errors import MeasurementError
from nas.evaluate.quality.augmenting import Augmenter
from nas.evaluate.quality.batches import CropSource, draws
from nas.evaluate.quality.data import ImageSet
from nas.evaluate.quality.features import Augmentation
from nas.evaluate.quality.graphs import WARM_UP_STEPS, Replayed, why_not
from nas.evaluate.quality.memory import CPU_WORDS
from nas.evaluate.quality.stages import OPTIMIZERS, RunningStage
from nas.evaluate.quality.training import Trainer
from tests.unit.evaluate.quality.samples import SmallNetwork, recipe, same, small_network, stage, weights

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("wanted", "orientations"),
    [
        (Augmentation(), set(range(8))),
        (Augmentation(rotate=False), {0, 1, 2, 3}),
        (Augmentation(flip=False), {0, 3, 5, 6}),
        (Augmentation(flip=False, rotate=False), {0}),
    ],
)
def test_switches_leave_the_orientations_they_name(wanted: Augmentation, orientations: set[int]) -> None:
    crops = draws(0, 0, (20, 8, 4), CPU)
    drawn = Augmenter(wanted, 0, CPU).drawn(crops, 0).crops
    assert set((drawn[..., 3] % 8).flatten().tolist()) == orientations
    assert torch.equal(drawn[..., :3], crops[..., :3])


def test_turns_alone_never_mirror(photographs: ImageSet) -> None:
    source = CropSource(photographs.train, 6, CPU)
    crop = torch.tensor([[0, 5, 5, turn] for turn in (0, 3, 5, 6)])
    _, hr = source.batch(crop)
    turned = {image.rot90(times, (1, 2)).numpy().tobytes() for image in hr[:1] for times in range(4)}
    assert {image.contiguous().numpy().tobytes() for image in hr} == turned


def _changed(wanted: Augmentation, batch: int = 400) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    augmenter = Augmenter(wanted, 3, CPU)
    drawn = augmenter.drawn(draws(3, 5, (2, batch, 4), CPU), 5)
    lr = torch.rand(batch, 3, 2, 2)
    hr = lr.repeat_interleave(2, 2).repeat_interleave(2, 3)
    return lr, hr, *augmenter.changed(lr, hr, drawn, 1)


def test_colours_change_places_alike_in_both_images() -> None:
    lr, _, new_lr, new_hr = _changed(Augmentation(colours=True))
    assert torch.equal(new_lr, new_hr[:, :, ::2, ::2])
    assert torch.equal(new_lr.sort(1).values, lr.sort(1).values)
    orders = {tuple(torch.cdist(old.flatten(1), new.flatten(1)).argmin(0).tolist()) for old, new in zip(lr, new_lr)}  # noqa: B905
    assert len(orders) == 6


def test_mixup_mixes_neighbours_in_shares_of_its_distribution() -> None:
    lr, hr, new_lr, new_hr = _changed(Augmentation(mixup=0.7))
    share = float(np.random.default_rng((3, 0x4D6978, 6)).beta(0.7, 0.7))
    assert torch.allclose(new_lr, share * lr + (1 - share) * lr.roll(1, 0), atol=1e-6)
    assert torch.allclose(new_hr, share * hr + (1 - share) * hr.roll(1, 0), atol=1e-6)


def test_shares_follow_from_seed_and_step_and_not_from_the_chunk() -> None:
    augmenter = Augmenter(Augmentation(mixup=1.0, colours=True), 3, CPU)
    whole = augmenter.drawn(draws(3, 5, (4, 2, 4), CPU), 5)
    later = augmenter.drawn(draws(3, 7, (2, 2, 4), CPU), 7)
    assert whole.shares is not None
    assert whole.colours is not None
    assert later.shares is not None
    assert later.colours is not None
    assert torch.equal(whole.shares[2:], later.shares)
    assert torch.equal(whole.colours[2:], later.colours)
    assert len(set(whole.shares.tolist())) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"augment": {"flip": False}},
        {"augment": {"rotate": False}},
        {"augment": {"colours": True}},
        {"augment": {"mixup": 0.4}},
        {"grad_clip_value": 1e-4, "optimizer": {"kind": "sgd", "lr": 0.1}},
        {"precision": "fp16"},
        *({"optimizer": {"kind": kind, "lr": 2e-3}} for kind in OPTIMIZERS if kind not in ("adam", "adamw")),
        {"schedule": {"kind": "linear"}},
        {"schedule": {"kind": "cosine", "cycles": 2}},
    ],
    ids=str,
)
def test_each_option_reaches_the_training(change: dict[str, object], photographs: ImageSet) -> None:
    found = Trainer(small_network(), recipe(stage(steps=3, **change)), photographs)
    usual = Trainer(small_network(), recipe(stage(steps=3)), photographs)
    found.run()
    usual.run()
    assert not same(weights(found), weights(usual))


def test_the_options_of_an_optimizer_reach_torch() -> None:
    network = small_network()
    chosen = {"kind": "sgd", "lr": 0.5, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}
    group = RunningStage(network, recipe(stage(optimizer=chosen)).stages[0])._optimizer.param_groups[0]
    assert (group["lr"], group["momentum"], group["nesterov"], group["weight_decay"]) == (0.5, 0.9, True, 0.1)


def test_each_element_of_the_gradient_is_clipped() -> None:
    network = small_network()
    chosen = stage(grad_clip_value=1e-5, optimizer={"kind": "sgd", "lr": 1.0})
    running = RunningStage(network, recipe(chosen).stages[0])
    running.train(torch.rand(2, 3, 8, 8), torch.rand(2, 3, 32, 32), 0)
    largest = max(float(value.grad.abs().max()) for value in network.parameters() if value.grad is not None)
    assert largest == pytest.approx(1e-5)


def test_clipping_sees_gradients_without_the_scale_of_fp16() -> None:
    network = small_network()
    chosen = stage(precision="fp16", grad_clip=1e-3, optimizer={"kind": "sgd", "lr": 1.0})
    running = RunningStage(network, recipe(chosen).stages[0])
    running.train(torch.rand(2, 3, 8, 8), torch.rand(2, 3, 32, 32), 0)
    norm = torch.cat([value.grad.flatten() for value in network.parameters() if value.grad is not None]).norm()
    assert float(norm) == pytest.approx(1e-3, rel=1e-3)
    assert running.state()["scaler"]["scale"] > 1


def test_fp32_is_exact_and_tf32_is_asked_for(photographs: ImageSet) -> None:
    def during(precision: str) -> str:
        seen = []

        class Looking(SmallNetwork):
            def forward(self, x: Tensor) -> Tensor:
                backends: Any = torch.backends
                seen.append(backends.cudnn.conv.fp32_precision)
                return super().forward(x)

        Trainer(Looking(), recipe(stage(steps=1, precision=precision)), photographs).run()
        return str(seen[0])

    backends: Any = torch.backends
    before = backends.cudnn.conv.fp32_precision
    assert (during("fp32"), during("tf32")) == ("ieee", "tf32")
    assert backends.cudnn.conv.fp32_precision == before


class Hungry(SmallNetwork):
    """Has memory for so many patches."""

    def __init__(self, room: int, error: type[RuntimeError] = torch.OutOfMemoryError) -> None:
        super().__init__()
        self.norm = torch.nn.Identity()  # type: ignore[assignment]
        self.room, self.error, self.seen = room, error, list[Tensor]()

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            if len(x) > self.room:
                raise self.error(f"DefaultCPUAllocator: {CPU_WORDS}")
            self.seen.append(x.detach().clone())
        return super().forward(x)


def _hungry(room: int, error: type[RuntimeError] = torch.OutOfMemoryError) -> Hungry:
    torch.manual_seed(0)
    return Hungry(room, error)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError])
def test_out_of_memory_halves_the_batch_and_says_so(error: type[RuntimeError], photographs: ImageSet) -> None:
    chosen = recipe(stage(steps=3, batch=5, optimizer={"kind": "sgd", "lr": 0.1}))
    plenty, little = _hungry(5), _hungry(2, error)
    whole, halved = Trainer(plenty, chosen, photographs), Trainer(little, chosen, photographs)
    whole_result, halved_result = whole.run(), halved.run()

    assert [len(batch) for batch in little.seen[:4]] == [2, 1, 1, 1]
    assert torch.equal(torch.cat(little.seen), torch.cat(plenty.seen))
    for one, other in zip(weights(whole), weights(halved), strict=True):
        assert torch.allclose(one, other, atol=1e-6)
    assert halved_result.loss == pytest.approx(whole_result.loss, rel=1e-5)
    assert "added up from 4 portions" in halved.notes[-1]


def test_a_resumed_training_keeps_its_portions(photographs: ImageSet, tmp_path: Any) -> None:
    chosen, path = recipe(stage(steps=4)), tmp_path / "checkpoint.pt"
    undisturbed = Trainer(_hungry(1), chosen, photographs)
    undisturbed.run()
    Trainer(_hungry(1), chosen, photographs, checkpoint=path).run(2)
    resumed = Trainer(_hungry(9), chosen, photographs, checkpoint=path)
    resumed.run()
    assert not resumed.notes
    assert same(weights(resumed), weights(undisturbed))


def test_a_device_too_small_for_one_patch_is_one_sentence(photographs: ImageSet) -> None:
    with pytest.raises(MeasurementError, match="Not even one patch of 8x8 LR pixels"):
        Trainer(_hungry(0), recipe(), photographs).run()


def test_other_errors_are_not_taken_for_a_full_memory(photographs: ImageSet) -> None:
    class Broken(SmallNetwork):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        Trainer(Broken(), recipe(), photographs).run()


def test_only_cuda_steps_are_captured() -> None:
    cuda, chosen = torch.device("cuda"), recipe(stage()).stages[0]
    assert why_not(chosen, cuda) is None
    assert why_not(chosen, CPU) == "the device is cpu"
    assert "sgd" in str(why_not(recipe(stage(optimizer={"kind": "sgd", "lr": 0.1})).stages[0], cuda))
    assert "fp16" in str(why_not(recipe(stage(precision="fp16")).stages[0], cuda))


def _rehearsed(run: Callable[[], Tensor]) -> tuple[Callable[[], object], Tensor]:
    """Like a capture: runs nothing now, and replays on the tensors that were there, into the one loss."""
    loss = torch.zeros(())
    return lambda: loss.copy_(run()), loss


def test_replayed_steps_train_as_those_that_are_not() -> None:
    chosen = recipe(stage(ema=0.9, grad_clip=0.5)).stages[0]
    eager, replayed = small_network(), small_network()
    one, other = RunningStage(eager, chosen), RunningStage(replayed, chosen)
    other._replayed = Replayed(other._update, pytest.fail, _rehearsed)
    torch.manual_seed(1)
    for step in range(WARM_UP_STEPS + 4):
        lr, hr = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 32, 32)
        assert torch.equal(one.train(lr, hr, step), other.train(lr.clone(), hr.clone(), step))
    assert same(list(eager.state_dict().values()), list(replayed.state_dict().values()))


def test_losses_of_replays_are_their_own() -> None:
    replayed = Replayed(lambda lr, hr: lr.sum() + hr.sum(), pytest.fail, _rehearsed)
    losses = [replayed(torch.full((1,), float(step)), torch.zeros(1)) for step in range(WARM_UP_STEPS + 3)]
    assert [float(loss) for loss in losses] == [float(step) for step in range(WARM_UP_STEPS + 3)]


def test_a_capture_that_fails_is_told_once_and_training_goes_on() -> None:
    def failing(run: Callable[[], Tensor]) -> tuple[Callable[[], object], Tensor]:
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    notes: list[str] = []
    replayed = Replayed(lambda lr, hr: lr.sum(), notes.append, failing)
    losses = [float(replayed(torch.ones(1) * step, torch.zeros(1))) for step in range(WARM_UP_STEPS + 3)]
    assert losses == [float(step) for step in range(WARM_UP_STEPS + 3)]
    assert len(notes) == 1
    assert "(operation not permitted when stream is capturing)" in notes[0]
