"""Holes: the places of a document that a search fills, their names and their domains."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from nas.errors import LanguageError

Value: TypeAlias = int | float | str | bool
Assignment: TypeAlias = Mapping[str, Value]

HOLE_KEYS = frozenset({"choice", "int", "subset"})
MOST_OPTIONS = 1024


@dataclass(frozen=True, slots=True)
class Hole:
    """One decision: a name and the values it may take, in authored order.

    Args:
        name: The authored path, such as ``body.cells@1.block.attention:esa.inner``.
        values: Literals stand for themselves, other options for their tag.
        integers: True when the values are a run of whole numbers (an ``int`` hole).
    """

    name: str
    values: tuple[Value, ...]
    integers: bool = False

    def index(self, value: Value) -> int:
        """Return the position of ``value``; True is not 1 here."""
        for position, item in enumerate(self.values):
            if type(item) is type(value) and item == value:
                return position
        shown = ", ".join(str(item) for item in self.values[:12])
        raise LanguageError(self.name, f"{value!r} is not among its values ({shown}).")


class Chooser(Protocol):
    """Whatever decides: a random draw, a sampler, an assignment, a vector."""

    def choose(self, hole: Hole) -> Value:
        """Return one of ``hole.values``."""
        ...


def is_hole(value: Any) -> bool:
    """Tell whether a value of a document is a hole."""
    if isinstance(value, str | int | float):  # nearly all values; to ask an abstract class takes long
        return False
    return isinstance(value, Mapping) and not HOLE_KEYS.isdisjoint(value) and "op" not in value


def hole_kind(value: Mapping[str, Any], path: str) -> str:
    """Return which hole it is, its form checked."""
    allowed = {"choice": {"choice"}, "int": {"int"}, "subset": {"subset", "min", "max"}}
    for kind, keys in allowed.items():
        if kind in value:
            extra = sorted(set(value) - keys)
            if extra:
                raise LanguageError(path, f"a {kind} takes no {extra[0]!r}; remove it.")
            return kind
    raise LanguageError(path, "a hole is one of choice, int, subset.")


def int_bounds(value: Mapping[str, Any], path: str) -> tuple[int, int]:
    """Return the bounds of an ``int`` hole, both included."""
    bounds = value["int"]
    if not isinstance(bounds, Sequence) or isinstance(bounds, str) or len(bounds) != 2:
        raise LanguageError(path, f"int takes [lowest, highest], got {bounds!r}.")
    low, high = bounds
    if any(isinstance(item, bool) or not isinstance(item, int) for item in (low, high)):
        raise LanguageError(path, f"int takes two whole numbers, got {bounds!r}.")
    if low > high:
        raise LanguageError(path, f"int [{low}, {high}] is empty; put the lowest first.")
    if high - low >= MOST_OPTIONS:
        raise LanguageError(path, f"int [{low}, {high}] has more than {MOST_OPTIONS} values; narrow it.")
    return low, high


def options(value: Mapping[str, Any], path: str) -> list[Any]:
    """Return the options of a ``choice`` or the members of a ``subset``."""
    kind = "choice" if "choice" in value else "subset"
    found = value[kind]
    if not isinstance(found, list | tuple):
        raise LanguageError(path, f"{kind} takes a list, got {found!r}.")
    if not found:
        raise LanguageError(path, f"an empty {kind} leaves nothing to draw; give at least one option.")
    if len(found) > MOST_OPTIONS:
        raise LanguageError(path, f"{kind} has more than {MOST_OPTIONS} options; narrow it.")
    return list(found)


def tags(found: Sequence[Any], path: str) -> list[Value]:
    """Return what each option is called: a literal, an op's name, ``name#k`` or ``#k`` where that is ambiguous."""
    plain = [_tag(option) for option in found]
    seen = Counter(shown(tag) for tag in plain if tag is not None)
    for position, option in enumerate(found):
        if any(type(option) is type(other) and option == other for other in found[:position]):
            raise LanguageError(path, f"the option {option!r} stands twice; remove one.")
    return [
        f"#{position}" if tag is None else tag if seen[shown(tag)] == 1 else f"{shown(tag)}#{position}"
        for position, tag in enumerate(plain)
    ]


def _tag(option: Any) -> Value | None:
    if isinstance(option, Mapping):
        name = option.get("op")
        return name if isinstance(name, str) else None
    return option if isinstance(option, bool | int | float | str) else None


def shown(tag: Value) -> str:
    """Return a tag as it stands in a name."""
    return str(tag).lower() if isinstance(tag, bool) else str(tag)


def subset_bounds(value: Mapping[str, Any], count: int, path: str) -> tuple[int, int]:
    """Return the least and most members a ``subset`` may take (at least one unless ``min`` says otherwise)."""
    least, most = value.get("min", 1), value.get("max", count)
    for name, bound in (("min", least), ("max", most)):
        if isinstance(bound, bool) or not isinstance(bound, int):
            raise LanguageError(f"{path}.{name}", f"{name} takes a whole number, got {bound!r}.")
    if not 0 <= least <= most <= count:
        raise LanguageError(path, f"a subset of {count} cannot take {least} to {most} members; correct min or max.")
    return least, most


def item_path(path: str, index: int, item: Any) -> str:
    """Return the path of a list's element: its label where it has one, else its index."""
    label = item.get("as") if isinstance(item, Mapping) else None
    return f"{path}.{label if isinstance(label, str) else index}" if path else str(index)
