"""References: ``head``, ``body[0]``, ``body[-1].act1``, ``body[i+1]``, ``cells[1:3]``."""

import re
from dataclasses import dataclass
from functools import lru_cache

from nas.errors import LanguageError

_PART = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:\[(?P<index>[^\[\]]*)\])?")
RESERVED = frozenset({"image", "in", "entry", "i", "n", "width", "scale"})
SLOTS = ("head", "body", "fuse", "tail")


@dataclass(frozen=True, slots=True)
class Part:
    """A label with its index: an expression, a slice ``a:b`` or None."""

    name: str
    index: str | None


@lru_cache(maxsize=4096)
def parse(text: str, path: str) -> tuple[Part, ...]:
    """Split a reference at its dots.

    Raises:
        LanguageError: It is no reference.
    """
    parts: list[Part] = []
    for piece in text.split("."):
        match = _PART.fullmatch(piece.strip())
        if match is None:
            raise LanguageError(
                path, f"{text!r} is not a reference; write a label such as head, body[0] or body[-1].act1."
            )
        parts.append(Part(match["name"], match["index"]))
    return tuple(parts)


def check_label(label: object, path: str) -> str:
    """Return ``label`` when it can name a feature."""
    if not isinstance(label, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", label):
        raise LanguageError(path, f"as takes a name of letters, digits and underscores, got {label!r}.")
    if label in RESERVED or label in SLOTS:
        raise LanguageError(path, f"{label!r} has a meaning of its own; choose another label.")
    return label
