"""What a recipe may say about its loss. Read without torch; the formulas are in ``losses``."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, NonNegativeFloat, PositiveFloat, model_validator

from nas.evaluate.quality.part import Part


class _Weighted(Part):
    weight: NonNegativeFloat


class Charbonnier(_Weighted):
    """A weight, and where the distance turns from square to linear."""

    epsilon: PositiveFloat = 1e-3
    """Differences below it are treated as squares; image values are in [0, 1]."""


class Frequency(_Weighted):
    """A weight, and what takes the images to frequencies."""

    transform: Literal["fft", "dct"] = "fft"
    """fft: Fourier, not normalised; dct: orthonormal cosine transform."""


class GradientVariance(_Weighted):
    """A weight, and the side of the squares that variances are taken over."""

    patch: Annotated[int, Field(ge=2)] = 8


class Pyramid(_Weighted):
    """A weight, and how deep the pyramid is."""

    levels: Annotated[int, Field(ge=1, le=8)] = 3
    """Band-pass levels; what is left below them counts as one more."""


def _plain(term: float | _Weighted) -> float | _Weighted:
    """One way to write one loss, so that it has one hash."""
    if isinstance(term, _Weighted) and set(term.model_dump(exclude_defaults=True)) == {"weight"}:
        return term.weight
    return term


class Loss(Part):
    """A weighted sum of distances on [0, 1] images; a term is its weight, or a mapping with ``weight`` and more."""

    l1: NonNegativeFloat = 0.0
    """Mean absolute difference."""

    l2: NonNegativeFloat = 0.0
    """Mean squared difference."""

    charbonnier: Annotated[NonNegativeFloat | Charbonnier, AfterValidator(_plain)] = 0.0
    """Mean of sqrt(difference^2 + epsilon^2)."""

    psnr: NonNegativeFloat = 0.0
    """How many dB an image's PSNR stays below 80 dB."""

    frequency: Annotated[NonNegativeFloat | Frequency, AfterValidator(_plain)] = 0.0
    """Mean absolute difference of Fourier or cosine coefficients."""

    gradient_variance: Annotated[NonNegativeFloat | GradientVariance, AfterValidator(_plain)] = 0.0
    """Mean squared difference of the local variances of Sobel gradients."""

    pyramid: Annotated[NonNegativeFloat | Pyramid, AfterValidator(_plain)] = 0.0
    """Mean absolute difference of the levels of a Laplacian pyramid, summed over them."""

    high_pass: NonNegativeFloat = 0.0
    """Mean absolute difference of what a blur takes away."""

    @model_validator(mode="after")
    def _not_empty(self) -> "Loss":
        if not any(True for _ in self.terms()):
            raise ValueError("a loss needs at least one term with a weight above 0")
        return self

    def terms(self) -> Iterator[tuple[str, float, dict[str, Any]]]:
        """Name, weight and parameters of every term that counts."""
        for name, term in self:
            weight = term.weight if isinstance(term, _Weighted) else term
            if weight:
                yield name, weight, term.model_dump(exclude={"weight"}) if isinstance(term, _Weighted) else {}
