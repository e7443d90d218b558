"""RFC 9457 problem documents.

Besides the members of the standard a document holds ``errors``: one entry for each offending value, with its
``path`` (dotted, as the language writes paths) and what is wrong with it.
"""

import re
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from nas.errors import NasError

MEDIA_TYPE = "application/problem+json"


class Offence(BaseModel):
    """One value that was wrong."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    path: str
    """Dotted path to the value, such as ``space.network.body.0``; empty for the whole document."""

    detail: str
    """What is wrong with it."""


class Problem(BaseModel):
    """An RFC 9457 problem document."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    type: str
    """Where this kind of problem is explained; ``about:blank`` when the status says it all."""

    title: str
    """What kind of problem it is, the same for each occurrence."""

    status: int
    """The HTTP status, repeated."""

    detail: str
    """One sentence: what, where, the value, what to do."""

    instance: str
    """The path that was called."""

    errors: tuple[Offence, ...] = ()
    """The offending values."""


class RefusedError(Exception):
    """The request cannot be served as it was made.

    Args:
        status: HTTP status to answer.
        detail: One sentence for people.
        headers: Headers to add to the answer.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers


def problem_response(
    instance: str,
    status: int,
    detail: str,
    *,
    kind: tuple[str, str] | None = None,
    errors: Sequence[Offence] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The answer for one problem; `kind` is its type and title, by default those of the status."""
    uri, title = kind or ("about:blank", HTTPStatus(status).phrase)
    problem = Problem(type=uri, title=title, status=status, detail=detail, instance=instance, errors=tuple(errors))
    return JSONResponse(problem.model_dump(mode="json"), status, dict(headers or {}), MEDIA_TYPE)


def kind_of(error: type[NasError]) -> tuple[str, str]:
    """Type (a place on the reference page) and title (its docstring's first line) of an error's problems."""
    title = (error.__doc__ or error.__name__).strip().splitlines()[0].rstrip(".")
    return f"/docs#{slug(error)}", title


def slug(error: type[NasError]) -> str:
    """The fragment that names an error on the reference page, such as ``not-found-error``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", error.__name__).lower()


def kinds(root: type[NasError] = NasError) -> Iterator[type[NasError]]:
    """Every kind of error that is known so far, the parents first."""
    yield root
    for child in root.__subclasses__():
        yield from kinds(child)


def shown(text: str) -> str:
    """A text that a caller sent, as a sentence quotes it."""
    return reprlib.repr(text)
