"""Whoever measures on a device gets a turn between any two pieces of a training's work, and nothing is done beside."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas import networks
from nas.evaluate.latency import lease
from nas.evaluate.quality import metrics_tiles, teachers, training
from nas.evaluate.quality.batches import CropSource
from nas.evaluate.quality.data import ImageSet, Pairs, load
from nas.evaluate.quality.metrics import bicubic_psnr_db, bicubic_quality, evaluate
from nas.evaluate.quality.progress import Lease
from nas.evaluate.quality.recipes import Recipe, load_recipe
from nas.evaluate.quality.results import psnr_db
from nas.evaluate.quality.teachers import School
from nas.evaluate.quality.training import Trainer
from nas.evaluate.quality.turns import Turns
from nas.language import Architecture
from nas.networks import Network
from tests.unit.evaluate.quality.samples import (
    Book,
    OnlyWhileHeld,
    SmallNetwork,
    recipe,
    same,
    small_network,
    spabs,
    stage,
    started,
    weights,
)

CPU = torch.device("cpu")
LIMIT_S = 60.0
PRUNE = [{"layer": "conv_1", "keep": 6}]
TAUGHT = [{"teacher": "big", "output": {"l1": 1.0}, "features": {"layers": ["spab_*"]}}]


@contextmanager
def watched(book: Book) -> Iterator[None]:
    """Note the shape of what goes through a network."""

    def note(module: nn.Module, inputs: tuple[Tensor, ...], _: Any) -> None:
        if isinstance(module, Network | SmallNetwork):
            book.holds[-1].append(tuple(inputs[0].shape))

    hook = nn.modules.module.register_module_forward_hook(note)
    try:
        yield
    finally:
        hook.remove()


def lessons() -> Recipe:
    document = {"architecture": spabs().to_dict(), "recipe": "demo", "seed": 3}
    taught = stage(steps=3, distil=TAUGHT, ema=0.9)
    return load_recipe({"name": "t", "rungs": [3], "stages": [taught], "teachers": {"big": document}})


def spab_network() -> nn.Module:
    return started(spabs())


def convolutions() -> nn.Module:
    network = {"width": 8, "head": "conv", "body": ["conv"], "tail": {"op": "pixelshuffle", "kernel": 3}}
    return started(Architecture({"language": 1, "scale": 4, "network": network}))


BLOCK = {"after": "spab_2", "blocks": 1, "distil": {"l1": 1.0}}
SWA = {"begin": 0.0}
COURSES: dict[str, tuple[Callable[[], nn.Module], Callable[[], Recipe]]] = {
    "plain": (spab_network, lambda: recipe(stage(steps=3))),
    "taught": (spab_network, lessons),
    "best of an average": (spab_network, lambda: recipe(stage(steps=4, ema=0.9, best_every=2), stage(steps=2))),
    "statistics anew": (
        small_network,
        lambda: recipe(stage(steps=2, average=SWA, best_every=2), stage(steps=2, average=SWA)),
    ),
    "soup": (small_network, lambda: recipe(stage(steps=2), stage(steps=2, start=[0], patch=9), soup=[0, 1])),
    "deeper": (spab_network, lambda: recipe(stage(steps=2, extra=BLOCK, augment={"colours": True, "mixup": 0.4}))),
    "pruned": (convolutions, lambda: recipe(stage(steps=1), stage(steps=2, prune=PRUNE))),
}


def gone_through(course: str, data: ImageSet, folder: Path, held: Lease | None) -> tuple[Trainer, list[float]]:
    """Everything that a training does: teachers, a stop, looks, merging, and judging both forms."""
    turns, (made, wanted) = Turns(CPU, held), COURSES[course]
    looks = [bicubic(data, turns)]
    for until in (1, None):
        with turns.taken():
            network = made()
        big = School(folder, data, lease=held).teachers(wanted(), spabs())
        trainer = Trainer(network, wanted(), data, teachers=big, lease=held, checkpoint=folder / "checkpoint.pt")
        trainer.run(until)
        looks.append(trainer.psnr_db())
    trained = trainer.trained()
    with turns.taken():
        merged = networks.deploy(trained) if isinstance(trained, Network) else trained
        looks.append(evaluate(merged, data, point=turns.point).psnr_db)
        looks.append(psnr_db(trained, data, CPU, turns.point))
    return trainer, looks


def bicubic(data: ImageSet, turns: Turns) -> float:
    with turns.taken():
        return bicubic_psnr_db(data, point=turns.point)


@pytest.fixture
def _short_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teachers, "load_recipe", lambda name: recipe(stage(steps=2)))


@pytest.mark.usefixtures("_short_teacher")
@pytest.mark.parametrize("course", COURSES)
def test_nothing_is_computed_while_the_device_is_not_held(course: str, photographs: ImageSet, tmp_path: Path) -> None:
    book, judges = Book(), {(1, 3, *pair.lr.shape[:2]) for pair in photographs.validation}
    with OnlyWhileHeld(book) as ran, watched(book):
        trainer, looks = gone_through(course, photographs, tmp_path / "leased", book)
    assert "aten.convolution_backward.default" in ran.seen
    judged = [[shape for shape in hold if shape in judges] for hold in book.holds]
    assert {shape for hold in judged for shape in hold} == judges
    assert max(map(len, judged)) == 1, "one hold covers more than one validation image"

    alone, expected = gone_through(course, photographs, tmp_path / "alone", None)
    assert looks == expected
    assert same(weights(trainer), weights(alone))


class Leased:
    """A device's true lease."""

    def shared(self) -> AbstractContextManager[object]:
        return lease.shared("CPU-turns")


@pytest.mark.usefixtures("_short_teacher")
@pytest.mark.parametrize("course", ["taught", "statistics anew", "best of an average"])
def test_a_measurer_always_gets_his_turn_and_nobody_waits_for_himself(
    course: str, photographs: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measurers stand at the turnstile all the time: work that asked twice for the device would wait for ever."""
    monkeypatch.setenv(lease.FOLDER_VARIABLE, str(tmp_path / "leases"))
    looks: list[float] = []
    measured: list[None] = []
    trained = threading.Event()

    def train() -> None:
        torch.set_num_threads(1)
        looks.extend(gone_through(course, photographs, tmp_path / "out", Leased())[1])
        trained.set()

    def measure() -> None:
        while not trained.is_set():
            with lease.exclusive("CPU-turns"):
                measured.append(None)

    for work in (train, measure):  # both would hang
        threading.Thread(target=work, daemon=True).start()
    assert trained.wait(LIMIT_S), f"the training stands still after {len(measured)} measurements"
    assert len(measured) > 10
    assert all(isinstance(one, float) for one in looks)


def test_a_device_is_never_asked_for_twice() -> None:
    turns = Turns(CPU, Leased())
    with turns.taken(), pytest.raises(RuntimeError, match="holds it"), Turns(CPU).taken():
        pass
    with pytest.raises(RuntimeError, match="does not hold it"):
        turns.point()
    with turns.taken():
        turns.point()


def test_photographs_are_not_decoded_by_whoever_holds_the_device() -> None:
    """Their threads would wait for a measurer, who waits for the holder, who waits for the threads."""
    turns = Turns(CPU)
    with turns.taken(), pytest.raises(RuntimeError, match="holds it"):
        load("embedded", turns=turns)


def test_a_failure_gives_the_device_back() -> None:
    book = Book()
    with pytest.raises(ValueError, match="broken"), Turns(CPU, book).taken():
        raise ValueError("broken")
    assert not book.held
    with Turns(CPU, book).taken():
        assert book.held


def test_a_device_is_given_back_between_photographs_tiles_and_figures(photographs: ImageSet) -> None:
    points: list[None] = []

    def passed(work: Callable[[Callable[[], None]], object]) -> int:
        points.clear()
        work(lambda: points.append(None))
        return len(points)

    network = started(spabs()).eval()
    lr = torch.rand(1, 3, 100, 60)
    fresh = Pairs(photographs.train)
    assert passed(lambda point: CropSource(fresh, 8, CPU, resident=True, point=point)) == 2 * len(fresh)
    assert passed(lambda point: bicubic_quality(photographs, point=point)) == 2 * len(photographs.validation)
    assert passed(lambda point: evaluate(network, photographs, point=point)) == 3 * len(photographs.validation)
    tiling = metrics_tiles.Tiling(48, 48, exact=True)
    assert passed(lambda point: metrics_tiles.restore(network, lr, tiling=tiling, point=point)) == 6


def test_a_slower_stage_does_not_begin_with_the_long_chunks_of_a_quick_one(
    photographs: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "CHUNK_SECONDS", 3600.0)
    seen: list[int] = []
    trainer = Trainer(
        small_network(),
        recipe(stage(steps=21, batch=1), stage(steps=5)),
        photographs,
        progress=lambda result: seen.append(result.step),
    )
    trainer.run()
    assert seen[-3:] == [21, 22, 26]


def test_a_chunk_ends_when_its_time_is_over(photographs: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    trainer = Trainer(
        small_network(), recipe(stage(steps=6)), photographs, progress=lambda result: seen.append(result.step)
    )
    monkeypatch.setattr(training, "CHUNK_SECONDS", 0.0)
    trainer._chunk_steps = 100  # steps were quick until now
    trainer.run()
    assert seen == [1, 2, 3, 4, 5, 6]


def test_work_in_flight_on_a_gpu_is_over_before_it_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    book, waited = Book(), []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: waited.append((device, book.held)))
    turns = Turns("cuda:0", book)
    with turns.taken():
        turns.point()
    assert waited == [("cuda:0", True)] * 2
