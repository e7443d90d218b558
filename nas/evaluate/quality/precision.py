"""Number formats of a training: autocast, loss scaling, and torch's switches for short products."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch

_SHORT = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Precision:
    """How a stage computes; the weights are fp32 always.

    Args:
        name: As in a recipe's stage.
        device: Where it computes.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        self._name, self._device = name, device
        self.scaler = torch.amp.GradScaler(device.type, enabled=name == "fp16")
        """Keeps small fp16 gradients from vanishing; does nothing in other formats."""

    def autocast(self) -> AbstractContextManager[object]:
        """For the forward pass."""
        short = _SHORT.get(self._name)
        return torch.autocast(self._device.type, short or torch.bfloat16, enabled=short is not None)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put torch's switches of the whole process as the format asks, and back afterwards."""
        backends: Any = torch.backends
        switches = (backends.cudnn.conv, backends.cuda.matmul)
        before = [switch.fp32_precision for switch in switches]
        try:
            for switch in switches:
                switch.fp32_precision = "tf32" if self._name == "tf32" else "ieee"
            yield
        finally:
            for switch, value in zip(switches, before, strict=True):
                switch.fp32_precision = value
