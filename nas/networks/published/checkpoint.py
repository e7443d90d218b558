"""Reading a checkpoint that a stranger wrote: tensors by name, and never any of its code."""

import pickle
import re
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from nas.errors import RequestError

WRAPPERS = ("params_ema", "params", "state_dict")
"""Names that training programs put a state dict under, the one to prefer first."""

UNREADABLE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SafetensorError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    struct.error,
)
"""What damaged bytes make of an unpickler."""


def read_checkpoint(path: Path, wrapper: str | None = None) -> dict[str, Tensor]:
    """Return the tensors of a PyTorch checkpoint or a safetensors file by name, on the CPU.

    Args:
        path: A file that ``torch.save`` or safetensors wrote.
        wrapper: The name that the tensors lie under; another usual one, or none, is found as well.

    Raises:
        RequestError: The file is missing, damaged, holds code, or holds no state dict.
    """
    content = _loaded(path)
    for name in dict.fromkeys((*([wrapper] if wrapper else []), *WRAPPERS)):
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
            break
    if not isinstance(content, Mapping) or not content:
        raise RequestError(f"{str(path)!r} holds no state dict but a {type(content).__name__}; give published weights.")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor) or value.layout is not torch.strided:
            what = f"something that is no dense tensor ({type(value).__name__}) under {name!r}"
            raise RequestError(f"{str(path)!r} holds {what}, where a state dict has tensors; give published weights.")
    return dict(content)


def _loaded(path: Path) -> Any:
    if not path.is_file():
        raise RequestError(f"There is no checkpoint {str(path)!r}; give the file that the team published.")
    try:
        with warnings.catch_warnings(action="ignore"):
            return torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise RequestError(f"The checkpoint {str(path)!r} {_reason(str(error))}") from error


def _reason(text: str) -> str:
    code = re.search(r"(?:GLOBAL |global |class |function )([\w.]+\.[\w.]+)", text)
    if code is not None and "weights only" in text.lower():
        return f"holds code ({code[1]}), which is never run; give a file with nothing but tensors."
    return "cannot be read as tensors; it is damaged, incomplete, or holds code, which is never run. Fetch it again."
