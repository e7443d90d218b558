"""One stage of a recipe under way: optimizer, learning rate and average of the weights."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from nas.errors import BuildError
from nas.evaluate.quality.losses import weigh
from nas.evaluate.quality.recipes import Optimizer, Stage

OPTIMIZERS: dict[str, type[torch.optim.Adam]] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


class RunningStage:
    """Trains a network in place, one batch at a time, without ever waiting for the device.

    Raises:
        BuildError: the network has no parameter to train.
    """

    def __init__(self, network: nn.Module, stage: Stage) -> None:
        self.stage = stage
        self._network = network
        self._parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        if not self._parameters:
            raise BuildError("The network has no parameter to train.")
        self._optimizer = _optimizer(self._parameters, stage.optimizer)
        self._average = [parameter.detach().clone() for parameter in self._parameters] if stage.ema else []

    def train(self, lr_bchw: Tensor, hr_bchw: Tensor, step: int) -> Tensor:
        """Take step number ``step`` of this stage and return its loss, still on the device."""
        factor = self.stage.schedule.factor(step, self.stage.steps)
        for group in self._optimizer.param_groups:
            group["lr"] = self.stage.optimizer.lr * factor
        with torch.autocast(lr_bchw.device.type, torch.bfloat16, enabled=self.stage.precision == "bf16"):
            sr_bchw = self._network(lr_bchw)
        loss = weigh(self.stage.loss, sr_bchw, hr_bchw)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.stage.grad_clip is not None:
            nn.utils.clip_grad_norm_(self._parameters, self.stage.grad_clip)
        self._optimizer.step()
        self._follow(step)
        return loss.detach()

    @torch.no_grad()
    def settle(self, network: nn.Module) -> None:
        """Write this stage's result, the average where it keeps one, into ``network`` or a copy of it."""
        if self._average:
            trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
            for parameter, value in zip(trainable, self._average, strict=True):
                parameter.copy_(value)

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs beside the network's own state."""
        return {"optimizer": self._optimizer.state_dict(), "average": self._average}

    @torch.no_grad()
    def restore(self, state: dict[str, Any]) -> None:
        """Take up a ``state`` again, bit for bit."""
        self._optimizer.load_state_dict(state["optimizer"])
        for average, value in zip(self._average, state["average"], strict=True):
            average.copy_(value)

    def _follow(self, step: int) -> None:
        if self.stage.ema is None:
            return
        # The decay grows into its value, or the start would outweigh everything in a short stage.
        decay = min(self.stage.ema, (1 + step) / (10 + step))
        get_ema_multi_avg_fn(decay)(self._average, self._parameters, torch.tensor(step))  # type: ignore[no-untyped-call]


def _optimizer(parameters: list[nn.Parameter], chosen: Optimizer) -> torch.optim.Optimizer:
    return OPTIMIZERS[chosen.kind](
        parameters, lr=chosen.lr, betas=chosen.betas, weight_decay=chosen.weight_decay, fused=True
    )
