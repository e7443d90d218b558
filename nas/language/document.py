"""The outer form of a document: which keys it has, and of what type."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from nas.errors import LanguageError
from nas.language.holes import is_hole
from nas.language.reader import check_tree
from nas.language.references import RESERVED, SLOTS

LANGUAGE = 1
LARGEST_SCALE = 8
TOP_KEYS = ("language", "name", "scale", "let", "network", "require")
NETWORK_KEYS = ("width", "input", *SLOTS, "output")


@dataclass(frozen=True)
class Document:
    """A space or an architecture, its outer form checked.

    Args:
        name: What people call it; empty when it has no name.
        scale: Enlargement of each side.
        lets: Templates by name.
        network: width, input, slots, output.
        require: Bounds as text.
        plain: The document as it was given.
    """

    name: str
    scale: int
    lets: Mapping[str, Any]
    network: Mapping[str, Any]
    require: tuple[str, ...]
    plain: Mapping[str, Any]


def parse_document(plain: Any) -> Document:
    """Check the outer form of a document.

    Raises:
        LanguageError: With the path to the first offending value.
    """
    check_tree(plain)
    if not isinstance(plain, Mapping):
        raise LanguageError(
            "", f"a document is a mapping with language, scale and network; got {type(plain).__name__}."
        )
    _known(plain, TOP_KEYS, "")
    for key in ("language", "scale", "network"):
        if key not in plain:
            raise LanguageError("", f"the document has no {key}; add it.")
    if plain["language"] != LANGUAGE or isinstance(plain["language"], bool):
        raise LanguageError("language", f"this service speaks language {LANGUAGE}, got {plain['language']!r}.")
    network = _mapping(plain["network"], "network")
    _known(network, NETWORK_KEYS, "network")
    for part in ("input", "output"):
        _part(network.get(part, {}), part, f"network.{part}")
    return Document(
        name=_text(plain.get("name", ""), "name"),
        scale=_scale(plain["scale"]),
        lets=_lets(plain.get("let", {})),
        network=network,
        require=_require(plain.get("require", [])),
        plain=plain,
    )


@contextmanager
def in_network() -> Iterator[None]:
    """Complete the paths of errors: holes are named from the slot on, but a slot stands in ``network``."""
    try:
        yield
    except LanguageError as error:
        if error.path.split(".")[0].split(":")[0] not in NETWORK_KEYS:
            raise
        raise LanguageError(f"network.{error.path}", error.sentence) from None


def _known(found: Mapping[str, Any], known: tuple[str, ...], path: str) -> None:
    for key in found:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise LanguageError(
                f"{path}.{key}" if path else key, f"there is no {key!r} here.{hint} Known: {', '.join(known)}."
            )


def _mapping(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise LanguageError(path, f"takes a mapping, got {value!r}."[:200])
    return value


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str) or len(value) > 200:
        raise LanguageError(path, f"takes a text of at most 200 characters, got {value!r}."[:200])
    return value


def _scale(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST_SCALE:
        raise LanguageError("scale", f"takes a whole number from 1 to {LARGEST_SCALE}, got {value!r}.")
    return value


def _lets(value: Any) -> Mapping[str, Any]:
    lets = _mapping(value, "let")
    for name in lets:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or name in RESERVED:
            raise LanguageError(f"let.{name}", f"{name!r} cannot be a let name; use letters, digits and underscores.")
    return lets


def _require(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise LanguageError("require", 'takes a list of bounds such as "params <= 276000".')
    return tuple(value)


_PARTS = {"input": ("mean", "gain", "pad"), "output": ("mean", "clamp")}


def _part(value: Any, part: str, path: str) -> None:
    """Check a part that is written out; one that a hole or a let stands for is checked once it is settled."""
    if not is_hole(value) and not (isinstance(value, str) and value.startswith("=")):
        _known(_mapping(value, path), _PARTS[part], path)


def check_input(plain: Mapping[str, Any]) -> None:
    """Check the settled ``network.input``."""
    _known(_mapping(plain, "input"), _PARTS["input"], "input")
    mean, gain, pad = plain.get("mean", "div2k"), plain.get("gain", 1.0), plain.get("pad")
    triple = isinstance(mean, list) and len(mean) == 3 and all(_real(item, -1.0, 1.0) for item in mean)
    if mean != "div2k" and not triple:
        raise LanguageError("input.mean", f"takes div2k or three numbers in [-1, 1], got {mean!r}.")
    if not _real(gain, -1e4, 1e4) or gain == 0:
        raise LanguageError("input.gain", f"takes a number other than 0, got {gain!r}.")
    if pad is None:
        return
    _known(_mapping(pad, "input.pad"), ("multiple", "mode"), "input.pad")
    multiple, mode = pad.get("multiple"), pad.get("mode", "reflect")
    if isinstance(multiple, bool) or not isinstance(multiple, int) or not 1 <= multiple <= 256:
        raise LanguageError("input.pad.multiple", f"takes a whole number from 1 to 256, got {multiple!r}.")
    if mode not in ("reflect", "flip"):
        raise LanguageError("input.pad.mode", f"takes reflect or flip, got {mode!r}.")


def check_output(plain: Mapping[str, Any]) -> None:
    """Check the settled ``network.output``."""
    _known(_mapping(plain, "output"), _PARTS["output"], "output")
    for key in ("mean", "clamp"):
        if not isinstance(plain.get(key, False), bool):
            raise LanguageError(f"output.{key}", f"takes true or false, got {plain[key]!r}.")


def _real(value: Any, low: float, high: float) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and low <= value <= high
