"""The course of a training through its recipe: the stage under way, and what later stages need of earlier ones."""

import copy
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn

from nas.errors import RecipeError
from nas.evaluate.quality import patches
from nas.evaluate.quality.augmenting import Augmenter
from nas.evaluate.quality.batches import CropSource
from nas.evaluate.quality.data import ImageSet
from nas.evaluate.quality.graphs import Note
from nas.evaluate.quality.narrowing import document, pruned
from nas.evaluate.quality.randomness import Randomness
from nas.evaluate.quality.recipes import Recipe
from nas.evaluate.quality.results import State, mean, psnr_db, refresh_statistics, snapshot
from nas.evaluate.quality.stages import Best, RunningStage
from nas.evaluate.quality.turns import Point, undisturbed
from nas.language import Architecture
from nas.networks import Network

STATISTICS_BATCHES = 20
"""Batches from which statistics of normalisation are taken anew for averaged weights."""


@dataclass(frozen=True)
class Setting:
    """What stays the same throughout a training.

    Args:
        recipe: Stages to go through.
        data: Photographs; their scale is the network's.
        seed: Decides every crop and whatever else is drawn.
        device: Where it runs.
        teachers: Networks by the recipe's names, on the device.
        note: Told in a sentence of what is done otherwise than asked.
        point: Called between pieces of work that may take long together.
    """

    recipe: Recipe
    data: ImageSet
    seed: int
    device: torch.device
    teachers: Mapping[str, nn.Module] = field(default_factory=dict)
    note: Note = print
    point: Point = undisturbed


class Course:
    """Goes through the stages of a recipe, step by step; everything is called by whoever holds the device.

    Args:
        network: In its training form; trained in place until a stage prunes it.
        setting: The recipe and what it is carried out with.

    Raises:
        RecipeError, DataError, BuildError: the recipe does not fit the network or the photographs.
    """

    def __init__(self, network: nn.Module, setting: Setting) -> None:
        patches.check(network, setting.recipe)
        self.setting = setting
        self.step = 0
        self._frozen = {name for name, value in network.named_parameters() if not value.requires_grad}
        self._ends = list(accumulate(stage.steps for stage in setting.recipe.stages))
        self._kept: dict[int, State] = {}
        self._graph = network.graph.hash if isinstance(network, Network) else ""
        self._randomness = Randomness(setting.seed, setting.device)
        self._take(network)
        self._enter(0, None)

    @property
    def index(self) -> int:
        """Number of the stage under way."""
        return self._index

    @property
    def batch(self) -> int:
        """Patches of a step."""
        return self.stage.stage.batch

    @property
    def steps_ahead(self) -> int:
        """Steps up to the end of the stage, or to the next look at the validation images."""
        left, every = self._ends[self._index] - self.step, self.stage.stage.best_every
        return left if every is None else min(left, every - (self.step - self._first) % every)

    def move_on(self) -> bool:
        """Enter the next stage where one is over; returns whether one was."""
        if self.step < self._ends[self._index] or self._index + 1 == len(self._ends):
            return False
        if self._index in self.setting.recipe.kept:
            self._kept[self._index] = snapshot(self._settled())
            self.setting.point()
        start = self.setting.recipe.stages[self._index + 1].start
        if start == "result":
            self.network.load_state_dict(self._settled().state_dict())
        elif start != "last":
            self.network.load_state_dict(mean([self._kept[number] for number in start]))
        self._enter(self._index + 1, self.stage)
        return True

    def steps(self, count: int, until: float = float("inf")) -> list[Tensor]:
        """Take steps within the stage, at least one and no further one after ``until`` by the performance counter.

        Returns their losses, still on the device, which may be behind.
        """
        crops = self._source.draws(self.setting.seed, self.step, steps=count, batch=self.batch)
        drawn = self._augmenter.drawn(crops, self.step)
        losses = []
        self.network.train()
        with self.stage.applied(), self._randomness.own():
            for number in range(count):
                cut = self._source.batch(drawn.crops[number])
                lr_bchw, hr_bchw = self._augmenter.changed(*cut, drawn, number)
                # On a CPU, too, convolutions run faster so, by 5 to 20 % of a step.
                laid_out = lr_bchw.contiguous(memory_format=torch.channels_last)
                losses.append(self.stage.train(laid_out, hr_bchw, self.step - self._first + number))
                if time.perf_counter() > until:
                    break
        return losses

    def look(self) -> None:
        """Where the stage asks for its best and a look is due, compare its average with the best so far."""
        every = self.stage.stage.best_every
        done = self.step - self._first
        if every is None or not done or (done % every and self.step != self._ends[self._index]):
            return
        self.setting.point()
        seen = self._settled(best=False)
        found = psnr_db(seen, self.setting.data, self.setting.device, self.setting.point)
        if self.stage.best is None or found > self.stage.best.psnr_db:
            self.stage.best = Best(found, snapshot(seen))

    def trained(self) -> nn.Module:
        """A copy of the network in eval mode, with the result of the stage or, at the recipe's end, its soup."""
        network = self._settled()
        if self.setting.recipe.soup and self.step == self.setting.recipe.steps:
            results = {**self._kept, self._index: network.state_dict()}
            network.load_state_dict(mean([results[number] for number in self.setting.recipe.soup]))
        return network.eval()

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs to go on, bit for bit."""
        return {
            "step": self.step,
            "index": self._index,
            "graph": self._graph,
            "architecture": self._narrower(),
            "network": self.network.state_dict(),
            "stage": self.stage.state(),
            "kept": self._kept,
            "randomness": self._randomness.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a ``state`` again.

        Raises:
            RecipeError: it is of another network, be it one whose weights have the same shapes.
        """
        if state.get("graph", self._graph) != self._graph:
            raise RecipeError("The checkpoint holds another network; remove it.")
        if state["architecture"]:
            self._take(Network(Architecture(json.loads(state["architecture"])).graph, "training"))
        try:
            self.network.load_state_dict(state["network"])
        except RuntimeError as error:
            raise RecipeError("The checkpoint holds another network; remove it.") from error
        if state["index"] or state["architecture"]:
            self._enter(state["index"], None, narrower=True)
        self.stage.restore(state["stage"])
        self._kept = state["kept"]
        self._randomness.restore(state["randomness"])
        self.step = state["step"]

    def _narrower(self) -> str:
        """The network's architecture where a stage has pruned it, else nothing."""
        pruned_by_now = any(stage.prune for stage in self.setting.recipe.stages[: self._index + 1])
        return json.dumps(document(self.network.graph)) if pruned_by_now and isinstance(self.network, Network) else ""

    def _take(self, network: nn.Module) -> None:
        self.network = network.to(self.setting.device).train()
        if self.setting.device.type == "cuda":
            self.network = self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def _enter(self, index: int, before: RunningStage | None, *, narrower: bool = False) -> None:
        stage = self.setting.recipe.stages[index]
        if stage.prune and not narrower:
            self._take(pruned(self.network, stage.prune))
            self.setting.point()
        for name, parameter in self.network.named_parameters():
            parameter.requires_grad_(name not in self._frozen)
        self._index, self._first = index, self._ends[index] - stage.steps
        deeper = None if before is None else before.deeper
        self.stage = RunningStage(self.network, stage, self.setting.teachers, before=deeper, note=self.setting.note)
        self._source = CropSource(self.setting.data.train, stage.patch, self.setting.device, point=self.setting.point)
        self._augmenter = Augmenter(stage.augment, self.setting.seed, self.setting.device)

    def _settled(self, *, best: bool = True) -> nn.Module:
        """A copy of the network with the stage's result, its best where ``best`` allows."""
        network = copy.deepcopy(self.network)
        if best and self.stage.best is not None:
            network.load_state_dict(self.stage.best.weights)
            return network
        self.stage.average_into(network)
        if self.stage.stage.average is not None:
            draws = self._source.draws(self.setting.seed, 0, steps=STATISTICS_BATCHES, batch=self.batch)
            batches = (self._source.batch(item)[0] for item in draws)
            refresh_statistics(network, batches, point=self.setting.point)
        return network
