"""What a field of an op may hold: each spec turns a plain value into the field's value, or says why not."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from nas.errors import NasError

LARGEST_CHANNELS = 4096
"""No published network comes near it; a larger width is a typing error and would only exhaust memory."""


class FieldError(NasError):
    """A field of an op holds a value outside its range."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = name


@contextmanager
def within(field_name: str) -> Iterator[None]:
    """Say of a misfit inside a part of an op which part it is."""
    try:
        yield
    except FieldError as error:
        raise FieldError(f"{field_name}.{error.field}", str(error)) from None


@dataclass(frozen=True)
class Spec:
    """What one field may hold.

    Args:
        doc: One line for the reference: what the field does.
        training: True when the field never reaches the deployed form.
        context: True when the field's default comes from where the op stands (``width``).
    """

    doc: str
    training: bool = False
    context: bool = False

    def parse(self, value: object) -> Any:
        """Return the field's value; raises ValueError with the rest of a sentence."""
        raise ValueError(f"takes no value, got {value!r}")

    def plain(self, value: Any) -> Any:
        """Return ``value`` as plain data (the inverse of ``parse``)."""
        return value

    def domain(self) -> str:
        """Describe the accepted values, for the reference."""
        return "any"


def whole(value: object) -> int:
    """Return ``value`` as an int; integral floats count as whole, bools do not."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"takes a whole number, got {value!r}")
    return value


@dataclass(frozen=True)
class Integer(Spec):
    """A whole number between two bounds, both included."""

    low: int = 1
    high: int = LARGEST_CHANNELS

    def parse(self, value: object) -> int:
        number = whole(value)
        if not self.low <= number <= self.high:
            raise ValueError(f"takes a whole number from {self.low} to {self.high}, got {number}")
        return number

    def domain(self) -> str:
        return f"{self.low} to {self.high}"


@dataclass(frozen=True)
class Real(Spec):
    """A finite number between two bounds, both included."""

    low: float = 0.0
    high: float = 1e6

    def parse(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"takes a number, got {value!r}")
        if not math.isfinite(value) or not self.low <= value <= self.high:
            raise ValueError(f"takes a number from {self.low:g} to {self.high:g}, got {value!r}")
        return float(value)

    def plain(self, value: float) -> int | float:
        return int(value) if value.is_integer() else value

    def domain(self) -> str:
        return f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Flag(Spec):
    """True or false."""

    def parse(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise ValueError(f"takes true or false, got {value!r}")
        return value

    def domain(self) -> str:
        return "true, false"


@dataclass(frozen=True)
class OneOf(Spec):
    """One of a few literals."""

    options: tuple[str, ...] = ()

    def parse(self, value: object) -> str:
        if not isinstance(value, str) or value not in self.options:
            raise ValueError(f"takes one of {', '.join(self.options)}, got {value!r}")
        return value

    def domain(self) -> str:
        return ", ".join(self.options)


def odd(value: object, high: int) -> int:
    """Return ``value`` as an odd whole number from 1 to ``high``."""
    number = whole(value)
    if not 1 <= number <= high:
        raise ValueError(f"takes an odd number from 1 to {high}, got {number}")
    if number % 2 == 0:
        raise ValueError(f"takes an odd number, got {number}; try {number + 1}")
    return number


@dataclass(frozen=True)
class Odd(Spec):
    """An odd number of taps; 0 as well where there need be none."""

    high: int = 31
    none: bool = False

    def parse(self, value: object) -> int:
        return 0 if self.none and whole(value) == 0 else odd(value, self.high)

    def domain(self) -> str:
        return f"odd, from 1 to {self.high}" + (", or 0 for none" if self.none else "")


@dataclass(frozen=True)
class Kernel(Spec):
    """The window of a convolution: an odd side, or ``[height, width]``, both odd unless ``even`` is allowed."""

    high: int = 31

    def parse(self, value: object) -> tuple[int, int]:
        if isinstance(value, Sequence) and not isinstance(value, str):
            if len(value) != 2:
                raise ValueError(f"takes a side or [height, width], got {value!r}")
            return odd(value[0], self.high), odd(value[1], self.high)
        side = odd(value, self.high)
        return side, side

    def plain(self, value: tuple[int, int]) -> int | list[int]:
        return value[0] if value[0] == value[1] else list(value)

    def domain(self) -> str:
        return f"odd side from 1 to {self.high}, or [height, width]"


@dataclass(frozen=True)
class Many(Spec):
    """A list of values that each obey one spec."""

    of: Spec = field(default_factory=lambda: Integer(""))
    least: int = 1
    most: int = 16

    def parse(self, value: object) -> tuple[Any, ...]:
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise ValueError(f"takes a list, got {value!r}")
        if not self.least <= len(value) <= self.most:
            raise ValueError(f"takes {self.least} to {self.most} values, got {len(value)}")
        return tuple(self.of.parse(item) for item in value)

    def plain(self, value: tuple[Any, ...]) -> list[Any]:
        return [self.of.plain(item) for item in value]

    def domain(self) -> str:
        return f"list of {self.least} to {self.most}: {self.of.domain()}"


@dataclass(frozen=True)
class OneOp(Spec):
    """Another op of one of the named kinds; the language builds it."""

    kinds: tuple[str, ...] = ()

    def domain(self) -> str:
        return f"an op of kind {' or '.join(self.kinds)}"


@dataclass(frozen=True)
class OpList(OneOp):
    """One op for every place, or a list of ops, one for each."""

    def domain(self) -> str:
        return f"{super().domain()}, or a list of them"


def declare(spec: Spec, **default: Any) -> Any:
    """Declare a dataclass field that obeys ``spec``; ``default=`` gives its default."""
    return field(metadata={"spec": spec}, **default)


def specs(cls: Any) -> Mapping[str, Spec]:
    """Return the specs of a dataclass's fields by name, in order of declaration."""
    return {name: item.metadata["spec"] for name, item in cls.__dataclass_fields__.items() if "spec" in item.metadata}


def portion(width: int, ratio: float, field_name: str = "ratio") -> int:
    """Return ``ratio`` times ``width``; raise FieldError when that is no whole number of channels."""
    channels = width * ratio
    if channels < 1 or not float(channels).is_integer():
        raise FieldError(
            field_name, f"{ratio:g} times {width} channels is {channels:g}; choose one that makes it whole"
        )
    return int(channels)
