"""An explicit, typed registry: names are taken once, and a failed addition changes nothing."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from nas.errors import NasError, UnknownNameError

T = TypeVar("T")


class NameTakenError(NasError):
    """Two things were registered under one name."""


class Registry(Mapping[str, T]):
    """Things of one kind by name, in order of registration.

    Args:
        noun: What the things are, for messages (``op``, ``training form``).
    """

    def __init__(self, noun: str) -> None:
        self._noun = noun
        self._things: dict[str, T] = {}

    def add(self, name: str, thing: T) -> None:
        """Register ``thing``; raises NameTakenError when ``name`` is taken."""
        if name in self._things:
            raise NameTakenError(f"The {self._noun} {name!r} is registered twice. Give one of them another name.")
        self._things[name] = thing

    def under(self, name: str) -> Callable[[T], T]:
        """Return a decorator that registers what it decorates."""

        def decorate(thing: T) -> T:
            self.add(name, thing)
            return thing

        return decorate

    def find(self, name: str) -> T:
        """Return what is registered under ``name``, or say which name comes near."""
        try:
            return self._things[name]
        except KeyError:
            raise UnknownNameError(self._noun, name, self._things) from None

    def __getitem__(self, name: str) -> T:
        return self._things[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._things)

    def __len__(self) -> int:
        return len(self._things)
