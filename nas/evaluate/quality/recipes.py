"""Recipes: how a network is trained, as data. Read without torch."""

import hashlib
import json
from collections.abc import Mapping
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

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

from nas.errors import RecipeError, UnknownNameError
from nas.evaluate.quality.loss_terms import Loss
from nas.evaluate.quality.schedules import Schedule
from nas.language.reader import read_file, read_text

Decay = Annotated[float, Field(gt=0, lt=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class Optimizer(_Part):
    """What turns gradients into steps."""

    kind: Literal["adam", "adamw"]
    lr: PositiveFloat
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    weight_decay: NonNegativeFloat = 0.0


class Stage(_Part):
    """A stretch of training with one loss, one patch size and one optimizer; it starts from the last one's result."""

    steps: PositiveInt

    patch: PositiveInt
    """Side of a crop, in LR pixels."""

    batch: PositiveInt
    loss: Loss
    optimizer: Optimizer
    schedule: Schedule

    ema: Decay | None = None
    """Decay of the running average of the weights; the average is then the stage's result."""

    grad_clip: PositiveFloat | None = None
    """Largest norm of the gradient."""

    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16: mixed precision; the weights stay fp32."""


class Recipe(_Part):
    """How to train one candidate, and where the search may stop it."""

    name: str = Field(min_length=1)
    description: str = ""

    rungs: tuple[PositiveInt, ...] = Field(min_length=1)
    """Steps after which candidates are compared, counted from the start; the last is the whole recipe."""

    eta: PositiveInt = 3
    """One candidate in this many goes on to the next rung."""

    stages: tuple[Stage, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _rungs_fit(self) -> "Recipe":
        if any(later <= earlier for earlier, later in pairwise(self.rungs)):
            raise ValueError(f"rungs have to grow, got {list(self.rungs)}")
        if self.rungs[-1] != self.steps:
            raise ValueError(f"the last rung has to be the steps of all stages, {self.steps}, got {self.rungs[-1]}")
        return self

    @property
    def steps(self) -> int:
        """Steps of all stages together."""
        return sum(stage.steps for stage in self.stages)

    @property
    def hash(self) -> str:
        """SHA-256 of what decides the weights: the stages, not the name, the rungs or fields left at their default."""
        stages = [stage.model_dump(mode="json", exclude_defaults=True) for stage in self.stages]
        text = json.dumps(["recipe/1", stages], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def ready_made() -> tuple[str, ...]:
    """Names of the recipes that come with the service."""
    folder = files("search_spaces") / "recipes"
    return tuple(sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml")))


def load_recipe(source: str | Path | Mapping[str, Any]) -> Recipe:
    """A recipe by ready-made name, from a YAML or JSON file, or from a mapping.

    Raises:
        UnknownNameError: no ready-made recipe has that name.
        RecipeError: a value breaks a rule of recipes.
        LanguageError, RequestError: the file cannot be read.
    """
    if isinstance(source, Mapping):
        return _validate(source, str(source.get("name", "given in the request")))
    if isinstance(source, Path) or Path(source).suffix:
        return _validate(read_file(Path(source)), str(source))
    if source not in ready_made():
        raise UnknownNameError("recipe", source, ready_made())
    text = (files("search_spaces") / "recipes" / f"{source}.yaml").read_text(encoding="utf-8")
    return _validate(read_text(text, f"{source}.yaml"), source)


def _validate(document: Any, name: str) -> Recipe:
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        raise RecipeError(f"Recipe {name!r}: {_sentence(error)}.") from None


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    path = ".".join(map(str, first["loc"])) or "the document"
    given = f", got {first['input']!r}" if first["type"] not in ("missing", "value_error") else ""
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    message = first["msg"].removeprefix("Value error, ")
    return f"{path}: {message[0].lower()}{message[1:]}{given}{more}"
