"""Symbolic constructor calls: what a network is made of, before it is built or written down."""

from collections.abc import Callable, Iterator
from functools import singledispatch
from typing import Any, Literal, Self

from torch import nn

from nas.errors import BuildError
from nas.ops import Op

Form = Literal["training", "deployed"]
"""Networks are trained with branches and deployed with these merged."""

LINE = 120
"""Longest line of the source that calls are rendered to."""


class Call:
    """A constructor call that can be made, or written as source.

    Args:
        cls: A module class.
        args: Plain values, calls, or lists of them.
        kwargs: The same, by name.
    """

    def __init__(self, cls: type[nn.Module], *args: Any, **kwargs: Any) -> None:
        self.cls = cls
        self.args = args
        self.kwargs = kwargs
        self._preparations: tuple[Callable[[Any], None], ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Call) and self.source() == other.source()

    def __hash__(self) -> int:
        return hash(self.source())

    def __repr__(self) -> str:
        return self.source()

    def given(self, **kwargs: Any) -> "Call":
        """Return the call with further keyword arguments."""
        changed = Call(self.cls, *self.args, **{**self.kwargs, **kwargs})
        changed._preparations = self._preparations
        return changed

    def then(self, prepare: Callable[[Any], None]) -> Self:
        """Have ``prepare`` change every module built; it has no part in the source."""
        self._preparations += (prepare,)
        return self

    def build(self) -> nn.Module:
        """Make the module."""
        module = self.cls(*map(_built, self.args), **{name: _built(value) for name, value in self.kwargs.items()})
        for prepare in self._preparations:
            prepare(module)
        return module

    def classes(self) -> list[type[nn.Module]]:
        """Return the classes of ours that the source needs, bases first, each once."""
        found = [cls for part in self._parts() for cls in part.classes()]
        found += [cls for cls in reversed(self.cls.__mro__) if cls.__module__.startswith("nas.")]
        return list(dict.fromkeys(found))

    def source(self, indent: int = 0, room: int = LINE) -> str:
        """Write the call as Python.

        Args:
            indent: Spaces before the line that the call stands on, for calls that take several lines.
            room: Characters left on the first line; a longer call has one argument a line.
        """
        line = f"{self.name}({', '.join(text for text in self._arguments(0, 10**9))})"
        if len(line) <= room:
            return line
        margin = " " * (indent + 4)
        arguments = "".join(f"{margin}{text},\n" for text in self._arguments(indent + 4, LINE - indent - 5))
        return f"{self.name}(\n{arguments}{' ' * indent})"

    @property
    def name(self) -> str:
        """The class as source names it."""
        return f"nn.{self.cls.__name__}" if self.cls.__module__.startswith("torch.nn") else self.cls.__name__

    def _arguments(self, indent: int, room: int) -> Iterator[str]:
        for value in self.args:
            yield source(value, indent, room)
        for name, value in self.kwargs.items():
            yield f"{name}={source(value, indent, room - len(name) - 1)}"

    def _parts(self) -> Iterator["Call"]:
        for value in (*self.args, *self.kwargs.values()):
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, Call):
                    yield item


def source(value: Any, indent: int = 0, room: int = LINE) -> str:
    """Write a call, a list of calls or a plain value as Python."""
    if isinstance(value, Call):
        return value.source(indent, room)
    if isinstance(value, list) and value and isinstance(value[0], Call):
        return _calls(value, indent, room)
    if isinstance(value, str):
        return '"' + value + '"'
    if isinstance(value, tuple):
        return "(" + ", ".join(source(item) for item in value) + (",)" if len(value) == 1 else ")")
    return repr(value)


def _calls(calls: list[Call], indent: int, room: int) -> str:
    """Write a list of calls; equal ones as a comprehension."""
    margin = " " * (indent + 4)
    if len(calls) > 1 and len(set(calls)) == 1:
        loop = f"for _ in range({len(calls)})"
        line = f"[{calls[0].source()} {loop}]"
        long = f"[\n{margin}{calls[0].source(indent + 4, LINE - indent - 4)}\n{margin}{loop}\n{' ' * indent}]"
    else:
        line = f"[{', '.join(call.source() for call in calls)}]"
        rows = "".join(f"{margin}{call.source(indent + 4, LINE - indent - 5)},\n" for call in calls)
        long = f"[\n{rows}{' ' * indent}]"
    return line if len(line) <= room and "\n" not in line else long


def _built(value: Any) -> Any:
    if isinstance(value, Call):
        return value.build()
    return [_built(item) for item in value] if isinstance(value, list) else value


@singledispatch
def translate(op: Op, widths: tuple[int, ...], form: Form) -> Call:
    """Return the call that makes ``op``; one function is registered for every op."""
    raise BuildError(f"The op {op.name!r} has no network; register one beside its family in nas/networks.")


def call(op: Op, widths: tuple[int, ...], form: Form = "deployed", taps: tuple[str, ...] = ()) -> Call:
    """Return the constructor call of ``op``'s module.

    Args:
        op: A bound op.
        widths: Channels of each input.
        form: Whether convolutions get their training branches.
        taps: Intermediate features that the module returns after its result.
    """
    made = translate(op, widths, form)
    return made.given(taps=taps) if taps else made
