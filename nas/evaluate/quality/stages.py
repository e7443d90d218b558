"""One stage of a recipe under way: optimizer, learning rate, average and best of the weights."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nas.errors import BuildError
from nas.evaluate.quality.averaging import RunningAverage
from nas.evaluate.quality.extra import DeeperNetwork
from nas.evaluate.quality.graphs import CAPTURABLE, Note, Replayed, why_not
from nas.evaluate.quality.memory import Portions
from nas.evaluate.quality.objective import Objective
from nas.evaluate.quality.optimizers import Optimizer
from nas.evaluate.quality.precision import Precision
from nas.evaluate.quality.selecting import trained
from nas.evaluate.quality.stage import Stage

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "adamax": torch.optim.Adamax,
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
}
FUSED = frozenset({"adam", "adamw", "sgd"})


@dataclass
class Best:
    """The best weights of a stage so far, by the validation images."""

    psnr_db: float
    weights: dict[str, Tensor]


class RunningStage:
    """Trains a network in place, one batch at a time, without ever waiting for the device.

    Args:
        network: What is trained.
        stage: How.
        teachers: Networks by the names that the stage uses.
        before: The deeper network of the stage before, where it had one.
        note: Told in a sentence of what is done otherwise than asked.

    Raises:
        BuildError: the network has no parameter to train.
        RecipeError: the stage names what the network has not.
    """

    def __init__(
        self,
        network: nn.Module,
        stage: Stage,
        teachers: Mapping[str, nn.Module] | None = None,
        *,
        before: DeeperNetwork | None = None,
        note: Note = print,
    ) -> None:
        self.stage, self._network = stage, network
        self.deeper = None if stage.extra is None else DeeperNetwork(network, stage.extra, before)
        self._parameters = self._chosen(stage)
        self._device = self._parameters[0].device
        self._objective = Objective(network, stage, teachers or {}, self.deeper)
        self._precision = Precision(stage.precision, self._device)
        self._optimizer = optimizer(self._parameters, stage.optimizer, self._device)
        self._average = RunningAverage(self._parameters, stage)
        self._portions = Portions(self._device, note)
        reason = why_not(stage, self._device)
        self._replayed = None if reason else Replayed(self._update, note)
        if reason and self._device.type == "cuda":
            note(f"Steps are launched kernel by kernel, not as a CUDA graph: {reason}.")
        self.best: Best | None = None

    def train(self, lr_bchw: Tensor, hr_bchw: Tensor, step: int) -> Tensor:
        """Take step number ``step`` of this stage and return its loss, still on the device."""
        self._set_rate(self.stage.optimizer.lr * self.stage.schedule.factor(step, self.stage.steps))
        loss = (self._replayed or self._update)(lr_bchw, hr_bchw)
        self._average.follow(step)
        return loss

    @torch.no_grad()
    def average_into(self, network: nn.Module) -> None:
        """Write the average, where the stage keeps one, into ``network`` or a copy of it."""
        for name, value in zip(self._names, self._average.result(), strict=False):
            network.get_parameter(name).copy_(value)

    def applied(self) -> AbstractContextManager[None]:
        """Torch's switches as the stage wants them, around its steps."""
        return self._precision.applied()

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs beside the network's own state."""
        return {
            "optimizer": self._optimizer.state_dict(),
            "average": self._average.state(),
            "scaler": self._precision.scaler.state_dict(),
            "portions": self._portions.count,
            "deeper": None if self.deeper is None else self.deeper.state_dict(),
            "best": None if self.best is None else vars(self.best),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a ``state`` again, bit for bit."""
        self._optimizer.load_state_dict(state["optimizer"])
        self._average.restore(state["average"])
        self._precision.scaler.load_state_dict(state["scaler"])
        self._portions.count = state["portions"]
        if self.deeper is not None:
            self.deeper.load_state_dict(state["deeper"])
        self.best = None if state["best"] is None else Best(**state["best"])

    def _chosen(self, stage: Stage) -> list[nn.Parameter]:
        """Freeze what the stage does not train; the deeper network's own parameters come last."""
        open_to_training = [name for name, value in self._network.named_parameters() if value.requires_grad]
        self._names = [name for name in trained(self._network, stage.trains) if name in set(open_to_training)]
        if not self._names:
            raise BuildError("The network has no parameter to train.")
        for name in open_to_training:
            self._network.get_parameter(name).requires_grad_(name in set(self._names))
        own = [self._network.get_parameter(name) for name in self._names]
        return own + ([] if self.deeper is None else list(self.deeper.parameters()))

    def _set_rate(self, rate: float) -> None:
        for group in self._optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def _update(self, lr_bchw: Tensor, hr_bchw: Tensor) -> Tensor:
        loss = self._portions.each(lr_bchw, hr_bchw, self._backward, self._optimizer.zero_grad)
        scaler = self._precision.scaler
        if self.stage.grad_clip is not None or self.stage.grad_clip_value is not None:
            scaler.unscale_(self._optimizer)
        if self.stage.grad_clip_value is not None:
            nn.utils.clip_grad_value_(self._parameters, self.stage.grad_clip_value)
        if self.stage.grad_clip is not None:
            nn.utils.clip_grad_norm_(self._parameters, self.stage.grad_clip)
        scaler.step(self._optimizer)
        scaler.update()
        return loss

    def _backward(self, lr_bchw: Tensor, hr_bchw: Tensor, share: float) -> Tensor:
        with self._precision.autocast():
            loss = self._objective(lr_bchw, hr_bchw)
        loss = loss if share == 1.0 else share * loss
        self._precision.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        return loss.detach()


def optimizer(parameters: list[nn.Parameter], chosen: Optimizer, device: torch.device) -> torch.optim.Optimizer:
    """Build what a stage asks for, in torch's fastest form for the device."""
    options = chosen.options()
    if chosen.kind in FUSED:
        options["fused"] = True
    if device.type == "cuda" and chosen.kind in CAPTURABLE:
        options["capturable"] = True
        return OPTIMIZERS[chosen.kind](parameters, lr=torch.tensor(chosen.lr, device=device), **options)
    return OPTIMIZERS[chosen.kind](parameters, lr=chosen.lr, **options)
