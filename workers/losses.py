"""The sum of a training's losses, which tells how fast a network learns."""

from nas.evaluate.quality.training import TrainResult
from workers.jobs import Progress


class LossSum:
    """Adds up the loss of every step, and passes on how far the training is.

    Args:
        progress: Told after every chunk.
        steps: Of the whole recipe.
    """

    def __init__(self, progress: Progress, steps: int) -> None:
        self._progress, self._steps = progress, steps
        self.began = self._last = 0
        self.total = 0.0

    def begin(self, step: int) -> None:
        """Take note of where the training goes on."""
        self.began = self._last = step

    def __call__(self, result: TrainResult) -> None:
        """Take note of a chunk, whose mean loss this is."""
        self.total += result.loss * (result.step - self._last) if result.step > self._last else 0.0
        self._last = result.step
        rate = round(result.patches_per_second, 1)
        self._progress({"step": result.step, "steps": self._steps, "patches_per_second": rate})

    def to_dict(self) -> dict[str, float]:
        """Return what the record of a quality keeps."""
        return {"loss_sum": self.total, "from_step": self.began}
