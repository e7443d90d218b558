"""Read YAML 1.2 or JSON from strangers: plain data, bounded in depth and size, or one clear sentence."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from nas.errors import LanguageError, RequestError

LARGEST_TEXT_BYTES = 512 * 1024
DEEPEST = 48
MOST_NODES = 20_000
LARGEST_INTEGER = 2**53 - 1
"""RFC 8785 numbers are IEEE doubles; a larger integer has no canonical form."""


def read_text(text: str, name: str) -> Any:
    """Return the plain data of a YAML 1.2 or JSON text.

    Args:
        text: The document.
        name: What to call it in messages: a file name, or ``request``.

    Raises:
        LanguageError: Not YAML, too deep, too large, or using anchors, tags, nulls or duplicate keys.
    """
    if len(text.encode()) > LARGEST_TEXT_BYTES:
        raise LanguageError("", f"{name} is larger than {LARGEST_TEXT_BYTES // 1024} KiB; make it smaller.")
    try:
        tree = _json(text, name) if name.endswith(".json") else _yaml(text, name)
    except YAMLError as error:
        raise LanguageError("", f"{name} is not valid YAML{_where(error)}: {_problem(error)}.") from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, LanguageError):
            raise
        raise LanguageError("", f"{name} is not valid: {str(error).splitlines()[0]}.") from None
    if tree is None:
        raise LanguageError("", f"{name} is empty; give a document.")
    check_tree(tree)
    return tree


def read_file(path: Path) -> Any:
    """Return the plain data of a YAML or JSON file; see ``read_text``."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RequestError(f"There is no file {str(path)!r}.") from None
    except UnicodeDecodeError:
        raise RequestError(f"{str(path)!r} is no text in UTF-8; give a YAML or JSON file.") from None
    except OSError as error:
        raise RequestError(f"{str(path)!r} cannot be read ({error.strerror}); give a YAML or JSON file.") from None
    return read_text(text, path.name)


def _json(text: str, name: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise LanguageError("", f"{name} has an object that names one key twice; remove one of them.")
        return result

    return json.loads(text, object_pairs_hook=unique)


def _yaml(text: str, name: str) -> Any:
    _check_events(text, name)
    reader = YAML(typ="safe", pure=True)
    reader.allow_duplicate_keys = False
    return reader.load(text)


def _check_events(text: str, name: str) -> None:
    """Refuse what could explode before anything is built: parsing to events needs no recursion."""
    depth = nodes = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        nodes += isinstance(event, NodeEvent)
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        where = f"{name}, line {event.start_mark.line + 1}"
        if depth > DEEPEST:
            raise LanguageError("", f"{where}: nested more than {DEEPEST} levels deep; flatten it.")
        if nodes > MOST_NODES:
            raise LanguageError("", f"{name} holds more than {MOST_NODES} values; make it smaller.")
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None) is not None:
            raise LanguageError("", f"{where}: anchors and aliases are not part of the language; use let.")
        if isinstance(event, ScalarEvent | CollectionStartEvent | MappingStartEvent) and _foreign(event):
            raise LanguageError("", f"{where}: the tag {_tag(event)} is not part of the language; remove it.")


def _tag(event: Any) -> str | None:
    tag = getattr(event, "tag", None)
    return None if tag is None else str(tag)


def _foreign(event: Any) -> bool:
    tag = _tag(event)
    return tag is not None and tag != "!"


def _where(error: YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return "" if mark is None else f" at line {mark.line + 1}, column {mark.column + 1}"


def _problem(error: YAMLError) -> str:
    problem = getattr(error, "problem", None) or str(error)
    return str(problem).strip().splitlines()[0]


def check_tree(tree: Any) -> None:
    """Refuse plain data that is too deep, too large, or holds nulls, odd keys or numbers without a canonical form.

    Raises:
        LanguageError: With the path to the first offending value.
    """
    stack: list[tuple[str, Any, int]] = [("", tree, 0)]
    count = 0
    while stack:
        path, value, depth = stack.pop()
        count += 1
        if depth > DEEPEST:
            raise LanguageError(_short(path), f"nested more than {DEEPEST} levels deep; flatten it.")
        if count > MOST_NODES:
            raise LanguageError("", f"the document holds more than {MOST_NODES} values; make it smaller.")
        if isinstance(value, Mapping):
            for key, item in value.items():
                if not isinstance(key, str):
                    raise LanguageError(_short(path), f"the key {key!r} is not text; quote it.")
                stack.append((f"{path}.{key}" if path else key, item, depth + 1))
        elif isinstance(value, list | tuple):
            stack.extend(
                (f"{path}.{index}" if path else str(index), item, depth + 1) for index, item in enumerate(value)
            )
        else:
            _check_scalar(path, value)


def _short(path: str) -> str:
    return path if len(path) <= 80 else f"{path[:77]}..."


def _check_scalar(path: str, value: Any) -> None:
    if value is None:
        raise LanguageError(path, "a value is missing; the language has no nulls, so give one or remove the key.")
    if isinstance(value, bool | str):
        return
    if isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise LanguageError(path, "the whole number is beyond 2^53 - 1; use a smaller one.")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise LanguageError(path, f"{value} is not a finite number; give one.")
    else:
        raise LanguageError(path, f"a value of type {type(value).__name__} is not part of the language.")
