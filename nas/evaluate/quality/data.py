"""A data set: photographs, their exact bicubic reductions, and which of them only judge."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from nas.errors import DataError
from nas.evaluate.quality import photographs
from nas.evaluate.quality.bicubic import downscale
from nas.evaluate.quality.photographs import Photograph, Skipped

EMBEDDED = "embedded"
EMBEDDED_VALIDATION = frozenset({"coffee", "china"})
VALIDATION_PART = 10
"""One photograph in this many judges, where the data set brings no list."""

MAX_SKIPPED_SHARE = 0.5
"""A folder with a larger share of unreadable files is refused as a whole."""


@dataclass(frozen=True, eq=False)
class Pair:
    """A photograph and its reduction.

    Shapes:
        hr: (scale * h, scale * w, 3), uint8
        lr: (h, w, 3), uint8
    """

    name: str
    hr: Tensor
    lr: Tensor


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Photographs to train on and photographs to judge by; the two never share one."""

    name: str
    scale: int
    train: tuple[Pair, ...]
    validation: tuple[Pair, ...]
    skipped: tuple[Skipped, ...]
    """Files that could not be used, with the reason."""

    fingerprint: str
    """SHA-256 of every pixel, the split and the scale."""


def load(source: str | Path, scale: int = 4) -> ImageSet:
    """Read ``embedded`` or a folder of photographs and make their reductions.

    Raises:
        DataError: the folder is missing, or holds too few readable photographs.
    """
    if source == EMBEDDED:
        found = photographs.embedded()
        train = [photo for photo in found if photo.name not in EMBEDDED_VALIDATION]
        validation = [photo for photo in found if photo.name in EMBEDDED_VALIDATION]
        return _image_set(EMBEDDED, scale, train, validation)
    path = Path(source)
    found, skipped = _sort(photographs.folder(path))
    _check(path, found, skipped)
    train, validation = _split(path, found)
    return _image_set(path.name, scale, train, validation, skipped)


def _sort(items: Iterable[Photograph | Skipped]) -> tuple[list[Photograph], list[Skipped]]:
    found: list[Photograph] = []
    skipped: list[Skipped] = []
    for item in items:
        (found if isinstance(item, Photograph) else skipped).append(item)  # type: ignore[arg-type]
    return found, skipped


def _check(path: Path, found: Sequence[Photograph], skipped: Sequence[Skipped]) -> None:
    files = len(found) + len(skipped)
    if len(skipped) > MAX_SKIPPED_SHARE * files:
        first = skipped[0]
        raise DataError(
            f"Data folder {str(path)!r}: {len(skipped)} of {files} files are no usable photographs "
            f"({first.name!r} {first.reason}); remove or replace them."
        )


def _split(path: Path, found: Sequence[Photograph]) -> tuple[list[Photograph], list[Photograph]]:
    """By content, never by order or name, so that adding or renaming files moves no other photograph across.

    Only where a folder is so small that chance leaves one side empty, the photograph of the lowest (or highest)
    digest goes there.
    """
    digest = {photo.name: hashlib.sha256(photo.image.tobytes()).digest() for photo in found}
    by_digest = sorted(set(digest.values()))
    if len(by_digest) < 2:
        raise DataError(f"Data folder {str(path)!r} needs at least two different photographs, one of them to judge by.")
    judges = {value for value in by_digest if value[-1] * VALIDATION_PART < 256} or {by_digest[0]}
    if len(judges) == len(by_digest):
        judges.discard(by_digest[-1])
    train = [photo for photo in found if digest[photo.name] not in judges]
    return train, [photo for photo in found if digest[photo.name] in judges]


def _image_set(
    name: str,
    scale: int,
    train: Sequence[Photograph],
    validation: Sequence[Photograph],
    skipped: Sequence[Skipped] = (),
) -> ImageSet:
    train_pairs = tuple(_pair(photo, scale) for photo in train)
    validation_pairs = tuple(_pair(photo, scale) for photo in validation)
    fingerprint = _fingerprint(scale, train_pairs, validation_pairs)
    return ImageSet(name, scale, train_pairs, validation_pairs, tuple(skipped), fingerprint)


def _pair(photo: Photograph, scale: int) -> Pair:
    height, width = photo.image.shape[0] // scale * scale, photo.image.shape[1] // scale * scale
    hr = photo.image[:height, :width].copy()
    return Pair(photo.name, torch.from_numpy(hr), torch.from_numpy(downscale(hr, scale)))


def _fingerprint(scale: int, train: Sequence[Pair], validation: Sequence[Pair]) -> str:
    digest = hashlib.sha256(f"images/1 x{scale}".encode())
    for part, pairs in (("train", train), ("validation", validation)):
        for pair in pairs:
            digest.update(f"{part} {tuple(pair.hr.shape)}".encode())
            digest.update(pair.hr.numpy().tobytes())
    return digest.hexdigest()
