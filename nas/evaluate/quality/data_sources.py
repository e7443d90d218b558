"""Which files make a data set, in which part each belongs, and what becomes of one when it is read."""

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from nas.errors import DataError
from nas.evaluate.quality import photographs
from nas.evaluate.quality.bicubic import Image, downscale
from nas.evaluate.quality.photographs import SUFFIXES, Skipped
from nas.evaluate.quality.turns import Turns, expect_free

VALIDATION_LIST = "validation.txt"
EMBEDDED = "embedded"
EMBEDDED_VALIDATION = frozenset({"coffee", "china"})
MOST_THREADS = 8

Part = Literal["train", "validation"]


@dataclass(frozen=True)
class Source:
    """A file that should hold a photograph."""

    name: str
    hr: Path

    lr: Path | None = None
    """Its reduction where the data set brings one; it is then used as it is."""

    part: Part | None = None
    """Where the data set says that it belongs; None leaves it to the content."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """A photograph, its reduction, and what they are known by.

    Shapes:
        hr: (scale * h, scale * w, 3), uint8: the photograph without the rows and columns that do not fill a pixel
        lr: (h, w, 3), uint8
    """

    name: str
    hr: Image
    lr: Image
    part: Part | None

    digest: str
    """SHA-256 of the whole photograph's pixels."""

    given: str
    """SHA-256 of the reduction's pixels where the data set brought it, else empty."""


def embedded() -> list[Source]:
    """The photographs inside installed packages; their validation part is a list."""
    parts: dict[bool, Part] = {True: "validation", False: "train"}
    return [Source(name, path, part=parts[name in EMBEDDED_VALIDATION]) for name, path in photographs.embedded()]


def folder(path: Path, scale: int) -> list[Source]:
    """The photographs of a folder, in the order of their names.

    A folder that holds folders ``NAME_HR``, or is one, has the challenge's layout: with ``train``, ``valid`` or
    ``test`` in NAME they are parts, and reductions are taken from ``NAME_LR`` (``0801.png`` and ``0801x4.png``).
    Any other folder is searched through; a file ``validation.txt`` may name those to judge by, one a line.

    Raises:
        DataError: the folder does not exist, holds no such file, or its list names others.
    """
    if not path.is_dir():
        raise DataError(f"Data folder {str(path)!r} does not exist; give a folder of PNG, JPEG or WebP photographs.")
    found = _challenge(path, scale) or _listed(path, [Source(_name(file, path), file) for file in _files(path)])
    if not found:
        raise DataError(f"Data folder {str(path)!r} holds no PNG, JPEG or WebP file; put photographs there.")
    return found


def decode(source: Source, scale: int) -> Decoded | Skipped:
    """Read one file, and reduce it unless its reduction is given; whatever is wrong with it becomes a reason."""
    hr = photographs.attempt(source.hr)
    if isinstance(hr, str):
        return Skipped(source.name, hr)
    height, width = hr.shape[0] // scale, hr.shape[1] // scale
    cut = hr[: scale * height, : scale * width]
    digest = hashlib.sha256(hr.tobytes()).hexdigest()
    if source.lr is None:
        return Decoded(source.name, cut.copy(), downscale(cut, scale), source.part, digest, "")
    lr = photographs.attempt(source.lr, least=1)
    if isinstance(lr, str):
        return Skipped(source.name, f"has a reduction {source.lr.name!r} that {lr}")
    if lr.shape[:2] != (height, width):
        size = f"{lr.shape[1]}x{lr.shape[0]}"
        return Skipped(source.name, f"has a reduction {source.lr.name!r} of {size} and not {width}x{height} pixels")
    return Decoded(source.name, cut.copy(), lr, source.part, digest, hashlib.sha256(lr.tobytes()).hexdigest())


def decode_all(sources: Sequence[Source], scale: int, turns: Turns) -> Iterator[Decoded | Skipped]:
    """Every source in order, decoded a few ahead in threads, each of them in a turn of its own."""
    expect_free()  # the threads would wait for a measurer, who waits for whoever waits for them

    def decoded(source: Source) -> Decoded | Skipped:
        with turns.taken():
            return decode(source, scale)

    threads = min(os.cpu_count() or 1, MOST_THREADS)
    waiting: deque[Future[Decoded | Skipped]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        todo = iter(sources)
        for source in islice(todo, 2 * threads):
            waiting.append(pool.submit(decoded, source))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(decoded, source) for source in islice(todo, 1))


def decoded_bytes(sources: Iterable[Source], scale: int) -> int:
    """What all sources take once decoded, from the files' headers alone."""
    return sum(3 * pixels + 3 * pixels // scale**2 for pixels in (photographs.pixels(source.hr) for source in sources))


def reduced_sizes(source: str | Path, scale: int) -> list[tuple[int, int]]:
    """Height and width of the reductions to measure latency on, from the files' headers alone.

    Those to judge by where the data set lists them, else all; what cannot be read is left to whoever decodes it.

    Raises:
        DataError: the folder does not exist, or holds no readable photograph.
    """
    sources = embedded() if source == EMBEDDED else folder(Path(source), scale)
    judges = [item for item in sources if item.part == "validation"] or sources
    sizes = [photographs.size(item.hr) for item in judges]
    found = [(height // scale, width // scale) for height, width in sizes if min(height, width) >= scale]
    if not found:
        raise DataError(f"Data folder {str(source)!r} holds no readable photograph to measure latency by.")
    return found


def _challenge(path: Path, scale: int) -> list[Source]:
    inside = [path] if path.name.endswith("_HR") else sorted(child for child in path.glob("*_HR") if child.is_dir())
    parts = {child: _part(child.name) for child in inside}
    if "valid" in parts.values():  # the organisers' test set is another figure, to be had by naming its folder
        parts = {child: part for child, part in parts.items() if part != "test"}
    trained = "train" in parts.values() and len(set(parts.values())) > 1
    found: list[Source] = []
    for child, word in parts.items():
        low = child.with_name(f"{child.name.removesuffix('_HR')}_LR")
        root = child if len(parts) == 1 else path
        part: Part | None = "validation" if word in ("valid", "test") else "train" if trained else None
        files = {file: _low(low, file, scale) for file in _files(child)}
        brought = any(path.is_file() for path in files.values())  # it may bring those of another scale
        found += [Source(_name(file, root), file, path if brought else None, part) for file, path in files.items()]
    return found


def _part(name: str) -> str:
    return next((word for word in ("train", "valid", "test") if word in name.lower()), "")


def _low(folder: Path, file: Path, scale: int) -> Path:
    stems = (f"{file.stem}x{scale}", file.stem)
    names = [f"{stem}{suffix}" for stem in stems for suffix in (file.suffix, *sorted(SUFFIXES))]
    return next((folder / name for name in names if (folder / name).is_file()), folder / names[0])


def _listed(path: Path, found: list[Source]) -> list[Source]:
    file = path / VALIDATION_LIST
    if not file.is_file():
        return found
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    names = {line for line in lines if line and not line.startswith("#")}
    if unknown := sorted(names - {source.name for source in found}):
        raise DataError(f"{str(file)!r} names {unknown[0]!r}, which is no photograph of the folder; correct the list.")
    parts: dict[bool, Part] = {True: "validation", False: "train"}
    return [Source(source.name, source.hr, part=parts[source.name in names]) for source in found]


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if _is_candidate(file.relative_to(path)) and file.is_file())


def _is_candidate(relative: Path) -> bool:
    return relative.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in relative.parts)


def _name(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix()
