"""Checkpoints of a training: plain tensors and numbers, written whole or not at all."""

import io
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from nas.errors import RecipeError

VERSION = 2


def packed(state: dict[str, Any]) -> bytes:
    """The content of a checkpoint's file; to be written by ``write_whole``."""
    content = io.BytesIO()
    torch.save({"version": VERSION, **state}, content)
    return content.getvalue()


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
