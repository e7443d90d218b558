"""Look at every op and field a document names, drawn or not: a typing error must not hide in a rare branch."""

from collections.abc import Iterator, Mapping
from typing import Any

from nas.errors import LanguageError
from nas.language.document import Document
from nas.language.holes import HOLE_KEYS, item_path
from nas.language.make import STEP_KEYS, find_op, unknown_field
from nas.ops.conv import Conv

STRUCTURES = frozenset({"chain", "reuse"})
CARRIERS = frozenset({"concat", "pixelshuffle"})
"""Ops whose steps may carry the fields of a convolution."""


def check_names(document: Document) -> None:
    """Refuse unknown ops and fields anywhere in a document.

    Raises:
        LanguageError: With the path to the first one.
    """
    for path, step in _steps(document.lets, "let"):
        _check(step, path)
    for key, value in document.network.items():
        for path, step in _steps(value, key):
            _check(step, path)


def _steps(value: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(value, Mapping):
        if "op" in value:
            yield path, value
        for key, item in value.items():
            yield from _steps(item, path if key in HOLE_KEYS else f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _steps(item, item_path(path, index, item))


def _check(step: Mapping[str, Any], path: str) -> None:
    if isinstance(step["op"], str) and step["op"] in STRUCTURES:
        return
    cls = find_op(step, path)
    known = STEP_KEYS | set(cls.specs()) | (set(Conv.specs()) if cls.name in CARRIERS else set())
    for key in step:
        if key not in known:
            raise LanguageError(f"{path}.{key}", unknown_field(cls, key))
