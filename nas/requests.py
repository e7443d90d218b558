"""What a search is asked to do: the model shared by the service, the command line and the workers."""

import random
import reprlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator

from nas.errors import LanguageError, NasError, RequestError, UnknownNameError
from nas.language import (
    Random,
    Requirement,
    Space,
    check_contradictions,
    load_space,
    parse_requirement,
    space_names,
)
from nas.reach import nearest

Objective = Literal["psnr", "score", "latency", "params", "flops", "activations", "memory", "energy"]
Sampler = Literal["auto", "tpe", "nsga2", "nsga3", "gp", "random"]
MAXIMISED = frozenset({"psnr"})
METRIC_OF: Mapping[Objective, str] = {
    "psnr": "psnr_db",
    "score": "score",
    "latency": "latency_ms",
    "params": "params",
    "flops": "flops",
    "activations": "activations",
    "memory": "memory_mb",
    "energy": "energy_mj",
}
MOST_TRIALS = 100_000
_shorten = reprlib.Repr()
_shorten.maxlevel, _shorten.maxdict, _shorten.maxlist, _shorten.maxstring = 2, 3, 3, 80
_DEVICE = r"auto|cpu|cuda(:[0-9]{1,3})?"


class FieldError(RequestError):
    """A value of a request is wrong.

    Args:
        path: Which one, such as ``data`` or ``objectives.1``.
        sentence: What is wrong, and what to do.
    """

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__(f"{path}: {sentence}" if path else sentence)
        self.path = path
        self.sentence = sentence


class SearchRequest(BaseModel):
    """One search, as it is asked for; ``check`` looks at what the values mean."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    space: str | dict[str, JsonValue]
    """The name of a ready-made space, or the document of one."""
    data: str = "embedded"
    """The name of a registered data set."""
    recipe: str | dict[str, JsonValue] = "demo"
    """The name of a training recipe, or the document of one."""
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1)] = ("psnr", "score")
    """What the front is taken over; PSNR up, all others down."""
    require: Annotated[tuple[str, ...], Field(max_length=32)] = ()
    """Bounds beside those of the space, such as `latency_ms <= 10`."""
    sampler: Sampler = "auto"
    trials: Annotated[int, Field(strict=True, ge=1, le=MOST_TRIALS)] = 40
    """Architectures to evaluate, pruned ones included; what is known already or too costly does not count."""
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**32)] = 0
    device: Annotated[str, Field(pattern=f"^({_DEVICE})$")] = "auto"
    """Where to train and measure: auto, cpu, cuda or cuda:N."""
    name: Annotated[str, Field(max_length=200)] = ""
    """For people; need not be unique."""
    warm_start: bool = False
    """Begin with the published systems that are points of the space."""
    prefilter: bool = True
    """Do not measure what a predictor, learned from this device's measurements, puts far over a bound on latency."""
    wave: Annotated[int, Field(strict=True, ge=1, le=64)] = 4
    """Trials asked together before any of them is told; part of what makes a search repeatable."""

    @field_validator("objectives")
    @classmethod
    def _differ(cls, objectives: tuple[Objective, ...]) -> tuple[Objective, ...]:
        if len(set(objectives)) < len(objectives):
            raise ValueError("name each objective once")
        return objectives


@dataclass(frozen=True)
class CheckedRequest:
    """A request whose space exists and whose bounds can be met."""

    request: SearchRequest
    space: Space
    requirements: tuple[Requirement, ...]
    """Those of the space, then those of the request."""
    size: int
    """Architectures in the space, before any bound."""


def parse(document: Mapping[str, Any]) -> SearchRequest:
    """Read a request from plain data.

    Raises:
        FieldError: a value has the wrong type, or is out of its range.
    """
    try:
        return SearchRequest.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        raise FieldError(".".join(str(step) for step in first["loc"]), explain(first)) from error


def explain(error: Mapping[str, Any]) -> str:
    """What pydantic found wrong with a value, as one sentence."""
    words = str(error["msg"]).removeprefix("Value error, ")
    return f"{words}." if error["type"] == "missing" else f"{words}, got {_shorten.repr(error['input'])}."


def check(request: SearchRequest) -> CheckedRequest:
    """Look at what the values of a request mean.

    Raises:
        LanguageError: the space breaks a rule, a bound cannot be read, or two bounds contradict each other.
        FieldError: the space or the recipe is unknown, or no architecture meets the bounds.
    """
    with located("space"):
        space = usable_space(request.space)
    if isinstance(request.recipe, str) and request.recipe not in recipe_names():
        raise FieldError("recipe", str(UnknownNameError("recipe", request.recipe, recipe_names())))
    own = tuple(parse_requirement(text, f"require.{index}") for index, text in enumerate(request.require))
    requirements = (*space.require, *own)
    check_contradictions(requirements)
    bounds = [item for item in requirements if item.static]
    with located("require"):
        found = nearest(space, bounds) if bounds else None
        if found is not None and found.violation > 0:
            raise RequestError(found.sentence(space.name))
    return CheckedRequest(request, space, requirements, space.size())


def usable_space(source: str | Mapping[str, Any]) -> Space:
    """The space of a ready-made name or of a document, from which at least one architecture can be drawn.

    A text is never taken for a path: no file must be opened for somebody far away.

    Raises:
        UnknownNameError: there is no ready-made space of this name.
        LanguageError: the document breaks a rule, or no draw keeps all of them.
    """
    if isinstance(source, str) and source not in space_names():
        raise UnknownNameError("space", source, space_names())
    space, rng = load_space(source), random.Random(0)
    if space.size() == 0:
        raise LanguageError("", "the space holds no architecture; give every choice at least one option.")
    try:
        space.sample(rng)
    except LanguageError:
        space.draw(Random(rng))  # its error names the place, where that of many draws cannot
        raise
    return space


@contextmanager
def located(path: str) -> Iterator[None]:
    """Say of errors within that they stand at or below `path`."""
    try:
        yield
    except LanguageError as error:
        raise LanguageError(f"{path}.{error.path}" if error.path else path, error.sentence) from error
    except FieldError as error:
        raise FieldError(f"{path}.{error.path}" if error.path else path, error.sentence) from error
    except NasError as error:
        raise FieldError(path, str(error)) from error


def recipe_names() -> list[str]:
    """The recipes that come with the service."""
    found = (resources.files("search_spaces") / "recipes").iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in found if file.name.endswith(".yaml"))


def document_name(named: str | Mapping[str, Any]) -> str:
    """What people call a space or a recipe, which may be a name or a document."""
    return named if isinstance(named, str) else str(named.get("name") or "unnamed")
