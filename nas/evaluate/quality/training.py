"""The trainer: chunks of steps between lease points, checkpoints, and losses read once for each chunk."""

import copy
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from nas.errors import RecipeError
from nas.evaluate.quality import checkpoints
from nas.evaluate.quality.batches import CropSource
from nas.evaluate.quality.data import ImageSet
from nas.evaluate.quality.divergence import DivergenceWatch
from nas.evaluate.quality.recipes import Recipe
from nas.evaluate.quality.stages import RunningStage

CHUNK_SECONDS = 1.0
"""Aim for the time between two lease points; the promise to a measurer who waits is 2 s."""

CHECKPOINT_SECONDS = 20.0


class Lease(Protocol):
    """A device shared with measurers."""

    def shared(self) -> AbstractContextManager[object]:
        """Hold the device beside other trainers; waits while somebody measures."""


@dataclass(frozen=True)
class TrainResult:
    """Where a training stands after a run."""

    step: int
    """Steps taken from the start of the recipe; after a divergence, those before the chunk that showed it."""

    loss: float
    """Mean of the last chunk; NaN when no step was taken."""

    seconds: float
    """Time in training, without waiting for the lease."""

    patches_per_second: float
    diverged: bool


Progress = Callable[[TrainResult], None]


class Trainer:
    """Trains ``network`` in place as ``recipe`` says; stopped and resumed anywhere, the weights come out the same.

    On the CPU they agree bit for bit, given the same number of threads.

    Args:
        network: (B, 3, h, w) in [0, 1] -> (B, 3, scale * h, scale * w), in its training form.
        recipe: Stages to go through.
        data: Photographs; their scale is the network's.
        seed: Decides every crop, flip and rotation.
        device: Where to train; the network is moved there.
        lease: Taken for each chunk and given back between chunks; None where nobody measures.
        checkpoint: File to resume from where it exists, and to write; None keeps nothing.
        progress: Called after every chunk.

    Raises:
        RecipeError: the checkpoint belongs to another training or network.
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
        lease: Lease | None = None,
        checkpoint: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device)
        self.recipe = recipe
        self.step = 0
        self._data = data
        self._seed = seed
        self._lease = lease
        self._checkpoint = checkpoint
        self._progress = progress
        self._identity = {"recipe": recipe.hash, "data": data.fingerprint, "seed": seed}
        self._ends = list(accumulate(stage.steps for stage in recipe.stages))
        self._chunk_steps = 1
        self._diverged = False
        self._enter(0)
        if checkpoint is not None and checkpoint.exists():
            self._restore(checkpoints.load(checkpoint, self._identity, self.device))

    def run(self, until_step: int | None = None) -> TrainResult:
        """Train up to ``until_step`` (the whole recipe by default) and save; returns at once when already there.

        A loss that is not finite, or that climbs away, ends this run and all later ones with ``diverged``; the
        checkpoint of the last good chunk stays as it is.
        """
        goal = self.recipe.steps if until_step is None else min(until_step, self.recipe.steps)
        began, seconds, saved = self.step, 0.0, time.monotonic()
        result = self._result(began, seconds, [])
        self.network.train()
        while self.step < goal and not self._diverged:
            losses, chunk_seconds = self._chunk(goal)
            seconds += chunk_seconds
            self._diverged = self._watch.diverged(losses)
            self.step += 0 if self._diverged else len(losses)
            result = self._result(began, seconds, losses)
            if self._progress is not None:
                self._progress(result)
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                self._save()
                saved = time.monotonic()
        if self.step > began:
            self._save()
        return result

    def trained(self) -> nn.Module:
        """A copy of the network in eval mode, with the averaged weights where the stage keeps an average."""
        network = copy.deepcopy(self.network)
        self._stage.settle(network)
        return network.eval()

    def _chunk(self, goal: int) -> tuple[list[float], float]:
        """Train for about ``CHUNK_SECONDS`` within one stage; its losses are read once, at the end."""
        if self.step >= self._ends[self._index]:
            self._stage.settle(self.network)
            self._enter(self._index + 1)
        steps = min(self._chunk_steps, goal - self.step, self._ends[self._index] - self.step)
        with self._lease.shared() if self._lease is not None else nullcontext():
            began = time.perf_counter()
            losses: list[float] = torch.stack(self._steps(steps)).tolist()
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            seconds = time.perf_counter() - began
        wanted = int(steps * CHUNK_SECONDS / max(seconds, 1e-9))
        self._chunk_steps = max(1, min(wanted, 4 * self._chunk_steps))
        return losses, seconds

    def _steps(self, steps: int) -> list[Tensor]:
        draws = self._source.draws(self._seed, self.step, steps=steps, batch=self._stage.stage.batch)
        first = self.step - (self._ends[self._index] - self._stage.stage.steps)
        return [self._stage.train(*self._source.batch(draws[i]), first + i) for i in range(steps)]

    def _enter(self, index: int) -> None:
        stage = self.recipe.stages[index]
        self._index = index
        self._stage = RunningStage(self.network, stage)
        self._watch = DivergenceWatch()
        self._source = CropSource(self._data.train, stage.patch, self.device)

    def _save(self) -> None:
        if self._checkpoint is not None and not self._diverged:
            position = {"step": self.step, "index": self._index, "watch": self._watch.state()}
            weights = {"network": self.network.state_dict(), "stage": self._stage.state()}
            checkpoints.save(self._checkpoint, {"identity": self._identity, **position, **weights})

    def _restore(self, state: dict[str, Any]) -> None:
        try:
            self.network.load_state_dict(state["network"])
        except RuntimeError as error:
            raise RecipeError(f"Checkpoint {str(self._checkpoint)!r} holds another network; remove it.") from error
        if state["index"] != self._index:
            self._enter(state["index"])
        self._stage.restore(state["stage"])
        self._watch = DivergenceWatch(**state["watch"])
        self.step = state["step"]

    def _result(self, began: int, seconds: float, losses: list[float]) -> TrainResult:
        patches = (self.step - began) * self._stage.stage.batch
        rate = patches / seconds if seconds else 0.0
        loss = sum(losses) / len(losses) if losses else float("nan")
        return TrainResult(self.step, loss, seconds, rate, self._diverged)
