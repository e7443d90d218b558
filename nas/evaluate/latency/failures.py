"""How a network that cannot be measured ends as a result with a reason."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from nas.errors import MeasurementError

_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "Storage size calculation overflowed")


class NetworkError(MeasurementError):
    """A network cannot be measured; the text is the reason in the result."""


@contextmanager
def blaming(who: str) -> Iterator[None]:
    """Turns whatever a network raises into a NetworkError that names the network."""
    try:
        yield
    except NetworkError:
        raise
    except Exception as error:  # a candidate's code may raise anything
        raise NetworkError(f"{who} {_what_happened(error)}") from error


def _what_happened(error: Exception) -> str:
    text = first_line(error)
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or any(part in str(error) for part in _NO_MEMORY):
        return f"ran out of memory: {text}"
    return f"raised {type(error).__name__}: {text}"


def check_output(output: object, expected: tuple[int, ...]) -> None:
    """Raises NetworkError unless the output is a finite image of the expected size, (1, 3, sH, sW)."""
    if isinstance(output, Tensor) and tuple(output.shape) != expected:
        raise size_error(output.shape, expected)
    size_of(output)


def size_of(output: object, who: str = "The network") -> tuple[int, ...]:
    """The size of an output; raises NetworkError, which names whose it is, unless it is a finite tensor."""
    if not isinstance(output, Tensor):
        raise NetworkError(f"{who} returned a {type(output).__name__} instead of an image.")
    if not bool(torch.isfinite(output).all()):
        raise NetworkError(f"{who}'s output holds NaN or infinite values.")
    return tuple(output.shape)


def size_error(found: Sequence[int], expected: Sequence[int]) -> NetworkError:
    """What to raise when the candidate's output is of another size than the baseline's."""
    sizes = ["x".join(map(str, size)) for size in (found, expected)]
    return NetworkError(f"The network's output has the size {sizes[0]}; the baseline's is {sizes[1]}.")


def first_line(error: BaseException) -> str:
    """The start of an error's text, for a reason on one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
