"""The trainer: chunks of steps between lease points, checkpoints, and losses read once for each chunk."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nas.evaluate.quality import checkpoints
from nas.evaluate.quality.course import Course, Setting
from nas.evaluate.quality.data import ImageSet
from nas.evaluate.quality.divergence import DivergenceWatch
from nas.evaluate.quality.files import write_whole
from nas.evaluate.quality.progress import Lease, Progress, TrainResult
from nas.evaluate.quality.recipes import Recipe
from nas.evaluate.quality.results import digest, psnr_db
from nas.evaluate.quality.turns import Turns

__all__ = ["Lease", "Progress", "TrainResult", "Trainer"]

CHUNK_SECONDS = 1.0
"""Aim for the time between two lease points; the promise to a measurer who waits is 2 s."""

CHECKPOINT_SECONDS = 20.0

logger = logging.getLogger(__name__)


class Trainer:
    """Trains a network as ``recipe`` says; stopped and resumed anywhere, the weights come out the same.

    On the CPU they agree bit for bit, given the same number of threads.

    Args:
        network: (B, 3, h, w) in [0, 1] -> (B, 3, scale * h, scale * w), in its training form; trained in place, but a
            stage that prunes goes on with a narrower copy.
        recipe: Stages to go through.
        data: Photographs; their scale is the network's.
        seed: Decides every crop, flip and rotation, and what layers draw.
        device: Where to train; the network is moved there.
        teachers: Networks that the recipe names, in their deployed form.
        lease: Taken for each piece of work on the device and given back between; None where nobody measures. No method
            may be called by whoever holds it.
        checkpoint: File to resume from where it exists, and to write; None keeps nothing.
        progress: Called after every chunk.

    Raises:
        RecipeError: the checkpoint belongs to another training or network, or the recipe does not fit the network.
        DataError: no photograph is as large as the first stage's patch.
        BuildError: the network has nothing to train, or another scale than the data.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        data: ImageSet,
        *,
        seed: int = 0,
        device: str | torch.device = "cpu",
        teachers: Mapping[str, nn.Module] | None = None,
        lease: Lease | None = None,
        checkpoint: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.device, self.recipe = torch.device(device), recipe
        self.notes: list[str] = []
        self._turns = Turns(self.device, lease)
        self._checkpoint, self._progress = checkpoint, progress
        self._identity = {"recipe": recipe.hash, "data": data.fingerprint, "seed": seed}
        self._chunk_steps = 1
        self._diverged = False
        with self._turns.taken():
            placed = {name: teacher.to(self.device) for name, teacher in (teachers or {}).items()}
            self._identity |= {f"teacher {name}": digest(teacher) for name, teacher in placed.items()}
            self._course = Course(
                network, Setting(recipe, data, seed, self.device, placed, self._note, self._turns.point)
            )
            self._watch = self._new_watch()
            self._resume()

    @property
    def step(self) -> int:
        """Steps taken from the start of the recipe."""
        return self._course.step

    @property
    def network(self) -> nn.Module:
        """What is trained, in its training form."""
        return self._course.network

    def run(self, until_step: int | None = None) -> TrainResult:
        """Train up to ``until_step`` (the whole recipe by default) and save; returns at once when already there.

        A loss that is not finite, or that climbs away, ends this run and all later ones with ``diverged``; the
        checkpoint of the last good chunk stays as it is.

        Raises:
            MeasurementError: not even one patch fits into the device's memory.
        """
        goal = self.recipe.steps if until_step is None else min(until_step, self.recipe.steps)
        began, patches, seconds, saved = self.step, 0, 0.0, time.monotonic()
        result = TrainResult(self.step, float("nan"), 0.0, 0.0, self._diverged)
        while self.step < goal and not self._diverged:
            losses, chunk_seconds = self._chunk(goal)
            seconds += chunk_seconds
            patches += 0 if self._diverged else len(losses) * self._course.batch
            mean = sum(losses) / len(losses)
            result = TrainResult(self.step, mean, seconds, patches / seconds, self._diverged)
            if self._progress is not None:
                self._progress(result)
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                self._save()
                saved = time.monotonic()
        if self.step > began:
            self._save()
        return result

    def trained(self) -> nn.Module:
        """A copy of the network in eval mode, with the weights that the recipe has for its result by now."""
        with self._turns.taken():
            return self._course.trained()

    def psnr_db(self) -> float:
        """PSNR of ``trained`` on the validation images; minus infinity where a value is not finite."""
        with self._turns.taken():
            return psnr_db(self._course.trained(), self._course.setting.data, self.device, self._turns.point)

    def _chunk(self, goal: int) -> tuple[list[float], float]:
        """Train for about ``CHUNK_SECONDS`` within one stage; its losses are read once, at the end."""
        with self._turns.taken():
            if self._course.move_on():
                self._watch, self._chunk_steps = self._new_watch(), 1  # a step may take longer now
                self._turns.point()
            steps = min(self._chunk_steps, goal - self.step, self._course.steps_ahead)
            began = time.perf_counter()
            losses: list[float] = torch.stack(self._course.steps(steps, began + CHUNK_SECONDS)).tolist()
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            seconds = time.perf_counter() - began
            self._diverged = self._watch.diverged(losses)
            if not self._diverged:
                self._course.step += len(losses)
                self._course.look()
        wanted = int(len(losses) * CHUNK_SECONDS / max(seconds, 1e-9))
        self._chunk_steps = max(1, min(wanted, 4 * self._chunk_steps))
        return losses, seconds

    def _resume(self) -> None:
        if self._checkpoint is not None and self._checkpoint.exists():
            self._turns.point()
            state = checkpoints.load(self._checkpoint, self._identity, self.device)
            self._course.restore(state["course"])
            self._watch = self._new_watch(**state["watch"])

    def _save(self) -> None:
        if self._checkpoint is None or self._diverged:
            return
        with self._turns.taken():
            state = {"watch": self._watch.state(), "course": self._course.state()}
            content = checkpoints.packed({"identity": self._identity, **state})
        write_whole(self._checkpoint, content)  # which waits for the disk

    def _new_watch(self, **state: Any) -> DivergenceWatch:
        """The loss in dB cannot rise threefold, so a rise counts as well where it has a part in it."""
        return DivergenceWatch(decibels=self._course.stage.stage.loss.psnr, **state)

    def _note(self, sentence: str) -> None:
        logger.warning(sentence)
        self.notes.append(sentence)
