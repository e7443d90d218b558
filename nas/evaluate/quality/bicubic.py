"""MATLAB's ``imresize(x, ..., "bicubic")`` for whole scale factors, in exact integer arithmetic.

With a whole factor every kernel weight is a fraction over ``2 (2 s)^3``, so sums and ties are exact and the result is
the same on every machine. As MATLAB does on uint8 images: borders are mirrored (the edge pixel repeats), rows come
before columns, and each pass ends with a round half up and a clip to 0..255.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""(H, W, 3), uint8."""

Taps = NDArray[np.int64]


def downscale(image: Image, scale: int) -> Image:
    """Antialiased bicubic reduction by a whole factor; H and W must be multiples of it.

    Shapes:
        image: (scale * h, scale * w, 3)
        returns: (h, w, 3)

    Reference:
        Keys, 1981, with a = -0.5; MATLAB's imresize, which widens the kernel by the factor.
    """
    return _transpose(_reduce_rows(_transpose(_reduce_rows(image, scale)), scale))


def upscale(image: Image, scale: int) -> Image:
    """Bicubic enlargement by a whole factor: the floor that every network has to beat.

    Shapes:
        image: (h, w, 3)
        returns: (scale * h, scale * w, 3)
    """
    rows = _resize_rows(image, *_taps_up(image.shape[0], scale))
    return _transpose(_resize_rows(_transpose(rows), *_taps_up(image.shape[1], scale)))


def _reduce_rows(image: Image, scale: int) -> Image:
    """One tap of all rows at a time: their weights are alike, and int32 holds the sums of any scale up to 20."""
    length = image.shape[0] // scale
    reach = 2 * scale
    source = np.arange(-reach, 3 * scale)
    weights = _kernel(2 * source + 1 - scale, scale)
    padded = np.pad(image, ((reach, reach), (0, 0), (0, 0)), mode="symmetric")
    total = np.zeros((length, *image.shape[1:]), dtype=np.int32)
    for tap in np.flatnonzero(weights):
        total += padded[tap : tap + scale * length : scale] * np.int32(weights[tap])
    return _round(total, int(weights.sum()))


def _taps_up(length: int, scale: int) -> tuple[Taps, Taps]:
    out = np.arange(length * scale)[:, None]
    source = out // scale + np.arange(-2, 3)[None, :]
    return _mirror(source, length), _kernel((2 * source + 1) * scale - 2 * out - 1, scale)


def _kernel(distance: Taps, scale: int) -> Taps:
    """Keys' cubic at ``distance / (2 scale)``, times ``2 (2 scale)^3``: a whole number."""
    unit = 2 * scale
    m = np.abs(distance)
    near = 3 * m**3 - 5 * unit * m**2 + 2 * unit**3
    far = -(m**3) + 5 * unit * m**2 - 8 * unit**2 * m + 4 * unit**3
    return np.where(m <= unit, near, np.where(m < 2 * unit, far, 0))


def _mirror(index: Taps, length: int) -> Taps:
    wrapped = index % (2 * length)
    return np.where(wrapped < length, wrapped, 2 * length - 1 - wrapped)


def _resize_rows(image: Image, source: Taps, weights: Taps) -> Image:
    total = np.zeros((len(source), *image.shape[1:]), dtype=np.int64)
    for tap in range(source.shape[1]):
        total += weights[:, tap, None, None] * image[source[:, tap]]
    return _round(total, int(weights[0].sum()))


def _round(total: NDArray[Any], whole: int) -> Image:
    rounded: NDArray[Any] = (2 * total + whole) // (2 * whole)
    return rounded.clip(0, 255).astype(np.uint8)


def _transpose(image: Image) -> Image:
    return np.ascontiguousarray(image.transpose(1, 0, 2))
