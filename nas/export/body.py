"""Write the class of a network: its constructor and its forward pass."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from nas.language import IMAGE, Graph, Ref
from nas.networks import Call, steps
from nas.networks.calls import LINE, source
from nas.networks.fusion import Add, Concat, Slice
from nas.networks.network import Step

INLINE: dict[type, Callable[..., str]] = {
    Concat: lambda *names: f"torch.cat([{', '.join(names)}], dim=1)",
    Add: lambda *names: " + ".join(names),
    Slice: lambda name, first, last: f"{name}[:, {first}:{last}]",
}
"""Modules that are better read as an expression: of what they read, then of their arguments."""


@dataclass(frozen=True)
class Body:
    """Source of a network.

    Args:
        factories: Functions that make blocks which occur more than once.
        constructor: Lines of ``__init__`` that make the modules.
        forward: Lines of ``forward``, with its return.
    """

    factories: list[str]
    constructor: list[str]
    forward: list[str]


def body(graph: Graph) -> Body:
    """Return the source of a graph's network, indented as in its class."""
    planned = steps(graph)
    factories = Factories(planned)
    made: dict[str, str] = {}
    for step in planned:
        if step.call.cls not in INLINE:
            prefix = f"        self.{step.name} = "
            made.setdefault(step.name, prefix + factories.source(step.call, 8, LINE - len(prefix)))
    mean = [] if graph.input.mean is None else [f"        {_mean(graph.input.mean)}"]
    return Body(factories.definitions, mean + list(made.values()), forward(graph, planned))


def _mean(mean: tuple[float, ...]) -> str:
    values = ", ".join(repr(value) for value in mean)
    return f'self.register_buffer("mean", torch.tensor([{values}]).view(3, 1, 1), persistent=False)'


class Factories:
    """Functions for blocks that take several lines and occur more than once."""

    def __init__(self, planned: tuple[Step, ...]) -> None:
        unique = {step.name: bare(step.call) for step in planned if step.call.cls not in INLINE}
        counts = Counter(unique.values())
        self.definitions: list[str] = []
        self._names: dict[Call, str] = {}
        for call, count in counts.items():
            if count > 1 and "\n" in call.source(8, LINE - 24):
                self._define(call, count, taps=any(step.call != bare(step.call) == call for step in planned))

    def _define(self, call: Call, count: int, *, taps: bool) -> None:
        name = f"make_{_snake(call.cls.__name__)}"
        name += f"_{len(self._names) + 1}" if name in self._names.values() else ""
        self._names[call] = name
        arguments = "taps: tuple[str, ...] = ()" if taps else ""
        made = (call.given(taps=Variable("taps")) if taps else call).source(4, LINE - 11)
        self.definitions.append(
            f'def {name}({arguments}) -> {call.name}:\n    """Make one of {count} equal blocks."""\n    return {made}'
        )

    def source(self, call: Call, indent: int, room: int) -> str:
        """Write a call, or that of its factory."""
        name = self._names.get(bare(call))
        if name is None:
            return call.source(indent, room)
        taps = call.kwargs.get("taps")
        return f"{name}(taps={source(taps)})" if taps else f"{name}()"


def bare(call: Call) -> Call:
    """Return a call without its taps, in which equal blocks may differ."""
    kwargs = {name: value for name, value in call.kwargs.items() if name != "taps"}
    return Call(call.cls, *call.args, **kwargs)


class Variable:
    """A name that stands for itself in source."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def forward(graph: Graph, planned: tuple[Step, ...]) -> list[str]:
    """Return the lines of the forward pass."""
    names, lines = {Ref(IMAGE): "image"}, prepared(graph)
    used: Counter[str] = Counter()
    for number, step in enumerate(planned):
        used[step.name] += 1
        own = step.name if used[step.name] == 1 else f"{step.name}_again_{used[step.name] - 1}"
        inputs = [names[ref] for ref in step.inputs]
        for ref in step.outputs:
            names[ref] = own + (f"_{ref.tap}" if ref.tap else "")
        if passed_on(graph, planned, number):
            names[Ref(number)] = "x"
        targets = ", ".join(names[ref] if needed(graph, planned, ref) else "_" for ref in step.outputs)
        inline = INLINE.get(step.call.cls)
        value = inline(*inputs, *step.call.args) if inline else f"self.{step.name}({', '.join(inputs)})"
        lines.append(statement(f"{targets} = ", value))
    return [*lines, *finished(graph, names[graph.output])]


def needed(graph: Graph, planned: tuple[Step, ...], ref: Ref) -> bool:
    """Whether anything reads a feature."""
    return ref == graph.output or any(ref in step.inputs for step in planned)


def passed_on(graph: Graph, planned: tuple[Step, ...], number: int) -> bool:
    """Whether only the next step, or the end, reads the result of a step."""
    readers = [other for other, step in enumerate(planned) if Ref(number) in step.inputs]
    if graph.output == Ref(number):
        readers.append(len(planned))
    return readers == [number + 1]


def prepared(graph: Graph) -> list[str]:
    """Return the lines that shift, scale and pad the image."""
    spec, lines = graph.input, []
    if spec.pad is not None:
        lines.append("        height, width = image.shape[-2:]")
    if spec.mean is not None or spec.gain != 1.0:
        shifted = "image" if spec.mean is None else "image - self.mean"
        scaled = f"({shifted}) * {spec.gain!r}" if spec.mean is not None else f"image * {spec.gain!r}"
        lines.append(f"        image = {shifted if spec.gain == 1.0 else scaled}")
    if spec.pad is not None:
        lines.append(f'        image = padded(image, {spec.pad.multiple}, "{spec.pad.mode}")')
    return lines


def finished(graph: Graph, result: str) -> list[str]:
    """Return the lines that crop, shift and limit the result."""
    lines = []
    if graph.input.pad is not None:
        lines.append(f"        {result} = {result}[..., : {graph.scale} * height, : {graph.scale} * width]")
    if graph.result.mean and graph.input.mean is not None:
        lines.append(f"        {result} = {result} + self.mean")
    return [*lines, f"        return {result}.clamp(0, 1)" if graph.result.clamp else f"        return {result}"]


def statement(target: str, value: str) -> str:
    """Return an assignment, in several lines when it is long."""
    line = f"        {target}{value}"
    if len(line) <= LINE:
        return line
    if value.startswith("torch.cat(["):
        names = value.removeprefix("torch.cat([").removesuffix("], dim=1)")
        inner = f"            [{names}],"
        if len(inner) > LINE:
            rows = "".join(f"                {name},\n" for name in names.split(", "))
            inner = f"            [\n{rows}            ],"
        return f"        {target}torch.cat(\n{inner}\n            dim=1,\n        )"
    if " + " in value:
        joined = "            " + value.replace(" + ", "\n            + ")
        return f"        {target}(\n{joined}\n        )"
    head, names = value.removesuffix(")").split("(", 1)
    rows = "".join(f"            {name},\n" for name in names.split(", "))
    return f"        {target}{head}(\n{rows}        )"
