"""Turn a step's fields into an op, every message with the path to the value."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from nas.errors import LanguageError, UnknownNameError
from nas.language.scope import Scope
from nas.language.settle import Settler
from nas.ops.base import REGISTRY, Op, bound
from nas.ops.fields import FieldError, OneOp, OpList, Spec

STEP_KEYS = frozenset({"op", "as", "in", "plus", "of"})


Made = Callable[[type[Op], str, Any], None]
"""Told of every field of an op as it gets its value."""


def make_op(step: Mapping[str, Any], path: str, settler: Settler, scope: Scope, made: Made | None = None) -> Op:
    """Return the unbound op that a settled step describes.

    Raises:
        LanguageError: Unknown op or field, a value outside its range, or a missing field.
    """
    cls = find_op(step, path)
    specs = cls.specs()
    values: dict[str, Any] = {}
    for key, raw in step.items():
        if key in specs:
            values[key] = _field(specs[key], raw, f"{path}.{key}", settler, scope)
            if made is not None:
                made(cls, key, values[key])
        elif key not in STEP_KEYS:
            raise LanguageError(f"{path}.{key}", unknown_field(cls, key))
    for key in cls.required():
        if key not in values:
            raise LanguageError(path, f"{cls.name} needs {key} ({specs[key].domain()}).")
    return cls(**values)


def find_op(step: Mapping[str, Any], path: str) -> type[Op]:
    """Return the class of a step's op."""
    name = step.get("op")
    if not isinstance(name, str):
        raise LanguageError(path, f"a step names its op, as in {{op: conv}}; got {dict(step)!r}."[:300])
    try:
        return REGISTRY.find(name)
    except UnknownNameError as error:
        raise LanguageError(f"{path}.op", str(error)) from None


def unknown_field(cls: type[Op], key: str) -> str:
    """Say that ``cls`` has no field ``key``, and which one comes near."""
    near = get_close_matches(key, cls.specs(), n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    known = ", ".join(cls.specs()) or "none"
    return f"{cls.name} has no field {key!r}.{hint} Its fields: {known}."


def _field(spec: Spec, raw: Any, path: str, settler: Settler, scope: Scope) -> Any:
    if isinstance(spec, OpList):
        return tuple(_nested(spec, item, at, settler, scope) for item, at in settler.items(raw, path, scope))
    if isinstance(spec, OneOp):
        value, inside = settler.settle(raw, path, scope)
        return _nested(spec, value, inside, settler, scope)
    try:
        return spec.parse(settler.deep(raw, path, scope))
    except ValueError as error:
        raise LanguageError(path, f"{path.rpartition('.')[2]} {error}.") from None


def _nested(spec: OneOp, value: Any, path: str, settler: Settler, scope: Scope) -> Op:
    if isinstance(value, str):
        value = {"op": value}
    if not isinstance(value, Mapping):
        raise LanguageError(path, f"takes {spec.domain()}, got {value!r}.")
    op = make_op(value, path, settler, scope)
    reserved = sorted(STEP_KEYS & set(value) - {"op"})
    if reserved:
        raise LanguageError(path, f"{reserved[0]!r} belongs to steps, not to the parts of an op; remove it.")
    if op.kind not in spec.kinds and op.name not in spec.kinds:
        raise LanguageError(path, f"takes {spec.domain()}; {op.name} is of kind {op.kind}.")
    return op


def bind(op: Op, widths: tuple[int, ...], width: int, path: str) -> Op:
    """Bind an op where it stands; a misfit becomes a LanguageError with its path."""
    least, most = op.arity
    if not least <= len(widths) <= most:
        raise LanguageError(path, f"{op.name} reads {least} to {most} features, got {len(widths)}.")
    try:
        return bound(op, widths, width)
    except FieldError as error:
        raise LanguageError(f"{path}.{error.field}", f"{error}.") from None
