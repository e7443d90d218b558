"""A data set: photographs, their exact bicubic reductions, and which of them only judge."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from nas.errors import DataError
from nas.evaluate.quality import data_memory, data_shards, data_sources
from nas.evaluate.quality.data_pairs import Pair, Pairs
from nas.evaluate.quality.data_sources import EMBEDDED, Decoded, Part, Source
from nas.evaluate.quality.photographs import Skipped
from nas.evaluate.quality.turns import Turns

__all__ = ["EMBEDDED", "ImageSet", "Pair", "Pairs", "load"]

VALIDATION_PART = 10
"""One photograph in this many judges, where the data set brings no list."""

MOST_JUDGES = 200
"""More than the challenge has would make every judgement slow; the rest is trained on."""

MAX_SKIPPED_SHARE = 0.5
"""A folder with a larger share of unreadable files is refused as a whole."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Photographs to train on and photographs to judge by; the two never share one."""

    name: str
    scale: int
    train: Pairs
    validation: Pairs
    skipped: tuple[Skipped, ...]
    """Files that could not be used, with the reason."""

    fingerprint: str
    """SHA-256 of every pixel, the order, the split and the scale."""

    split: Literal["list", "content"]
    """What decided which photographs judge: a list or folders of the data set, or their content."""

    mapped: Path | None = None
    """Folder of the files that the pixels are mapped from; None where memory holds them."""

    @property
    def bytes(self) -> int:
        """What all pixels take."""
        return self.train.bytes + self.validation.bytes

    def tier(self, device: torch.device) -> data_memory.Tier:
        """Where a training on ``device`` keeps the photographs that it cuts from."""
        return data_memory.tier(self.train.bytes, device, mapped=self.mapped is not None)


@dataclass(frozen=True, eq=False)
class _Entry:
    """A pair, where the data set puts it, and what its content is known by."""

    pair: Pair
    part: Part | None
    digest: str
    given: str


def load(
    source: str | Path, scale: int = 4, *, memory_bytes: int | None = None, turns: Turns | None = None
) -> ImageSet:
    """Read ``embedded``, a folder of photographs or one of the challenge's layout, and make missing reductions.

    Photographs are cut at the right and lower border to multiples of the scale, as the challenge's ``modcrop`` does.
    What does not fit into memory is decoded to files once, and mapped from there.

    Args:
        source: A folder, or ``embedded``.
        scale: How much smaller the reductions are.
        memory_bytes: What photographs may take of the host's memory; by default ``NAS_IMAGE_MEMORY_MB`` or half of
            what is free.
        turns: Taken for each photograph by whoever does not hold them; None where nobody measures.

    Raises:
        DataError: the folder is missing, or holds too few readable photographs.
    """
    if source == EMBEDDED:
        name, sources = EMBEDDED, data_sources.embedded()
    else:
        name, sources = Path(source).name, data_sources.folder(Path(source), scale)
    budget = data_memory.host_bytes() if memory_bytes is None else memory_bytes
    turns = turns or Turns("cpu")
    if source == EMBEDDED or data_sources.decoded_bytes(sources, scale) <= budget:
        entries, skipped = _in_memory(sources, scale, turns)
        return _image_set(name, scale, _checked(source, entries, skipped), skipped, None)
    entries, skipped, folder = _on_disk(sources, scale, turns)
    return _image_set(name, scale, _checked(source, entries, skipped), skipped, folder)


def _in_memory(sources: Sequence[Source], scale: int, turns: Turns) -> tuple[list[_Entry], list[Skipped]]:
    entries: list[_Entry] = []
    skipped: list[Skipped] = []
    for item in data_sources.decode_all(sources, scale, turns):
        if isinstance(item, Decoded):
            pair = Pair(item.name, torch.from_numpy(item.hr), torch.from_numpy(item.lr))
            entries.append(_Entry(pair, item.part, item.digest, item.given))
        else:
            skipped.append(item)
    return entries, skipped


def _on_disk(sources: Sequence[Source], scale: int, turns: Turns) -> tuple[list[_Entry], list[Skipped], Path]:
    folder, index = data_shards.items(sources, scale, data_shards.cache(), turns)
    shards = data_shards.Shards(folder)
    entries = [
        _Entry(
            Pair(item["name"], shards.image(item["hr"]), shards.image(item["lr"])),
            item["part"],
            item["digest"],
            item["given"],
        )
        for item in index
        if "digest" in item
    ]
    return entries, [Skipped(item["name"], item["reason"]) for item in index if "reason" in item], folder


def _checked(source: str | Path, entries: list[_Entry], skipped: Sequence[Skipped]) -> list[_Entry]:
    files = len(entries) + len(skipped)
    if len(skipped) > MAX_SKIPPED_SHARE * files:
        first = skipped[0]
        raise DataError(
            f"Data folder {str(source)!r}: {len(skipped)} of {files} files are no usable photographs, and only "
            f"{MAX_SKIPPED_SHARE:.0%} may be ({first.name!r} {first.reason}); remove or replace them."
        )
    parts = {entry.part for entry in entries}
    if parts == {"train"}:
        raise DataError(f"Data folder {str(source)!r} lists no photograph to judge by; name one in its list.")
    if parts == {None} and len({entry.digest for entry in entries}) < 2:
        raise DataError(
            f"Data folder {str(source)!r} needs at least two different photographs, one of them to judge by."
        )
    return entries


def _image_set(
    name: str, scale: int, entries: list[_Entry], skipped: Sequence[Skipped], mapped: Path | None
) -> ImageSet:
    listed = any(entry.part for entry in entries)
    judges = {entry.digest for entry in entries if entry.part == "validation"} if listed else _judges(entries)
    train = [entry for entry in entries if entry.digest not in judges]
    validation = [entry for entry in entries if entry.digest in judges and entry.part != "train"]
    twice = [entry.pair.name for entry in entries if entry.digest in judges and entry.part == "train"]
    skipped = (*skipped, *(Skipped(copy, "is also among the photographs to judge by") for copy in twice))
    return ImageSet(
        name,
        scale,
        Pairs(entry.pair for entry in train),
        Pairs(entry.pair for entry in validation),
        skipped,
        _fingerprint(scale, train, validation),
        "list" if listed else "content",
        mapped,
    )


def _judges(entries: Sequence[_Entry]) -> set[str]:
    """By content, never by order or name, so that adding or renaming files moves no other photograph across.

    Only where a folder is so small that chance leaves one side empty, the photograph of the lowest (or highest)
    digest goes there; and where it has ``MOST_JUDGES`` already, an added one may take the place of one of them.
    """
    digests = sorted({entry.digest for entry in entries})
    judges = [digest for digest in digests if int(digest[-2:], 16) * VALIDATION_PART < 256] or digests[:1]
    return set(judges[:MOST_JUDGES]) - (set(digests[-1:]) if len(judges) == len(digests) else set())


def _fingerprint(scale: int, train: Sequence[_Entry], validation: Sequence[_Entry]) -> str:
    digest = hashlib.sha256(f"images/2 x{scale}".encode())
    for part, entries in (("train", train), ("validation", validation)):
        for entry in entries:
            digest.update(f"{part} {tuple(entry.pair.hr.shape)} {entry.digest} {entry.given}\n".encode())
    return digest.hexdigest()
