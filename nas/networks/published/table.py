"""What the tensors of a published file are called here, as a table that anyone can read and check."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import chain, product
from typing import Any, Literal, cast

from nas.errors import BuildError, RequestError, UnknownNameError
from nas.language import system_names
from nas.language.expressions import evaluate
from nas.language.reader import read_text

Shape = tuple[int, ...]
FIELDS = {"wrapper", "form", "keys", "either", "unused"}
RANGE = re.compile(r"\{(\w+):([\d,-]+)\}")
EXPRESSION = re.compile(r"\{([^{}:]+)\}")


@dataclass(frozen=True)
class Source:
    """Where a tensor of ours comes from.

    Args:
        key: The published name.
        shape: The published shape, where the same numbers have another one here.
        turned: The rows and columns in which the numbers stand there, where what are rows there are columns here.
    """

    key: str
    shape: Shape | None = None
    turned: Shape | None = None


@dataclass(frozen=True)
class Table:
    """One system's published file.

    Args:
        system: The system's name.
        modules: For every tensor of ours, or module that holds tensors of the same names, where it comes from.
        wrapper: What the published tensors lie under in their file; None for nothing.
        form: Whether the file holds the training form, to be merged, or the deployed one.
        unused: Patterns, ``*`` for anything, of what the file may hold besides.
    """

    system: str
    modules: Mapping[str, Source]
    wrapper: str | None
    form: Literal["deployed", "training"]
    unused: tuple[str, ...]

    def source(self, ours: str) -> Source:
        """Return where the tensor that is called ``ours`` here comes from.

        Raises:
            BuildError: The table does not say.
        """
        if ours in self.modules:
            return self.modules[ours]
        module, _, leaf = ours.rpartition(".")
        if module not in self.modules:
            raise BuildError(f"The table of {self.system}'s published weights says nothing of {ours!r}; add a line.")
        found = self.modules[module]
        return Source(f"{found.key}.{leaf}")

    def ignores(self, key: str) -> bool:
        """Whether the file may hold this without it being used."""
        return any(re.fullmatch(re.escape(one).replace(r"\*", ".*"), key) for one in self.unused)


def table_names() -> list[str]:
    """Return the systems whose published weights are known."""
    folder = resources.files("search_spaces") / "published"
    return sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))


@lru_cache(maxsize=64)
def load_tables(system: str) -> tuple[Table, ...]:
    """Return the tables that a system's published weights may follow: one, unless their names leave something open.

    Raises:
        UnknownNameError: There is no such system.
        RequestError: It is not known what its published file holds.
    """
    if system not in system_names():
        raise UnknownNameError("system", system, system_names())
    if system not in table_names():
        raise RequestError(f"No table says what the published weights of {system} hold; they cannot be imported.")
    text = (resources.files("search_spaces") / "published" / f"{system}.yaml").read_text(encoding="utf-8")
    document: dict[str, Any] = read_text(text, f"{system}.yaml")
    if unknown := set(document) - FIELDS:
        raise BuildError(f"The table of {system}'s published weights has the unknown field {min(unknown)!r}.")
    form = cast(Literal["deployed", "training"], document.get("form", "deployed"))
    unused = tuple(document.get("unused", ()))
    either = [_modules([document["keys"], one], system) for one in document.get("either", [{}])]
    return tuple(Table(system, modules, document.get("wrapper"), form, unused) for modules in either)


def _modules(parts: list[Mapping[str, Any]], system: str) -> dict[str, Source]:
    found: dict[str, Source] = {}
    for published, leaf in chain.from_iterable(map(_leaves, parts)):
        for values in _draws(published):
            ours = _filled(leaf["to"], values)
            if ours in found:
                raise BuildError(f"The table of {system}'s published weights fills {ours!r} twice; remove one line.")
            shape, turned = (tuple(leaf[name]) if name in leaf else None for name in ("shape", "turned"))
            found[ours] = Source(_filled(RANGE.sub(r"{\1}", published), values), shape, turned)
    return found


def _leaves(keys: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Walk the table; names of nested lines are joined by points."""
    for name, value in keys.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str):
                yield prefix + name, {"to": one}
            elif "to" in one:
                yield prefix + name, one
            else:
                yield from _leaves(one, f"{prefix}{name}.")


def _draws(published: str) -> Iterator[dict[str, int]]:
    """Every combination of the indices of a pattern."""
    ranges = {name: _numbers(text) for name, text in RANGE.findall(published)}
    for values in product(*ranges.values()):
        yield dict(zip(ranges, values, strict=True))


def _numbers(text: str) -> list[int]:
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def _filled(pattern: str, values: Mapping[str, int]) -> str:
    return EXPRESSION.sub(lambda match: str(evaluate(match[1], values, pattern)), pattern)
