"""Averages of the weights along a stage: exponential, or equal (stochastic weight averaging)."""

from collections.abc import Sequence
from math import floor
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn, get_swa_multi_avg_fn

from nas.evaluate.quality.stage import Stage


class RunningAverage:
    """The average that a stage keeps, if any.

    The arithmetic is torch's. ``AveragedModel`` around it reads its counter back from the device in every step, which
    makes the host wait; here the host counts.
    """

    def __init__(self, parameters: Sequence[Tensor], stage: Stage) -> None:
        self._stage = stage
        self._parameters = list(parameters)
        self._taken = 0
        keeps = stage.ema is not None or stage.average is not None
        self._weights = [parameter.detach().clone() for parameter in parameters] if keeps else []

    def follow(self, step: int) -> None:
        """Take in the weights after step number ``step`` of the stage."""
        if self._stage.ema is not None:
            # The decay grows into its value, or the start would outweigh everything in a short stage.
            decay = min(self._stage.ema, (1 + step) / (10 + step))
            get_ema_multi_avg_fn(decay)(self._weights, self._parameters, self._taken)  # type: ignore[no-untyped-call]
            self._taken += 1
        elif self._stage.average is not None and self._due(step):
            get_swa_multi_avg_fn()(self._weights, self._parameters, self._taken)  # type: ignore[no-untyped-call]
            self._taken += 1

    def result(self) -> list[Tensor]:
        """The average of each parameter, or the parameters where nothing was averaged."""
        return self._weights if self._taken else self._parameters

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs."""
        return {"weights": self._weights, "taken": self._taken}

    @torch.no_grad()
    def restore(self, state: dict[str, Any]) -> None:
        """Take up a ``state`` again."""
        self._taken = state["taken"]
        for own, value in zip(self._weights, state["weights"], strict=True):
            own.copy_(value)

    def _due(self, step: int) -> bool:
        assert self._stage.average is not None
        since = step - floor(self._stage.average.begin * self._stage.steps)
        return since >= 0 and since % self._stage.average.every == 0
