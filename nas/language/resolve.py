"""Look up references: labels from the innermost scope outward, then slots, ``image``, ``in`` and ``entry``."""

from difflib import get_close_matches

from nas.errors import LanguageError
from nas.language import expressions
from nas.language.graph import IMAGE, Node, Ref
from nas.language.references import Part, parse
from nas.language.scope import Element, Label, Run, Scope


class Resolver:
    """Turns references into features.

    Args:
        nodes: The nodes laid out so far (the expander's own list, which grows).
    """

    def __init__(self, nodes: list[Node]) -> None:
        self._nodes = nodes

    def features(self, text: str, path: str, entry: Ref, scope: Scope) -> tuple[Ref, ...]:
        """Return the features a reference names (several for a slice)."""
        head, *rest = parse(text, path)
        fixed = {"image": Ref(IMAGE), "in": entry, "entry": scope.entry}
        label = self._label(head.name, scope)
        if label is None and head.name in fixed:
            if rest or head.index is not None:
                raise LanguageError(path, f"{head.name!r} has neither parts nor indices; write it alone.")
            return (fixed[head.name],)
        if label is None:
            raise LanguageError(path, self._unknown(text, head.name, scope))
        return tuple(self._inside(element, rest, text, path, scope) for element in self._pick(label, head, path, scope))

    def element(self, text: str, path: str, scope: Scope) -> Element:
        """Return the one element a reference names, for ``reuse``."""
        head, *rest = parse(text, path)
        label = self._label(head.name, scope)
        if label is None:
            raise LanguageError(path, self._unknown(text, head.name, scope))
        element = self._single(label, head, path, scope)
        for part in rest:
            element = self._single(self._member(element, part, text, path), part, path, scope)
        return element

    def _label(self, name: str, scope: Scope) -> Label | None:
        for level in scope.outward():
            if name in level.labels:
                return level.labels[name]
        return None

    def _unknown(self, text: str, name: str, scope: Scope) -> str:
        known = [label for level in scope.outward() for label in level.labels] + ["image", "in", "entry"]
        near = get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return f"{text!r} names nothing that was laid out before.{hint} Known here: {', '.join(known)}."

    def _single(self, label: Label, part: Part, path: str, scope: Scope) -> Element:
        found = self._pick(label, part, path, scope)
        if len(found) != 1:
            raise LanguageError(path, f"{part.name}[{part.index}] names {len(found)} features; name one.")
        return found[0]

    def _pick(self, label: Label, part: Part, path: str, scope: Scope) -> list[Element]:
        elements = label.elements if isinstance(label, Run) else [label]
        growing = isinstance(label, Run) and label.growing
        if part.index is None:
            if growing and len(elements) == 0:
                raise LanguageError(path, f"{part.name} has no element yet; references go backwards only.")
            if growing:
                raise LanguageError(
                    path, f"{part.name} is still growing here; give an index from 0, as {part.name}[0]."
                )
            return elements[-1:] if elements else self._missing(part, elements, path)
        if ":" in part.index:
            if growing:
                raise LanguageError(path, f"{part.name} is still growing here; a slice needs the whole list.")
            return self._slice(elements, part, path, scope)
        index = self._number(part.index, path, scope)
        if index < 0 and growing:
            raise LanguageError(path, f"{part.name} is still growing here; indices count from 0.")
        if not -len(elements) <= index < len(elements):
            return self._missing(part, elements, path)
        return [elements[index]]

    def _missing(self, part: Part, elements: list[Element], path: str) -> list[Element]:
        shown = part.name if part.index is None else f"{part.name}[{part.index}]"
        raise LanguageError(path, f"{shown} does not exist: {part.name} has {len(elements)} elements so far.")

    def _slice(self, elements: list[Element], part: Part, path: str, scope: Scope) -> list[Element]:
        first, _, last = (part.index or "").partition(":")
        start = self._number(first, path, scope) if first.strip() else None
        stop = self._number(last, path, scope) if last.strip() else None
        return elements[slice(start, stop)]

    def _number(self, text: str, path: str, scope: Scope) -> int:
        value = expressions.evaluate(text.strip(), scope.counters, path)
        if not isinstance(value, int):
            raise LanguageError(path, f"an index is a whole number, got {value!r}.")
        return value

    def _inside(self, element: Element, parts: list[Part], text: str, path: str, scope: Scope) -> Ref:
        """Follow ``.tap`` parts: labels of a chain, then the taps of an op."""
        for position, part in enumerate(parts):
            last = position == len(parts) - 1
            if part.name in element.labels:
                element = self._single(element.labels[part.name], part, path, scope)
            elif last and part.index is None and element.node is not None:
                return self._tap(element.node, part.name, text, path)
            else:
                self._member(element, part, text, path)
        return element.result

    def _member(self, element: Element, part: Part, text: str, path: str) -> Label:
        if part.name in element.labels:
            return element.labels[part.name]
        known = [*element.labels, *(self._nodes[element.node].op.taps() if element.node is not None else ())]
        shown = ", ".join(known) or "none"
        raise LanguageError(path, f"{text!r} asks for {part.name!r}, which is not among the taps there: {shown}.")

    def _tap(self, node: int, name: str, text: str, path: str) -> Ref:
        taps = self._nodes[node].op.taps()
        if name not in taps:
            raise LanguageError(
                path,
                f"{text!r} asks for the tap {name!r}; {self._nodes[node].op.name} has: {', '.join(taps) or 'none'}.",
            )
        return Ref(node, name)
