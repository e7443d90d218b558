"""Ready-made spaces and users' own, checked without touching a file that a caller names."""

from functools import cache
from math import log10

from api.schemas import SpaceToCheck, SpaceView
from nas.errors import NotFoundError, RequestError
from nas.language import Space, load_space, space_names
from nas.language.reader import read_text
from nas.requests import FieldError, located, usable_space

LARGEST_SHOWN = 10**4000
"""Readers of JSON refuse integers that are longer than about this, Python's own among them."""


def every() -> list[SpaceView]:
    """The ready-made spaces."""
    return [_ready_made(name) for name in space_names()]


def get(name: str) -> SpaceView:
    """One ready-made space.

    Raises:
        NotFoundError: there is none of this name.
    """
    if name not in space_names():
        raise NotFoundError(f"There is no ready-made space {name!r}. Known: {', '.join(space_names())}.")
    return _ready_made(name)


@cache
def _ready_made(name: str) -> SpaceView:
    return view(load_space(name))


def check(wanted: SpaceToCheck) -> SpaceView:
    """Check a space as a search would.

    Raises:
        LanguageError, FieldError: the document breaks a rule, or the name is unknown.
    """
    if (wanted.space is None) == (wanted.text is None):
        raise FieldError("", "Give either 'space' (a name or a document) or 'text' (YAML or JSON), and not both.")
    if isinstance(wanted.space, str):
        with located("space"):
            return get(wanted.space)
    part = "text" if wanted.space is None else "space"
    with located(part):
        plain = read_text(wanted.text, "the text") if wanted.text is not None else wanted.space
        if not isinstance(plain, dict):
            raise RequestError(f"a space is a mapping with language, scale and network, not a {type(plain).__name__}.")
        return view(usable_space(plain))


def view(space: Space) -> SpaceView:
    """A space as it is answered."""
    size = space.size()
    return SpaceView(
        name=space.name,
        scale=space.scale,
        size=size if size < LARGEST_SHOWN else None,
        size_log10=log10(size),
        holes=len(space.holes()),
        document=space.document,
    )
