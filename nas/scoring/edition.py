"""An edition of the challenge as data: its baseline, weights, gates and results."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from nas.errors import RequestError, UnknownNameError
from nas.language.reader import read_file, read_text

DEFAULT_EDITION = "ntire2025"
Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class Baseline(_Part):
    """What the scores of an edition are relative to."""

    system: str
    """Name of the published system."""

    team: str
    """What its row in the results is called."""

    params: PositiveInt
    """Exact, of the deployed form."""

    flops: PositiveInt
    """Exact multiply-accumulates of one 3x256x256 input."""

    runtime_ms: PositiveFloat
    """As printed, from the organisers' device."""

    params_m: PositiveFloat
    flops_g: PositiveFloat


class Weights(_Part):
    """What each part counts in the final score; together 1."""

    runtime: NonNegativeFloat
    params: NonNegativeFloat
    flops: NonNegativeFloat

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        total = self.runtime + self.params + self.flops
        if abs(total - 1) > 1e-9:
            raise ValueError(f"the weights have to sum to 1, got {total:g}")
        return self


class Gates(_Part):
    """Which PSNR a network needs to be ranked."""

    margin_db: NonNegativeFloat
    """How far under the baseline's PSNR on the validation set a network may stay."""

    psnr_val_db: Finite
    psnr_test_db: Finite


class Cells(_Part):
    """The four scores of a row, as printed."""

    runtime: PositiveFloat
    params: PositiveFloat
    flops: PositiveFloat
    final: PositiveFloat


class Ranks(_Part):
    """The four ranks of a row, as printed."""

    runtime: PositiveInt
    params: PositiveInt
    flops: PositiveInt
    final: PositiveInt


class Result(_Part):
    """One row of the report's table, cell by cell."""

    team: str
    psnr_val_db: Finite
    psnr_test_db: Finite
    runtime_val_ms: PositiveFloat
    runtime_test_ms: PositiveFloat
    runtime_ms: PositiveFloat
    """The mean of both data sets."""

    params_m: PositiveFloat
    flops_g: PositiveFloat
    activations_m: PositiveFloat | None = None
    memory_mb: PositiveFloat | None = None
    convs: PositiveInt | None = None
    scores: Cells | None = None
    """Left out where the report prints none."""

    ranks: Ranks | None = None
    """Left out where the row is not ranked."""

    note: str = ""


class Edition(_Part):
    """The rules of one challenge, and what was reported of it."""

    name: str = Field(min_length=1)
    title: str = ""
    scale: PositiveInt = 4
    baseline: Baseline
    weights: Weights
    gates: Gates
    protocol: str = "challenge"
    results: tuple[Result, ...] = ()


def edition_names() -> tuple[str, ...]:
    """Names of the editions that come with the service."""
    folder = resources.files("search_spaces") / "challenges"
    names = (item.name for item in folder.iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))


def load_edition(source: str | Path | Mapping[str, Any] | Edition | None = None) -> Edition:
    """An edition by name, from a YAML or JSON file, or from a mapping; the default one for None.

    Raises:
        UnknownNameError: no edition has that name.
        RequestError: the file is missing, or a value breaks a rule.
        LanguageError: the file is not plain YAML or JSON.
    """
    if source is None:
        return _ready_made(DEFAULT_EDITION)
    if isinstance(source, Edition):
        return source
    if isinstance(source, Mapping):
        return _validate(source, str(source.get("name", "given in the request")))
    if isinstance(source, Path) or Path(source).suffix or "/" in source:
        return _validate(read_file(Path(source)), str(source))
    return _ready_made(source)


@cache
def _ready_made(name: str) -> Edition:
    if name not in edition_names():
        raise UnknownNameError("challenge edition", name, edition_names())
    text = (resources.files("search_spaces") / "challenges" / f"{name}.yaml").read_text(encoding="utf-8")
    return _validate(read_text(text, f"{name}.yaml"), name)


def _validate(document: Any, name: str) -> Edition:
    try:
        return Edition.model_validate(document)
    except ValidationError as error:
        raise RequestError(f"Challenge edition {name!r}: {_sentence(error)}.") from None


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    path = ".".join(map(str, first["loc"])) or "the document"
    given = f", got {first['input']!r}" if first["type"] not in ("missing", "value_error") else ""
    message = first["msg"].removeprefix("Value error, ")
    return f"{path}: {message[0].lower()}{message[1:]}{given}"
