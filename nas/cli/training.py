"""Carrying out one training for ``nas train``: everything between the order and its record."""

import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from nas import networks
from nas.cli.monitor import Monitor
from nas.cli.output import Bar, bar, say
from nas.errors import MeasurementError
from nas.evaluate.latency import device_record, lease
from nas.evaluate.quality.data import ImageSet
from nas.evaluate.quality.files import write_whole
from nas.evaluate.quality.metrics import bicubic_psnr_db, evaluate
from nas.evaluate.quality.narrowing import document as flat
from nas.evaluate.quality.progress import TrainResult
from nas.evaluate.quality.recipes import Recipe
from nas.evaluate.quality.results import psnr_db
from nas.evaluate.quality.teachers import School
from nas.evaluate.quality.training import Trainer
from nas.evaluate.quality.turns import Turns
from nas.language import Architecture
from nas.networks import Network


@dataclass(frozen=True)
class Order:
    """What is to be trained, and how."""

    architecture: Architecture
    recipe: Recipe
    data: ImageSet
    seed: int
    device: torch.device
    steps: int
    out: Path
    teachers: Mapping[str, Path] = field(default_factory=dict)


class Turn:
    """The device, shared with measurers; whoever watches is told of a wait."""

    def __init__(self, uuid: str, shown: Bar) -> None:
        self._uuid, self._shown = uuid, shown

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold the device; waits while somebody measures."""
        with self._shown.waiting("waiting while somebody measures"):
            held: AbstractContextManager[object] = lease.shared(self._uuid)
            held.__enter__()
        try:
            yield
        finally:
            held.__exit__(None, None, None)


def carry_out(order: Order) -> dict[str, Any]:
    """Train, judge, and write weights and record to the order's folder; returns the record.

    Raises:
        MeasurementError: the training diverged.
        NasError: the order contradicts itself.
    """
    order.out.mkdir(parents=True, exist_ok=True)
    with bar("Training", total=order.steps) as shown:
        turn = Turn(device_record(str(order.device)).uuid, shown)
        turns = Turns(order.device, turn)
        with turns.taken():
            floor = bicubic_psnr_db(order.data, point=turns.point)
            turns.point()
            network = networks.build(order.architecture, form="training")
            turns.point()
            networks.start(network, order.architecture, order.seed)
        school = School(order.out, order.data, order.device, turn, order.teachers, tell=_tell(shown))
        monitor = Monitor(shown, order.out / "events", floor)
        trainer = Trainer(
            network,
            order.recipe,
            order.data,
            seed=order.seed,
            device=order.device,
            teachers=school.teachers(order.recipe, order.architecture),
            lease=turn,
            checkpoint=order.out / "checkpoint.pt",
            progress=monitor,
        )
        with monitor.watching(trainer):
            result = trainer.run(order.steps)
        if result.diverged:
            raise MeasurementError(diverged(result.step, order.out / "checkpoint.pt"))
        shown.note("judging")
        record = _record(order, trainer, result, turns) | {"bicubic_psnr_db": floor}
    for note in trainer.notes:
        say(note)
    architecture = record.pop("architecture")
    _write_json(order.out / "architecture.json", architecture)
    _write_json(order.out / "model.json", {**record, "architecture": architecture})
    return record


def diverged(step: int, checkpoint: Path) -> str:
    """What is left of a training that went wrong, which is nothing before the first checkpoint."""
    kept = f"{checkpoint} holds what was good" if checkpoint.exists() else "that was before its first checkpoint"
    return f"The training diverged after step {step}; {kept}. Lower the recipe's learning rate."


def _tell(shown: Bar) -> Any:
    def tell(name: str, result: TrainResult) -> None:
        shown.note(f"teacher {name}: step {result.step}, {result.patches_per_second:.0f} patches/s")

    return tell


def _record(order: Order, trainer: Trainer, result: TrainResult, turns: Turns) -> dict[str, Any]:
    """Judge both forms, write the weights of both, and say what was done."""
    trained = trainer.trained()
    assert isinstance(trained, Network)
    same = trained.graph.hash == order.architecture.hash
    reached = order.architecture if same else Architecture(flat(trained.graph, order.architecture.name))
    weights, training_weights = order.out / "weights.safetensors", order.out / "training.safetensors"
    with turns.taken():
        deployed = networks.deploy(trained)
        contents = {weights: _weights(deployed), training_weights: _weights(trained)}
    for path, content in contents.items():  # which waits for the disk
        write_whole(path, content)
    with turns.taken():
        quality = evaluate(deployed, order.data, order.device, point=turns.point)
        before_merging = psnr_db(trained, order.data, order.device, turns.point)
    return {
        "recipe": order.recipe.name,
        "recipe_hash": order.recipe.hash,
        "seed": order.seed,
        "hash": reached.hash,
        "deployed_hash": reached.deployed_hash,
        "data": order.data.name,
        "data_fingerprint": order.data.fingerprint,
        "device": str(order.device),
        "threads": torch.get_num_threads(),
        "steps": result.step,
        "loss": None if result.loss != result.loss else result.loss,
        "seconds": result.seconds,
        "patches_per_second": result.patches_per_second or None,
        "weights": str(weights),
        "events": str(order.out / "events"),
        "notes": trainer.notes,
        **asdict(quality),
        "training_form": {
            "psnr_db": before_merging,
            "weights": str(training_weights),
        },
        "architecture": reached.to_dict(),
    }


def _weights(network: nn.Module) -> bytes:
    return save({name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()})


def _write_json(path: Path, document: dict[str, Any]) -> None:
    write_whole(path, (json.dumps(document, indent=2) + "\n").encode())
