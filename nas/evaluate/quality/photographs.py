"""Photographs as arrays: those inside the installed packages, and folders of files."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

from nas.errors import DataError
from nas.evaluate.quality.bicubic import Image

EMBEDDED = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "chelsea": ("skimage", "data/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "rocket": ("skimage", "data/rocket.jpg"),
    "hubble_deep_field": ("skimage", "data/hubble_deep_field.jpg"),
    "china": ("sklearn", "datasets/images/china.jpg"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
}
"""Name of each embedded photograph: the package that brings it, and where it lies inside."""

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
MIN_SIDE_PIXELS = 48
"""A smaller photograph leaves nothing to train on or to compare once the border is cut."""


@dataclass(frozen=True)
class Photograph:
    """One decoded photograph."""

    name: str
    """File name relative to its folder, or the embedded name."""

    image: Image
    """(H, W, 3), uint8, RGB, upright."""


@dataclass(frozen=True)
class Skipped:
    """A file that looked like a photograph and was none."""

    name: str
    reason: str


def embedded() -> list[Photograph]:
    """The seven photographs of scikit-image and scikit-learn, in a fixed order.

    Raises:
        DataError: one of the packages or its file is not installed.
    """
    return [Photograph(name, read(_packaged(*place))) for name, place in EMBEDDED.items()]


def folder(path: Path) -> Iterator[Photograph | Skipped]:
    """Every PNG, JPEG and WebP under ``path``, by name; one that cannot be read is handed on as skipped.

    Raises:
        DataError: the folder does not exist or holds no such file.
    """
    if not path.is_dir():
        raise DataError(f"Data folder {str(path)!r} does not exist; give a folder of PNG, JPEG or WebP photographs.")
    files = sorted(file for file in path.rglob("*") if _is_candidate(file.relative_to(path)))
    if not files:
        raise DataError(f"Data folder {str(path)!r} holds no PNG, JPEG or WebP file; put photographs there.")
    return (_attempt(file, file.relative_to(path).as_posix()) for file in files)


def read(path: Path) -> Image:
    """Decode one file to RGB: palettes and grey are expanded, transparency dropped, EXIF rotation applied.

    Raises:
        OSError, ValueError, SyntaxError: Pillow could not decode it.
    """
    with warnings.catch_warnings():
        # A photograph of more than 90 megapixels is large, not suspicious; Pillow still refuses twice that.
        warnings.simplefilter("ignore", Pillow.DecompressionBombWarning)
        with Pillow.open(path) as opened:
            upright = ImageOps.exif_transpose(opened)
            return np.array(_to_rgb(upright), dtype=np.uint8)


def _to_rgb(picture: Pillow.Image) -> Pillow.Image:
    if picture.mode.startswith("I"):
        eight_bits = (np.asarray(picture).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
        picture = Pillow.fromarray(eight_bits)
    if "transparency" in picture.info:
        picture = picture.convert("RGBA")
    return picture.convert("RGB")


def _attempt(file: Path, name: str) -> Photograph | Skipped:
    try:
        image = read(file)
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
        return Skipped(name, f"cannot be decoded ({type(error).__name__})")
    if min(image.shape[:2]) < MIN_SIDE_PIXELS:
        return Skipped(name, f"is smaller than {MIN_SIDE_PIXELS} pixels")
    return Photograph(name, image)


def _is_candidate(relative: Path) -> bool:
    return relative.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in relative.parts)


def _packaged(package: str, inside: str) -> Path:
    spec = find_spec(package)  # finds the folder without importing the package, which would take a second
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"The embedded photographs need the package {package!r}; install it or give a folder.")
    path = Path(spec.submodule_search_locations[0]) / inside
    if not path.is_file():
        raise DataError(f"Package {package!r} lacks its photograph {inside!r}; reinstall it or give a folder.")
    return path
