"""Recipes: how a network is trained, as data. Read without torch."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, JsonValue, NonNegativeInt, PositiveInt, ValidationError, model_validator

from nas.errors import RecipeError, UnknownNameError
from nas.evaluate.quality.loss_terms import Loss
from nas.evaluate.quality.part import Part
from nas.evaluate.quality.stage import Stage
from nas.language.reader import read_file, read_text

__all__ = ["Loss", "Recipe", "Source", "Stage", "Teacher", "load_recipe", "ready_made", "recipe_text"]

Numbers = Annotated[tuple[NonNegativeInt, ...], Field(strict=False)]
Texts = Annotated[tuple[str, ...], Field(strict=False)]


class Source(Part):
    """Where a recipe was published."""

    report: str
    section: str | None = None
    team: str


class Teacher(Part):
    """A network that students learn from. Without weights and recipe it has to be given when training starts."""

    architecture: str | dict[str, JsonValue]
    """A system, a file, a document, or ``self``: the student's own."""

    weights: str | None = None
    """A safetensors file of its deployed form."""

    recipe: str | None = None
    """A ready-made recipe that it is trained by first, on the student's data."""

    seed: NonNegativeInt = 0

    @model_validator(mode="after")
    def _one_origin(self) -> "Teacher":
        if self.weights is not None and self.recipe is not None:
            raise ValueError("a teacher has weights or a recipe, not both")
        return self


class Recipe(Part):
    """How to train one candidate, and where the search may stop it."""

    name: str = Field(min_length=1)
    description: str = ""
    source: Source | None = None

    reported: Texts = ()
    """Facts that the source states."""

    assumed: Texts = ()
    """What the source does not state and customary values stand in for."""

    rungs: Annotated[tuple[PositiveInt, ...], Field(min_length=1, strict=False)]
    """Steps after which candidates are compared, counted from the start; the last is the whole recipe."""

    eta: PositiveInt = 3
    """One candidate in this many goes on to the next rung."""

    teachers: dict[str, Teacher] = Field(default={})

    soup: Numbers = ()
    """Stages whose results, averaged, are the recipe's; empty: the last stage's result is."""

    stages: Annotated[tuple[Stage, ...], Field(min_length=1, strict=False)]

    @model_validator(mode="after")
    def _rungs_fit(self) -> "Recipe":
        if any(later <= earlier for earlier, later in pairwise(self.rungs)):
            raise ValueError(f"rungs have to grow, got {list(self.rungs)}")
        if self.rungs[-1] != self.steps:
            raise ValueError(f"the last rung has to be the steps of all stages, {self.steps}, got {self.rungs[-1]}")
        return self

    @model_validator(mode="after")
    def _teachers_are_there(self) -> "Recipe":
        for number, stage in enumerate(self.stages):
            for distillation in stage.distil:
                if distillation.teacher not in self.teachers:
                    known = ", ".join(self.teachers) or "none"
                    raise ValueError(
                        f"stages.{number}.distil names the teacher {distillation.teacher!r}; teachers has: {known}"
                    )
        return self

    @model_validator(mode="after")
    def _soups_are_possible(self) -> "Recipe":
        wanted = [(number, stage.start) for number, stage in enumerate(self.stages) if not isinstance(stage.start, str)]
        for end, soup in (*wanted, (len(self.stages), self.soup)):
            if any(part >= end for part in soup):
                raise ValueError(f"a soup is made of stages that are over, below {end}, got {list(soup)}")
            if soup and any(stage.prune for stage in self.stages[min(soup) + 1 : end + 1]):
                raise ValueError(f"a soup needs weights of one shape, but a stage prunes between {list(soup)} and it")
        return self

    @property
    def steps(self) -> int:
        """Steps of all stages together."""
        return sum(stage.steps for stage in self.stages)

    @property
    def kept(self) -> frozenset[int]:
        """Stages whose results a soup needs later."""
        return frozenset(self.soup).union(*(stage.start for stage in self.stages if not isinstance(stage.start, str)))

    def check_search(self) -> None:
        """Refuse what only the training of one network can do.

        Raises:
            RecipeError: a stage prunes, or a teacher has to be given.
        """
        if any(stage.prune for stage in self.stages):
            raise RecipeError(
                f"Recipe {self.name!r} prunes, which makes another architecture than a search asked for; use nas train."
            )
        for name, teacher in self.teachers.items():
            if teacher.weights is None and teacher.recipe is None:
                raise RecipeError(
                    f"Recipe {self.name!r} does not say where the weights of its teacher {name!r} are, and a search "
                    "cannot be given them; write weights or recipe beside it."
                )

    @cached_property
    def hash(self) -> str:
        """SHA-256 of what decides the weights: the stages, the teachers by the content of their files, the soup.

        The name, the rungs and fields left at their default have no part in it.

        Raises:
            RecipeError: a teacher's weights cannot be read.
            UnknownNameError, LanguageError, RequestError: nor its recipe.
        """
        stages = [stage.model_dump(mode="json", exclude_defaults=True) for stage in self.stages]
        others = self.model_dump(mode="json", exclude_defaults=True, include={"teachers", "soup"})
        for teacher in others.get("teachers", {}).values():
            if "weights" in teacher:
                teacher["weights"] = _digest(Path(teacher["weights"]))
            if "recipe" in teacher:
                learnt = load_recipe(teacher["recipe"]).stages
                teacher["recipe"] = [stage.model_dump(mode="json", exclude_defaults=True) for stage in learnt]
            if isinstance(teacher["architecture"], str) and Path(teacher["architecture"]).is_file():
                teacher["architecture"] = _digest(Path(teacher["architecture"]))
        parts = ["recipe/1", stages, *([others] if others else [])]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def ready_made() -> tuple[str, ...]:
    """Names of the recipes that come with the service."""
    return tuple(sorted(_files()))


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
    return _validate(read_text(recipe_text(source), f"{source}.yaml"), source)


def recipe_text(name: str) -> str:
    """The file of a ready-made recipe, its comments included.

    Raises:
        UnknownNameError: no ready-made recipe has that name.
    """
    found = _files()
    if name not in found:
        raise UnknownNameError("recipe", name, ready_made())
    return str(found[name].read_text(encoding="utf-8"))


def _files() -> dict[str, Any]:
    """The ready-made recipes by name, those of published systems among them."""
    return dict(_within(files("search_spaces") / "recipes"))


def _within(folder: Any) -> Iterator[tuple[str, Any]]:
    for item in folder.iterdir():
        if item.is_dir():
            yield from _within(item)
        elif item.name.endswith(".yaml"):
            yield item.name.removesuffix(".yaml"), item


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise RecipeError(f"The teacher's file {str(path)!r} cannot be read ({error.strerror}).") from error


def _validate(document: Any, name: str) -> Recipe:
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        raise RecipeError(f"Recipe {name!r}: {_sentence(error, document)}.") from None


def _sentence(error: ValidationError, document: Any) -> str:
    first = error.errors()[0]
    path = ".".join(_path(first["loc"], document, missing=first["type"] == "missing")) or "the document"
    given = f", got {first['input']!r}" if first["type"] not in ("missing", "value_error") else ""
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    message = first["msg"].removeprefix("Value error, ")
    return f"{path}: {message[0].lower()}{message[1:]}{given}{more}"


def _path(location: tuple[int | str, ...], document: Any, *, missing: bool) -> Iterator[str]:
    """The way to a value as the document has it, without what pydantic adds for members of unions."""
    for number, step in enumerate(location):
        inside = step in document if isinstance(document, Mapping) else isinstance(step, int)
        if inside:
            document = document[step]
        if inside or (missing and number == len(location) - 1):
            yield str(step)
