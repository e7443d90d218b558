"""How much memory photographs may take, and where they are kept for it."""

import os
from pathlib import Path
from typing import Literal

import psutil
import torch

from nas.errors import DataError

VARIABLE = "NAS_IMAGE_MEMORY_MB"
SHARE = 0.5
"""Part of the free memory that photographs may take, where ``NAS_IMAGE_MEMORY_MB`` does not say how much."""

Tier = Literal["device", "pinned", "mapped"]
"""device: as uint8 where the training runs; pinned: in the host's memory, batches leave it through pinned memory;
mapped: in files that the system maps into memory as they are used."""

_CGROUP = Path("/sys/fs/cgroup")


def host_bytes() -> int:
    """What photographs may take of the host's memory.

    Raises:
        DataError: the variable holds no number.
    """
    return _stated() if VARIABLE in os.environ else int(SHARE * min(psutil.virtual_memory().available, _container()))


def device_bytes(device: torch.device) -> int:
    """What photographs may take of the memory of ``device``.

    Raises:
        DataError: the variable holds no number.
    """
    if VARIABLE in os.environ:
        return _stated()
    return int(SHARE * torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else host_bytes()


def tier(size_bytes: int, device: torch.device, *, mapped: bool) -> Tier:
    """Where so many bytes of photographs are kept; ``mapped`` says that the host reads them from files."""
    if device.type == "cpu":
        return "mapped" if mapped else "device"
    if size_bytes <= device_bytes(device):
        return "device"
    return "mapped" if mapped else "pinned"


def _stated() -> int:
    try:
        return int(float(os.environ[VARIABLE]) * 1e6)
    except (ValueError, OverflowError):
        raise DataError(f"{VARIABLE} is {os.environ[VARIABLE]!r}; give megabytes as a number.") from None


def _container() -> float:
    """What the container's limit leaves, or no bound; the system's own figure does not know of it."""
    try:
        limit, used = ((_CGROUP / f"memory.{name}").read_text().strip() for name in ("max", "current"))
    except OSError:
        return float("inf")
    return float("inf") if limit == "max" else max(int(limit) - int(used), 0)
