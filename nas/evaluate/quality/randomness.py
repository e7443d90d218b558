"""Random numbers of layers that draw while they are trained, kept apart from those of the process."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class Randomness:
    """A state of torch's generators that belongs to one training, so that neither neighbours nor a stop change it.

    Args:
        seed: Where it begins.
        device: Where the training runs.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self._device = device
        self._host = torch.Generator().manual_seed(seed).get_state()
        self._device_state = torch.Generator(device).manual_seed(seed).get_state() if device.type == "cuda" else None

    @contextmanager
    def own(self) -> Iterator[None]:
        """Draw from this state within."""
        with torch.random.fork_rng(devices=[self._device] if self._device_state is not None else []):
            torch.set_rng_state(self._host)
            if self._device_state is not None:
                torch.cuda.set_rng_state(self._device_state, self._device)
            yield
            self._host = torch.get_rng_state()
            if self._device_state is not None:
                self._device_state = torch.cuda.get_rng_state(self._device)

    def state(self) -> list[Tensor]:
        """What a checkpoint needs."""
        return [self._host] if self._device_state is None else [self._host, self._device_state]

    def restore(self, state: list[Tensor]) -> None:
        """Take up a ``state`` again."""
        self._host = state[0].cpu()
        if self._device_state is not None:
            self._device_state = state[1].cpu()
