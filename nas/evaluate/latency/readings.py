"""A reading of a device: a value, or the reason why there is none. What could not be read is never 0."""

from collections.abc import Callable
from typing import TypeAlias

Value: TypeAlias = str | int | float | bool | list[str]
Unavailable: TypeAlias = dict[str, str]
Reading: TypeAlias = Value | Unavailable


def unavailable(reason: str) -> Unavailable:
    """The reading of something that cannot be read."""
    return {"unavailable": reason}


def number(reading: Reading) -> float | None:
    """The reading as a number, or None when it has none."""
    return float(reading) if isinstance(reading, int | float) else None


def why_not(reading: Reading) -> str:
    """The reason of an unavailable reading, empty when there is a value."""
    return reading["unavailable"] if isinstance(reading, dict) else ""


def from_system(read: Callable[[], Value | None]) -> Reading:
    """Reads something of the operating system; a missing file, a refusal and an odd answer become reasons."""
    try:
        value = read()
    except PermissionError:
        return unavailable("no_permission")
    except (FileNotFoundError, NotADirectoryError, NotImplementedError, AttributeError):
        return unavailable("unsupported")
    except (OSError, ValueError, IndexError) as error:
        return unavailable(f"error: {error}")
    return unavailable("unsupported") if value is None else value
