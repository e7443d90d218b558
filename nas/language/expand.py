"""Lay out a document as a graph: slots, chains, repeats, references and sugar become flat nodes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nas.errors import LanguageError
from nas.language import references
from nas.language.document import Document, check_input, check_output, in_network
from nas.language.graph import IMAGE, Graph, InputSpec, Node, OutputSpec, Pad, Ref
from nas.language.holes import Chooser
from nas.language.make import bind, make_op
from nas.language.resolve import Resolver
from nas.language.scope import Element, Run, Scope
from nas.language.settle import Settler
from nas.ops.base import Op, Shape, outcome
from nas.ops.conv import Conv
from nas.ops.fields import FieldError
from nas.ops.fusion import Add

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)
PROBE = 256
"""Side of the image that shapes are checked on."""
MOST_COPIES = 64
MOST_GRAPH_NODES = 2000
CHAIN_KEYS = frozenset({"op", "as", "in", "plus", "steps", "width"})
REPEAT_KEYS = frozenset({"repeat", "block", "blocks", "as", "share", "weights", "width"})


class Watcher:
    """Told of every part as it is laid out; may stop the layout by raising."""

    def framed(self, entry: InputSpec, result: OutputSpec) -> None:
        """Called once, before the first node."""

    def making(self, name: object, position: int) -> None:
        """Called before the fields of a step are read; it names the op ``name``, the node's number is ``position``."""

    def made(self, op: type[Op], name: str, value: Any, position: int) -> None:
        """Called after the field ``name`` of that step got its value."""

    def added(self, node: Node, position: int) -> None:
        """Called after ``node`` took its place."""


class Expander:
    """Lays out one draw of a document.

    Args:
        document: The checked document.
        chooser: Who fills the holes.
        watcher: Told of every node.
    """

    def __init__(self, document: Document, chooser: Chooser, watcher: Watcher | None = None) -> None:
        self._document = document
        self._watcher = watcher or Watcher()
        self.settler = Settler(document.lets, document.scale, chooser)
        self._nodes: list[Node] = []
        self._shapes: list[Shape] = []
        self._image = Shape(3, PROBE, PROBE)
        self._resolver = Resolver(self._nodes)

    def graph(self) -> Graph:
        """Return the graph.

        Raises:
            LanguageError: A rule of the language is broken in this draw.
        """
        with in_network():
            return self._graph()

    def _graph(self) -> Graph:
        root = Scope({}, None, Ref(IMAGE), 0, {})
        width, _ = self.settler.settle(self._document.network.get("width", 0), "width", root)
        root = replace(root, width=self._whole(width, "width"))
        entry, result = self._input(root), self._output(root)
        self._watcher.framed(entry, result)
        self._image = Shape(3, *entry.size(PROBE, PROBE))
        last = Ref(IMAGE)
        for slot in references.SLOTS:
            if slot in self._document.network:
                last = self._slot(slot, last, root)
        graph = Graph(tuple(self._nodes), last, self._document.scale, entry, result)
        self._check(graph)
        return graph

    def _whole(self, value: Any, path: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 4096:
            raise LanguageError(path, f"takes a whole number from 1 to 4096, got {value!r}.")
        return value

    def _input(self, root: Scope) -> InputSpec:
        plain = self.settler.deep(self._document.network.get("input", {}), "input", root)
        check_input(plain)
        mean = plain.get("mean")
        pad = plain.get("pad")
        return InputSpec(
            mean=DIV2K_MEAN if mean == "div2k" else None if mean is None else tuple(mean),
            gain=float(plain.get("gain", 1.0)),
            pad=None if pad is None else Pad(pad["multiple"], pad.get("mode", "reflect")),
        )

    def _output(self, root: Scope) -> OutputSpec:
        plain = self.settler.deep(self._document.network.get("output", {}), "output", root)
        check_output(plain)
        return OutputSpec(mean=plain.get("mean", False), clamp=plain.get("clamp", False))

    def _slot(self, slot: str, last: Ref, root: Scope) -> Ref:
        run = Run()
        root.labels[slot] = run
        value = self._document.network[slot]
        steps = [(value, slot)] if isinstance(value, Mapping) and "op" in value else None
        items = steps or self.settler.items(value, slot, root)
        last = self._list(items, last, root, run)
        run.growing = False
        return last

    def _list(self, items: list[tuple[Any, str]], last: Ref, scope: Scope, run: Run) -> Ref:
        """Lay out a list of steps as a chain, each reading the one before."""
        for step, path in items:
            if isinstance(step, Mapping) and "repeat" in step:
                last = self._repeat(step, path, last, scope, run)
                continue
            if step == "none":
                continue
            element = self._step(step, path, last, scope)
            run.elements.append(element)
            self._name(step, path, element, scope)
            last = element.result
        return last

    def _name(self, step: Any, path: str, label: Element | Run, scope: Scope) -> None:
        if isinstance(step, Mapping) and "as" in step:
            name = references.check_label(step["as"], f"{path}.as")
            if name in scope.labels:
                raise LanguageError(f"{path}.as", f"the label {name!r} is taken in this chain; choose another.")
            scope.labels[name] = label

    def _repeat(self, step: Mapping[str, Any], path: str, last: Ref, scope: Scope, run: Run) -> Ref:
        count = self._copies(step, path, scope)
        blocks, shared = step.get("blocks"), step.get("weights", "own") == "shared"
        own = Run()
        self._name(step, path, own, scope)
        if "width" in step:
            width, _ = self.settler.settle(step["width"], f"{path}.width", scope)
            scope = replace(scope, width=self._whole(width, f"{path}.width"))
        if blocks is not None and len(blocks) != count:
            raise LanguageError(f"{path}.blocks", f"{count} copies need {count} blocks, got {len(blocks)}.")
        for i in range(count):
            inner = scope.counting(i, count)
            each = f"{path}@{i}" if step.get("share", "tied") == "each" else path
            raw, at = (step["block"], f"{each}.block") if blocks is None else (blocks[i], f"{path}.blocks.{i}")
            settled, inside = self.settler.settle(raw, at, inner)
            start = len(self._nodes)
            element = self._step(settled, inside, last, inner)
            if shared and i:
                self._tie(own.elements[0].span, (start, len(self._nodes)), path)
            own.elements.append(element)
            run.elements.append(element)
            last = element.result
        own.growing = False
        return last

    def _copies(self, step: Mapping[str, Any], path: str, scope: Scope) -> int:
        unknown = sorted(set(step) - REPEAT_KEYS)
        if unknown:
            raise LanguageError(f"{path}.{unknown[0]}", f"a repeat has no field {unknown[0]!r}.")
        count, _ = self.settler.settle(step["repeat"], f"{path}.repeat", scope)
        if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MOST_COPIES:
            raise LanguageError(f"{path}.repeat", f"takes a whole number from 0 to {MOST_COPIES}, got {count!r}.")
        if ("block" in step) == ("blocks" in step):
            raise LanguageError(path, "a repeat has a block (or blocks, one for each copy).")
        return count

    def _tie(self, first: tuple[int, int], copy: tuple[int, int], path: str) -> None:
        """Make the nodes of a copy share the weights of the first copy's."""
        if first[1] - first[0] != copy[1] - copy[0]:
            raise LanguageError(path, "copies that share weights must be alike; this one has other steps.")
        for source, target in zip(range(*first), range(*copy), strict=True):
            one, other = self._nodes[source], self._nodes[target]
            if (one.op, one.widths) != (other.op, other.widths):
                raise LanguageError(path, f"copies that share weights must be alike; {other.path} differs.")
            self._nodes[target] = replace(other, tie=source if one.tie is None else one.tie)

    def _step(self, step: Any, path: str, last: Ref, scope: Scope) -> Element:
        """Lay out one step and its ``plus``; ``last`` is what it reads unless it says otherwise."""
        if isinstance(step, str):
            step = {"op": step}
        if isinstance(step, list | tuple):
            step = {"op": "chain", "steps": list(step)}
        if not isinstance(step, Mapping):
            raise LanguageError(path, f"takes a step such as {{op: conv}}, got {step!r}.")
        start = len(self._nodes)
        entry = self._one(step["in"], f"{path}.in", last, scope) if "in" in step else last
        labels: dict[str, Element | Run] = {}
        node: int | None = None
        if step.get("op") == "chain":
            result, labels = self._chain(step, path, entry, scope)
        elif step.get("op") == "reuse":
            result = self._reuse(step, path, entry, scope)
        else:
            result, node = self._op(step, path, entry, scope)
        if "plus" in step:
            operands = self._operands(step["plus"], f"{path}.plus", entry, scope)
            result = self._emit(Add(), (result, *operands), f"{path}.plus", scope)
        return Element(result, entry, node, labels, (start, len(self._nodes)))

    def _chain(self, step: Mapping[str, Any], path: str, entry: Ref, scope: Scope) -> tuple[Ref, dict[str, Any]]:
        unknown = sorted(set(step) - CHAIN_KEYS)
        if unknown:
            raise LanguageError(f"{path}.{unknown[0]}", f"a chain has no field {unknown[0]!r}.")
        width = scope.width
        if "width" in step:
            settled, _ = self.settler.settle(step["width"], f"{path}.width", scope)
            width = self._whole(settled, f"{path}.width")
        inner = scope.inner(entry, width)
        items = self.settler.items(step.get("steps", []), f"{path}.steps", inner)
        if not items:
            raise LanguageError(f"{path}.steps", "a chain needs at least one step.")
        return self._list(items, entry, inner, Run()), inner.labels

    def _op(self, step: Mapping[str, Any], path: str, entry: Ref, scope: Scope) -> tuple[Ref, int | None]:
        """Lay out a step of a registered op, its sugar included."""
        if step.get("op") == "none" and not set(step) - {"op", "as", "in", "plus"}:
            return entry, None
        inputs = self._operands(step["of"], f"{path}.of", entry, scope) if "of" in step else (entry,)
        if step.get("op") == "concat" and "kernel" in step:
            joined = self._emit_step({"op": "concat"}, inputs, path, scope)
            fields = {key: item for key, item in step.items() if key in Conv.specs()}
            result = self._emit_step({"op": "conv", **fields}, (joined,), path, scope)
        elif step.get("op") == "pixelshuffle":
            result = self._upsample(step, inputs, path, scope)
        else:
            result = self._emit_step(step, inputs, path, scope)
        return result, result.node

    def _upsample(self, step: Mapping[str, Any], inputs: tuple[Ref, ...], path: str, scope: Scope) -> Ref:
        """A pixelshuffle with a kernel is a convolution to width * scale^2 channels and the shuffle."""
        scale, _ = self.settler.settle(step.get("scale", self._document.scale), f"{path}.scale", scope)
        shuffle = {key: item for key, item in step.items() if key not in Conv.specs()}
        if "kernel" in step:
            width, _ = self.settler.settle(step.get("width", 3), f"{path}.width", scope)
            fields = {key: item for key, item in step.items() if key in Conv.specs() and key != "width"}
            make_op({**shuffle, "scale": scale}, path, self.settler, scope)
            fields["width"] = self._whole(width, f"{path}.width") * scale**2
            inputs = (self._emit_step({"op": "conv", **fields}, inputs, path, scope),)
        elif set(step) & set(Conv.specs()):
            raise LanguageError(path, "a pixelshuffle without kernel has no convolution; give it a kernel.")
        return self._emit_step({**shuffle, "scale": scale}, inputs, path, scope)

    def _reuse(self, step: Mapping[str, Any], path: str, entry: Ref, scope: Scope) -> Ref:
        """Run the steps of a labelled element once more, on another input, with the same weights."""
        of = step.get("of")
        if not isinstance(of, str) or set(step) - {"op", "as", "in", "plus", "of"}:
            raise LanguageError(f"{path}.of", f"reuse takes of, the label of an earlier step; got {of!r}.")
        element = self._resolver.element(of, f"{path}.of", scope)
        start, stop = element.span
        moved = {element.entry: entry}
        for number in range(start, stop):
            node = self._nodes[number]
            inputs = tuple(self._moved(ref, moved) for ref in node.inputs)
            copy = self._place(node.op, inputs, path)
            self._nodes[copy.node] = replace(self._nodes[copy.node], tie=number if node.tie is None else node.tie)
            moved[Ref(number)] = copy
        return self._moved(element.result, moved)

    @staticmethod
    def _moved(ref: Ref, moved: Mapping[Ref, Ref]) -> Ref:
        if ref in moved:
            return moved[ref]
        whole = moved.get(Ref(ref.node))
        return ref if whole is None else Ref(whole.node, ref.tap)

    def _emit_step(self, step: Mapping[str, Any], inputs: tuple[Ref, ...], path: str, scope: Scope) -> Ref:
        position = len(self._nodes)
        self._watcher.making(step.get("op"), position)

        def made(op: type[Op], name: str, value: Any) -> None:
            self._watcher.made(op, name, value, position)

        return self._emit(make_op(step, path, self.settler, scope, made), inputs, path, scope)

    def _emit(self, op: Op, inputs: tuple[Ref, ...], path: str, scope: Scope) -> Ref:
        widths = tuple(self._shape(ref).channels for ref in inputs)
        if scope.width == 0 and "width" in op.specs() and op.width is None:  # type: ignore[attr-defined]
            raise LanguageError(path, f"{op.name} needs a width: give network.width, or one here.")
        return self._place(bind(op, widths, scope.width, path), inputs, path)

    def _place(self, op: Op, inputs: tuple[Ref, ...], path: str) -> Ref:
        shapes = tuple(self._shape(ref) for ref in inputs)
        if op.one_size and len(shapes) > 1 and len({(shape.height, shape.width) for shape in shapes}) > 1:
            sizes = ", ".join(f"{shape.height}x{shape.width}" for shape in shapes)
            raise LanguageError(path, f"features of different sizes meet here ({sizes}, from a {PROBE}x{PROBE} image).")
        try:
            shape, _ = outcome(op, shapes)
        except FieldError as error:
            raise LanguageError(f"{path}.{error.field}", f"{error}.") from None
        if len(self._nodes) >= MOST_GRAPH_NODES:
            raise LanguageError(path, f"the network has more than {MOST_GRAPH_NODES} steps; repeat less.")
        widths = tuple(item.channels for item in shapes)
        self._nodes.append(Node(op, inputs, widths, None, path))
        self._shapes.append(shape)
        self._watcher.added(self._nodes[-1], len(self._nodes) - 1)
        return Ref(len(self._nodes) - 1)

    def _shape(self, ref: Ref) -> Shape:
        return self._image if ref.node == IMAGE else self._shapes[ref.node]

    def _operands(self, value: Any, path: str, entry: Ref, scope: Scope) -> tuple[Ref, ...]:
        """Return the features of ``of`` or ``plus``: references, inline steps, inline chains."""
        settled, inside = self.settler.settle(value, path, scope)
        many = isinstance(settled, list | tuple)
        items = self.settler.items(settled, inside, scope) if many else [(settled, inside)]
        found = tuple(ref for item, at in items for ref in self._operand(item, at, entry, scope))
        if not found:
            raise LanguageError(path, "names no feature; give at least one.")
        return found

    def _operand(self, item: Any, path: str, entry: Ref, scope: Scope) -> tuple[Ref, ...]:
        if isinstance(item, str):
            return self._resolver.features(item, path, entry, scope)
        if isinstance(item, list | tuple):
            inner = scope.inner(entry, scope.width)
            return (self._list(self.settler.items(item, path, inner), entry, inner, Run()),)
        return (self._step(item, path, entry, scope).result,)

    def _one(self, value: Any, path: str, entry: Ref, scope: Scope) -> Ref:
        found = self._operands(value, path, entry, scope)
        if len(found) != 1:
            raise LanguageError(path, f"a step reads one feature, got {len(found)}; concat or add them first.")
        return found[0]

    def _check(self, graph: Graph) -> None:
        """Every step is used, and the result is an image of the promised size."""
        if not graph.nodes:
            raise LanguageError("network", "there are no steps; fill head, body, fuse or tail.")
        used, stack = set(), [graph.output.node]
        while stack:
            number = stack.pop()
            if number != IMAGE and number not in used:
                used.add(number)
                stack.extend(ref.node for ref in graph.nodes[number].inputs)
        for number, node in enumerate(graph.nodes):
            if number not in used:
                raise LanguageError(
                    node.path, f"the result of this {node.op.name} is never used; remove it or read it."
                )
        height, width = graph.input.size(PROBE, PROBE)
        wanted = Shape(3, height * graph.scale, width * graph.scale)
        found = self._shape(graph.output)
        if found != wanted:
            raise LanguageError(
                "network",
                f"a {PROBE}x{PROBE} image becomes {found.channels}x{found.height}x{found.width}, not "
                f"{wanted.channels}x{wanted.height}x{wanted.width}; check the tail and scale {graph.scale}.",
            )
