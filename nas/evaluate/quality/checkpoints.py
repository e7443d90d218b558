"""Checkpoints of a training: plain tensors and numbers, written whole or not at all."""

import io
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from nas.errors import RecipeError
from nas.evaluate.quality.files import write_whole

VERSION = 2


def save(path: Path, state: dict[str, Any]) -> None:
    """Write ``state``; a kill while it is written leaves the checkpoint before."""
    content = io.BytesIO()
    torch.save({"version": VERSION, **state}, content)
    write_whole(path, content.getvalue())


def load(path: Path, identity: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """Read a checkpoint of the training that ``identity`` names; nothing in the file is executed.

    Raises:
        RecipeError: the file is no checkpoint, or belongs to another training.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        found = state["identity"] if state["version"] == VERSION else None
    except (RuntimeError, UnpicklingError, EOFError, KeyError, TypeError) as error:
        reason = type(error).__name__
        raise RecipeError(f"{str(path)!r} is no checkpoint of a training ({reason}); remove it.") from error
    if found != identity:
        raise RecipeError(f"Checkpoint {str(path)!r} belongs to another training; remove it or name another file.")
    return state
