"""Photographs as arrays: one file at a time, and where the embedded ones lie."""

import struct
import threading
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import ExifTags, ImageOps
from PIL import Image as Pillow

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

SIDEWAYS = range(5, 9)
"""EXIF orientations of pictures whose rows are stored as columns."""

UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, struct.error, Pillow.DecompressionBombError)
"""What Pillow raises of a file that it cannot decode, or whose EXIF data it cannot."""

_OPENING = threading.Lock()
"""Filters of warnings belong to the whole process; files are opened one at a time and decoded side by side."""


@dataclass(frozen=True)
class Skipped:
    """A file that looked like a photograph and was none."""

    name: str
    reason: str


def embedded() -> list[tuple[str, Path]]:
    """Names and files of the seven photographs of scikit-image and scikit-learn, in a fixed order.

    Raises:
        DataError: one of the packages or its file is not installed.
    """
    return [(name, _packaged(*place)) for name, place in EMBEDDED.items()]


def attempt(path: Path, *, least: int = MIN_SIDE_PIXELS) -> Image | str:
    """Decode a file whose shorter side should have ``least`` pixels, or say what is wrong with it."""
    try:
        image = read(path)
    except FileNotFoundError:
        return "is missing"
    except UNREADABLE as error:
        return f"cannot be decoded ({type(error).__name__})"
    return image if min(image.shape[:2]) >= least else f"is smaller than {least} pixels"


def pixels(path: Path) -> int:
    """Pixels of a picture by its header; 0 where it cannot be read."""
    height, width = size(path)
    return height * width


def size(path: Path) -> tuple[int, int]:
    """Height and width of a picture, upright, by its header; (0, 0) where it cannot be read."""
    try:
        with _open(path) as opened:
            lies = opened.getexif().get(ExifTags.Base.Orientation, 1) in SIDEWAYS
            return (opened.width, opened.height) if lies else (opened.height, opened.width)
    except UNREADABLE:
        return 0, 0


def read(path: Path) -> Image:
    """Decode one file to RGB, upright: (H, W, 3).

    Palettes, grey and CMYK are converted, of 16 bits the upper 8 are kept, transparency is dropped (the colour that
    lies under it stays), and EXIF rotation is applied. Of an animation the first picture counts.

    Raises:
        UNREADABLE: Pillow could not decode it.
    """
    with _open(path) as opened:
        return np.array(_to_rgb(ImageOps.exif_transpose(opened)), dtype=np.uint8)


def _open(path: Path) -> Pillow.Image:
    with _OPENING, warnings.catch_warnings():
        # A photograph of more than 90 megapixels is large, not suspicious; Pillow still refuses twice that.
        warnings.simplefilter("ignore", Pillow.DecompressionBombWarning)
        return Pillow.open(path)


def _to_rgb(picture: Pillow.Image) -> Pillow.Image:
    if picture.mode.startswith("I"):
        eight_bits = (np.asarray(picture).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
        picture = Pillow.fromarray(eight_bits)
    if "transparency" in picture.info:
        picture = picture.convert("RGBA")
    return picture.convert("RGB")


def _packaged(package: str, inside: str) -> Path:
    spec = find_spec(package)  # finds the folder without importing the package, which would take a second
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"The embedded photographs need the package {package!r}; install it or give a folder.")
    path = Path(spec.submodule_search_locations[0]) / inside
    if not path.is_file():
        raise DataError(f"Package {package!r} lacks its photograph {inside!r}; reinstall it or give a folder.")
    return path
