"""Batches in portions: where a batch does not fit into memory, its gradient is added up from halves of it."""

from collections.abc import Callable

import torch
from torch import Tensor

from nas.errors import MeasurementError
from nas.evaluate.quality.graphs import Note

CPU_WORDS = "can't allocate memory"
"""What torch's allocator of the CPU says; it has no error of its own."""


class Portions:
    """Runs a batch in as many equal portions as memory demands: the same batch, its images in the same order.

    Args:
        device: Where it runs.
        note: Told when the portions become smaller.
    """

    def __init__(self, device: torch.device, note: Note) -> None:
        self.count = 1
        self._device, self._note = device, note

    def each(
        self,
        lr_bchw: Tensor,
        hr_bchw: Tensor,
        backward: Callable[[Tensor, Tensor, float], Tensor],
        forget: Callable[[], None],
    ) -> Tensor:
        """Add up gradients and loss of a batch.

        Args:
            lr_bchw: The batch.
            hr_bchw: What it should become.
            backward: Adds to the gradients those of a portion, weighted by its share of the batch; returns the loss.
            forget: Clears the gradients.

        Raises:
            MeasurementError: not even one patch fits into memory.
        """
        while True:
            forget()
            try:
                return self._sum(lr_bchw, hr_bchw, backward)
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
            # Outside of the handler, whose traceback would keep the tensors of the failed attempt alive.
            self._halve(lr_bchw)

    def _sum(self, lr_bchw: Tensor, hr_bchw: Tensor, backward: Callable[[Tensor, Tensor, float], Tensor]) -> Tensor:
        if self.count == 1:
            return backward(lr_bchw, hr_bchw, 1.0)
        parts = zip(lr_bchw.tensor_split(self.count), hr_bchw.tensor_split(self.count), strict=True)
        return torch.stack([backward(lr, hr, len(lr) / len(lr_bchw)) for lr, hr in parts]).sum()

    def _halve(self, lr_bchw: Tensor) -> None:
        batch, side = len(lr_bchw), lr_bchw.shape[-1]
        if self.count >= batch:
            raise MeasurementError(
                f"Not even one patch of {side}x{side} LR pixels fits into the memory of {str(self._device)!r}; "
                "use a smaller patch or network."
            )
        self.count = min(2 * self.count, batch)
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        self._note(
            f"A batch of {batch} does not fit into the memory of {str(self._device)!r}: its gradient is added up "
            f"from {self.count} portions from here on."
        )


def out_of_memory(error: RuntimeError) -> bool:
    """Whether the error says that a memory is full."""
    return isinstance(error, torch.OutOfMemoryError) or CPU_WORDS in str(error)
