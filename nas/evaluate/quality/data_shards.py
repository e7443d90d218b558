"""Decoded photographs in files on disk, mapped into memory as they are used: for more of them than memory holds.

A folder ``KEY`` in the cache holds ``0000.bin`` and so on, pixels only, and ``index.json``, which says what lies
where. It is written under another name and renamed once it is on the disk, so it is whole or not there; a process
that wants the same folder waits for the one that writes it, whose lock ends with it however it dies.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from nas.errors import DataError
from nas.evaluate.quality.bicubic import Image
from nas.evaluate.quality.data_sources import Decoded, Source, decode_all
from nas.evaluate.quality.photographs import Skipped
from nas.evaluate.quality.turns import Turns

VERSION = 1
SHARD_BYTES = 2**30

Item = dict[str, Any]
"""One line of the index: a decoded photograph, or one that was skipped."""


def cache() -> Path:
    """Where shards are kept: ``nas/images`` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nas" / "images"


def key(sources: Sequence[Source], scale: int) -> str:
    """A hash of the files' paths, sizes and times, and of what is made of them."""
    lines = [[source.name, source.part, _state(source.hr), _state(source.lr)] for source in sources]
    return hashlib.sha256(json.dumps(["shards", VERSION, scale, lines]).encode()).hexdigest()[:32]


def items(sources: Sequence[Source], scale: int, root: Path, turns: Turns) -> tuple[Path, list[Item]]:
    """The folder with the decoded ``sources`` and its index; they are decoded now if they never were.

    Raises:
        DataError: the folder cannot be written.
    """
    folder = root / key(sources, scale)
    try:
        with _alone(folder):
            if not folder.is_dir():
                _build(folder, sources, scale, turns)
    except OSError as error:
        raise DataError(
            f"The photographs do not fit into memory and cannot be decoded to {str(root)!r} ({error.strerror}); "
            "free space there, name another folder by XDG_CACHE_HOME, or allow more memory by NAS_IMAGE_MEMORY_MB."
        ) from error
    index: list[Item] = json.loads((folder / "index.json").read_text())
    return folder, index


class Shards:
    """The shards of one folder, each mapped once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._maps: dict[str, Tensor] = {}

    def image(self, place: Item) -> Tensor:
        """The pixels at one place of the index, read as they are touched: (H, W, 3), uint8."""
        name, start, shape = place["shard"], place["start"], place["shape"]
        if name not in self._maps:
            path = self._folder / name
            self._maps[name] = torch.from_file(str(path), size=path.stat().st_size, dtype=torch.uint8)
        return self._maps[name].narrow(0, start, shape[0] * shape[1] * 3).view(shape)


class _Writer:
    """Appends pixels to shards, none of which an image straddles."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._file: BinaryIO | None = None

    def write(self, image: Image) -> Item:
        if self._file is None or self._file.tell() + image.nbytes > SHARD_BYTES:
            self.close()
            self._file = (self._folder / f"{self._count:04}.bin").open("xb")
            self._count += 1
        place = {"shard": Path(self._file.name).name, "start": self._file.tell(), "shape": list(image.shape)}
        self._file.write(image.tobytes())
        return place

    def close(self) -> None:
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the kernel frees it when this process ends, also by a kill."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(folder: Path, sources: Sequence[Source], scale: int, turns: Turns) -> None:
    draft = folder.with_name(f"{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)  # of a process that was killed: we hold its lock
    draft.mkdir()
    try:
        writer = _Writer(draft)
        index = [_written(item, writer) for item in decode_all(sources, scale, turns)]
        writer.close()
        with (draft / "index.json").open("w") as file:
            json.dump(index, file)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _written(item: Decoded | Skipped, writer: _Writer) -> Item:
    if isinstance(item, Skipped):
        return {"name": item.name, "reason": item.reason}
    known = {"name": item.name, "part": item.part, "digest": item.digest, "given": item.given}
    return {**known, "hr": writer.write(item.hr), "lr": writer.write(item.lr)}


def _state(path: Path | None) -> tuple[str, int, int] | None:
    if path is None or not path.is_file():
        return None
    found = path.stat()
    return str(path.absolute()), found.st_size, found.st_mtime_ns
