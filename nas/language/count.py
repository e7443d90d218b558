"""Count a space exactly, and list its holes, from the document alone."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, TypeAlias

from nas.errors import LanguageError
from nas.language import expressions
from nas.language.document import Document
from nas.language.holes import (
    Hole,
    hole_kind,
    int_bounds,
    is_hole,
    item_path,
    options,
    shown,
    subset_bounds,
    tags,
)

MOST_JOINT = 10_000
"""Joint values of the lets that decide repeat counts; beyond it a space is refused rather than counted for minutes."""

Counts: TypeAlias = dict[frozenset[str], int]
"""How many draws use exactly these lets; a let is drawn once however often it is used."""

ONE: Counts = {frozenset(): 1}


def _times(one: Counts, other: Counts) -> Counts:
    result: Counts = {}
    for left, count in one.items():
        for right, more in other.items():
            used = left | right
            result[used] = result.get(used, 0) + count * more
    return result


def _plus(one: Counts, other: Counts) -> Counts:
    result = dict(one)
    for used, count in other.items():
        result[used] = result.get(used, 0) + count
    return result


def _power(base: Counts, exponent: int) -> Counts:
    result = ONE
    for _ in range(exponent):
        result = _times(result, base)
    return result


class Counter:
    """Counts draws with the lets that decide repeat counts fixed to given values.

    Args:
        document: The space.
        fixed: The value of each such let.
    """

    def __init__(self, document: Document, fixed: Mapping[str, int]) -> None:
        self._document = document
        self._fixed = fixed

    def total(self) -> Counts:
        """Return the draws of the whole document by the lets they use, those inside lets included."""
        counts = ONE
        for value in self._document.network.values():
            counts = _times(counts, self.count(value))
        return self._close(counts)

    def _close(self, counts: Counts) -> Counts:
        """Multiply in the draws of every used let, once, with what that let uses in turn."""
        done: Counts = {}
        pending = [(used, used, count) for used, count in counts.items()]
        while pending:
            used, left, count = pending.pop()
            if not left:
                done[used] = done.get(used, 0) + count
                continue
            name = min(left)
            rest = left - {name}
            inner = ONE if name in self._fixed else self.count(self._document.lets[name])
            if name in self._fixed:
                inner = {self._reads(self._document.lets[name]): 1}
            for more, times in inner.items():
                pending.append((used | more, rest | (more - used), count * times))
        return done

    def _reads(self, value: Any) -> frozenset[str]:
        if isinstance(value, str) and value.startswith("="):
            return expressions.names(value[1:].strip()) & frozenset(self._document.lets)
        return frozenset()

    def count(self, value: Any) -> Counts:
        """Return the draws of one value by the lets it uses."""
        if is_hole(value):
            return self._hole(value)
        if isinstance(value, str):
            return {self._reads(value): 1}
        if isinstance(value, Mapping):
            return self._repeat(value) if "repeat" in value else self._all(value.values())
        if isinstance(value, list | tuple):
            return self._all(value)
        return ONE

    def _all(self, values: Any) -> Counts:
        result = ONE
        for item in values:
            result = _times(result, self.count(item))
        return result

    def _hole(self, hole: Mapping[str, Any]) -> Counts:
        kind = hole_kind(hole, "")
        if kind == "int":
            low, high = int_bounds(hole, "")
            return {frozenset(): high - low + 1}
        found = [self.count(option) for option in options(hole, "")]
        if kind == "choice":
            result: Counts = {}
            for item in found:
                result = _plus(result, item)
            return result
        least, most = subset_bounds(hole, len(found), "")
        return self._subset(found, least, most)

    @staticmethod
    def _subset(members: list[Counts], least: int, most: int) -> Counts:
        """Elementary symmetric sums: ``sums[k]`` counts the ways to take k of the members seen so far."""
        sums: list[Counts] = [ONE]
        for member in members:
            grown = [dict(item) for item in sums] + [{}]
            for size, item in enumerate(sums):
                grown[size + 1] = _plus(grown[size + 1], _times(item, member))
            sums = grown
        result: Counts = {}
        for item in sums[least : most + 1]:
            result = _plus(result, item)
        return result

    def _repeat(self, value: Mapping[str, Any]) -> Counts:
        block = value.get("block", value.get("blocks"))
        rest = self._all(item for key, item in value.items() if key not in ("repeat", "block", "blocks"))
        each = value.get("share", "tied") == "each"
        result: Counts = {}
        for copies, weight in self._copies(value["repeat"]):
            times = copies if each else min(copies, 1)
            result = _plus(result, _times(weight, _power(self.count(block), times)))
        return _times(result, rest)

    def _copies(self, count: Any) -> Iterator[tuple[int, Counts]]:
        """Yield every number of copies with the draws that lead to it."""
        if is_hole(count):
            kind = hole_kind(count, "repeat")
            low_high = int_bounds(count, "repeat") if kind == "int" else None
            found = range(low_high[0], low_high[1] + 1) if low_high else options(count, "repeat")
            for item in found:
                yield from ((copies, weight) for copies, weight in self._copies(item))
        elif isinstance(count, str):
            yield repeat_number(count, self._fixed, self._document), {self._reads(count): 1}
        else:
            yield count, ONE


def repeat_number(text: str, fixed: Mapping[str, int], document: Document) -> int:
    """Return the copies an expression gives: it may use let names and scale only."""

    def value_of(name: str) -> Any:
        if name == "scale":
            return document.scale
        if name in fixed:
            return fixed[name]
        value = document.lets[name]
        return repeat_number(value, fixed, document) if isinstance(value, str) else value

    if not text.startswith("="):
        raise LanguageError("repeat", f"takes a whole number or an expression, got {text!r}.")
    result = expressions.evaluate(text[1:].strip(), value_of, "repeat")
    if not isinstance(result, int) or result < 0:
        raise LanguageError("repeat", f"{text!r} gives {result!r}, which is no number of copies.")
    return result


def _counts_of(value: Any) -> Iterator[str]:
    """Yield every expression that stands as a repeat's count."""
    if isinstance(value, Mapping):
        if isinstance(value.get("repeat"), str):
            yield value["repeat"]
        for item in value.values():
            yield from _counts_of(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _counts_of(item)


def pinned(document: Document) -> dict[str, list[int]]:
    """Return the lets that decide repeat counts, with the values each may take."""
    found: dict[str, list[int]] = {}
    pending = list(_counts_of([document.network, document.lets]))
    while pending:
        for name in expressions.names(pending.pop()[1:].strip()) & set(document.lets):
            value = document.lets[name]
            if name in found:
                continue
            if isinstance(value, str) and value.startswith("="):
                pending.append(value)
            elif is_hole(value):
                found[name] = _numbers(value, f"let.{name}")
    return found


def _numbers(hole: Mapping[str, Any], path: str) -> list[int]:
    if hole_kind(hole, path) == "int":
        low, high = int_bounds(hole, path)
        return list(range(low, high + 1))
    found = options(hole, path)
    if any(isinstance(item, bool) or not isinstance(item, int) for item in found):
        raise LanguageError(path, "a let that decides a repeat's count is a whole number, or a hole of whole numbers.")
    return found


def count_draws(document: Document) -> int:
    """Return the exact number of draws.

    Lets that decide repeat counts are enumerated jointly. A draw that does not use such a let must not be counted once
    for each of its values, so unused ones count at their first value only.
    """
    pins = pinned(document)
    size = 1
    for values in pins.values():
        size *= len(values)
    if size > MOST_JOINT:
        raise LanguageError("let", f"{size} joint values decide repeat counts; keep them at {MOST_JOINT} at most.")
    total = 0
    for joint in product(*pins.values()):
        fixed = dict(zip(pins, joint, strict=True))
        for used, count in Counter(document, fixed).total().items():
            if all(name in used or value == pins[name][0] for name, value in fixed.items()):
                total += count
    return total


class Lister:
    """Lists the holes of a document: all options, maximal copies, each name once."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._pins = pinned(document)
        self.holes: dict[str, Hole] = {}

    def list(self) -> tuple[Hole, ...]:
        """Return the holes in authored order."""
        read = _reached(self._document)
        for name, value in self._document.lets.items():
            if name in read:
                self._walk(value, f"let.{name}")
        for key, value in self._document.network.items():
            self._walk(value, key)
        return tuple(self.holes.values())

    def _walk(self, value: Any, path: str) -> None:
        if is_hole(value):
            self._hole(value, path)
        elif isinstance(value, Mapping):
            if "repeat" in value:
                self._repeat(value, path)
                return
            for key, item in value.items():
                self._walk(item, f"{path}.{key}")
        elif isinstance(value, list | tuple):
            for index, item in enumerate(value):
                self._walk(item, item_path(path, index, item))

    def _add(self, hole: Hole) -> None:
        self.holes.setdefault(hole.name, hole)

    def _hole(self, value: Mapping[str, Any], path: str) -> None:
        kind = hole_kind(value, path)
        if kind == "int":
            low, high = int_bounds(value, path)
            self._add(Hole(path, tuple(range(low, high + 1)), integers=True))
            return
        found = options(value, path)
        names = tags(found, path)
        if kind == "choice":
            self._add(Hole(path, tuple(names)))
            for option, name in zip(found, names, strict=True):
                self._walk(option, f"{path}:{shown(name)}")
            return
        subset_bounds(value, len(found), path)
        for member, name in zip(found, names, strict=True):
            self._add(Hole(f"{path}{{{shown(name)}}}", (False, True)))
            self._walk(member, f"{path}{{{shown(name)}}}")

    def _repeat(self, value: Mapping[str, Any], path: str) -> None:
        self._walk(value["repeat"], f"{path}.repeat")
        each = value.get("share", "tied") == "each"
        for key, item in value.items():
            if key == "block" and each:
                for copy in range(self._most(value["repeat"], path)):
                    self._walk(item, f"{path}@{copy}.block")
            elif key != "repeat":
                self._walk(item, f"{path}.{key}")

    def _most(self, count: Any, path: str) -> int:
        if is_hole(count):
            return max(_numbers(count, f"{path}.repeat"))
        if not isinstance(count, str):
            return int(count)
        joint = [dict(zip(self._pins, item, strict=True)) for item in product(*self._pins.values())]
        return max(repeat_number(count, fixed, self._document) for fixed in joint)


def _reached(document: Document) -> set[str]:
    """Names of the lets that the network reads, directly or through other lets."""
    found: set[str] = set()
    pending: list[Any] = [document.network]
    while pending:
        value = pending.pop()
        if isinstance(value, Mapping):
            pending.extend(value.values())
        elif isinstance(value, list | tuple):
            pending.extend(value)
        elif isinstance(value, str) and value.startswith("="):
            new = (expressions.names(value[1:].strip()) & set(document.lets)) - found
            found |= new
            pending.extend(document.lets[name] for name in new)
    return found


def every_hole(document: Document) -> tuple[Hole, ...]:
    """Return every hole of a document once, in authored order."""
    return Lister(document).list()
