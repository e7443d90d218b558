"""Find spaces, architectures and published systems by name, by file or as plain data."""

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from nas.errors import RequestError, UnknownNameError
from nas.language.architecture import Architecture
from nas.language.reader import read_file, read_text
from nas.language.space import Space

SYSTEM = "system:"


def _names(folder: str) -> list[str]:
    root = resources.files("search_spaces") / folder
    return sorted(item.name.removesuffix(".yaml") for item in root.iterdir() if item.name.endswith(".yaml"))


@lru_cache(maxsize=256)
def _text(folder: str, name: str) -> str:
    return (resources.files("search_spaces") / folder / f"{name}.yaml").read_text(encoding="utf-8")


def space_names() -> list[str]:
    """Return the names of the ready-made spaces."""
    return _names("spaces")


def system_names() -> list[str]:
    """Return the names of the published systems."""
    return _names("systems")


def system_document(name: str) -> dict[str, Any]:
    """Return the document of a published system: ``team``, ``model``, ``rank``, ``table`` and ``architecture``."""
    known = system_names()
    if name not in known:
        raise UnknownNameError("system", name, known)
    plain: dict[str, Any] = read_text(_text("systems", name), f"{name}.yaml")
    return plain


@lru_cache(maxsize=256)
def _system(name: str) -> Architecture:
    return Architecture(system_document(name)["architecture"])


def load_architecture(source: str | Path | Mapping[str, Any] | Architecture) -> Architecture:
    """Return an architecture from ``system:NAME``, a YAML or JSON file, or plain data.

    Raises:
        NasError: It does not exist, cannot be read, or breaks a rule of the language.
    """
    if isinstance(source, Architecture):
        return source
    if isinstance(source, str) and source.startswith(SYSTEM):
        return _system(source.removeprefix(SYSTEM))
    if isinstance(source, str | Path):
        return Architecture(_document(read_file(Path(source)), str(source)))
    return Architecture(_document(source, "the architecture"))


def _document(plain: Any, name: str) -> Mapping[str, Any]:
    """Accept a bare document, or one wrapped as ``{architecture: ...}`` as systems and exports are."""
    if isinstance(plain, Mapping) and "architecture" in plain and "network" not in plain:
        plain = plain["architecture"]
    if not isinstance(plain, Mapping):
        raise RequestError(f"{name} holds no architecture but a {type(plain).__name__}; give a mapping with a network.")
    return plain


def load_space(source: str | Path | Mapping[str, Any] | Space) -> Space:
    """Return a space from a ready-made name, a YAML or JSON file, or plain data.

    Raises:
        NasError: It does not exist, cannot be read, or breaks a rule of the language.
    """
    if isinstance(source, Space):
        return source
    if isinstance(source, Mapping):
        return Space(source)
    known = space_names()
    if str(source) in known:
        return Space(read_text(_text("spaces", str(source)), f"{source}.yaml"))
    path = Path(source)
    if path.suffix in (".yaml", ".yml", ".json"):
        return Space(read_file(path))
    raise UnknownNameError("space", str(source), known)
