"""Write a draw back as a document: the authored text with its holes filled and unused lets dropped."""

from collections.abc import Mapping
from typing import Any

from nas.language import expressions
from nas.language.holes import Assignment, Hole, hole_kind, is_hole, item_path, options, shown, subset_bounds, tags


class Filler:
    """Fills a document from an assignment, path by path as the layout named them.

    Args:
        lets: The document's ``let``.
        assignment: The value of every active hole.
    """

    def __init__(self, lets: Mapping[str, Any], assignment: Assignment) -> None:
        self._lets = lets
        self._assignment = assignment
        self._used: dict[str, Any] = {}
        self._scale = 1

    def document(self, plain: Mapping[str, Any]) -> dict[str, Any]:
        """Return the filled document: an architecture."""
        self._scale = plain["scale"]
        network = {}
        for key, value in plain["network"].items():
            filled = self._value(value, key)
            if filled != [] and filled is not _NOTHING:
                network[key] = filled
        rest = {key: plain[key] for key in ("language", "name", "scale") if key in plain}
        lets = {name: self._used[name] for name in self._lets if name in self._used}
        return {**rest, **({"let": lets} if lets else {}), "network": network}

    def _value(self, value: Any, path: str) -> Any:
        if is_hole(value):
            return self._hole(value, path)
        if isinstance(value, str):
            self._follow(value)
            return value
        if isinstance(value, Mapping):
            return self._repeat(value, path) if "repeat" in value else self._map(value, path)
        if isinstance(value, list | tuple):
            return self._list(value, path)
        return value

    def _map(self, value: Mapping[str, Any], path: str) -> dict[str, Any]:
        return {key: self._value(item, f"{path}.{key}") for key, item in value.items()}

    def _list(self, value: Any, path: str) -> list[Any]:
        result: list[Any] = []
        for index, item in enumerate(value):
            filled = self._value(item, item_path(path, index, item))
            if is_hole(item) and isinstance(filled, list):
                result.extend(filled)
            elif filled is not _NOTHING:
                result.append(filled)
        return result

    def _follow(self, text: str) -> None:
        """Fill the lets that an expression reads."""
        if not text.startswith("="):
            return
        for name in expressions.names(text[1:].strip()) & set(self._lets):
            if name not in self._used:
                self._used[name] = None
                self._used[name] = self._value(self._lets[name], f"let.{name}")

    def _hole(self, value: Mapping[str, Any], path: str) -> Any:
        kind = hole_kind(value, path)
        if kind == "int":
            return self._assignment[path]
        found = options(value, path)
        names = tags(found, path)
        if kind == "subset":
            least, most = subset_bounds(value, len(found), path)
            return self._members(found, names, (least, most), path)
        position = Hole(path, tuple(names)).index(self._assignment[path])
        return self._value(found[position], f"{path}:{shown(names[position])}")

    def _members(self, found: list[Any], names: list[Any], bounds: tuple[int, int], path: str) -> list[Any]:
        taken: list[Any] = []
        for position, (member, name) in enumerate(zip(found, names, strict=True)):
            at = f"{path}{{{shown(name)}}}"
            forced = len(taken) + len(found) - position <= bounds[0]
            if forced or (len(taken) < bounds[1] and self._assignment[at]):
                taken.append(self._value(member, at))
        return taken

    def _repeat(self, value: Mapping[str, Any], path: str) -> Any:
        count = self._value(value["repeat"], f"{path}.repeat")
        copies = count if isinstance(count, int) else self._number(count)
        if copies == 0:
            return _NOTHING
        rest = {
            key: self._value(item, f"{path}.{key}")
            for key, item in value.items()
            if key not in ("repeat", "block", "blocks", "share")
        }
        if value.get("share", "tied") == "each" and "block" in value:
            blocks = [self._value(value["block"], f"{path}@{i}.block") for i in range(copies)]
            return {"repeat": count, "blocks": blocks, **rest}
        key = "block" if "block" in value else "blocks"
        return {"repeat": count, key: self._value(value[key], f"{path}.{key}"), **rest}

    def _number(self, text: str) -> int:
        """The value of a repeat's count, from the lets already filled."""

        def value_of(name: str) -> Any:
            if name == "scale":
                return self._scale
            item = self._used[name]
            return self._number(item) if isinstance(item, str) else item

        return int(expressions.evaluate(text[1:].strip(), value_of, "repeat"))


_NOTHING = object()
