"""What a training shows while it runs: its bar on stderr, and TensorBoard events."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nas.cli.output import Bar
from nas.evaluate.quality.progress import TrainResult

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter

    from nas.evaluate.quality.training import Trainer

LEAST_SECONDS = 10.0
"""Least time between two looks at the validation images."""

SHARE = 20.0
"""A look comes after this many times its own duration, so that looking takes a twentieth of the time at most."""


class Monitor:
    """Shows loss, PSNR and pace after every chunk, and keeps them as events.

    Args:
        shown: The bar.
        events: Folder of the events.
        floor_psnr_db: What bicubic enlargement reaches.
    """

    def __init__(self, shown: Bar, events: Path, floor_psnr_db: float) -> None:
        self._shown, self._events, self._floor = shown, events, floor_psnr_db
        self._psnr = ""
        self._due = time.monotonic() + LEAST_SECONDS
        self._trainer: Trainer | None = None
        self._writer: SummaryWriter | None = None

    @contextmanager
    def watching(self, trainer: "Trainer") -> Iterator[None]:
        """Follow a training for as long as it runs."""
        from tensorboardX import SummaryWriter

        self._trainer = trainer
        self._shown.begin(trainer.step)
        self._writer = SummaryWriter(logdir=str(self._events), purge_step=trainer.step + 1)
        try:
            yield
        finally:
            self._writer.close()

    def __call__(self, result: TrainResult) -> None:
        """Show where the training stands."""
        assert self._writer is not None
        self._writer.add_scalar("loss", result.loss, result.step)
        self._writer.add_scalar("patches_per_second", result.patches_per_second, result.step)
        if time.monotonic() >= self._due:
            self._look(result.step)
        self._shown.to(result.step)
        self._shown.note(f"loss {result.loss:.4g}{self._psnr}, {result.patches_per_second:.0f} patches/s")

    def _look(self, step: int) -> None:
        assert self._trainer is not None
        assert self._writer is not None
        began = time.monotonic()
        found = self._trainer.psnr_db()
        self._writer.add_scalar("psnr_db", found, step)
        self._writer.add_scalar("bicubic_psnr_db", self._floor, step)
        self._psnr = f", {found:.2f} dB ({found - self._floor:+.2f} to bicubic)"
        ended = time.monotonic()
        self._due = ended + max(LEAST_SECONDS, SHARE * (ended - began))
