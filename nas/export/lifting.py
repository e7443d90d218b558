"""Lift classes out of the modules they are defined in, with all that they need, as source text."""

import ast
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from symtable import SymbolTable, symtable
from types import ModuleType
from typing import Any

from nas.errors import ExportError

OURS = "nas."


@dataclass
class Lifted:
    """Source that stands by itself.

    Args:
        imports: What it imports: (module, name), or (module, "") for the module itself.
        definitions: Its definitions by name, each after those it needs.
    """

    imports: set[tuple[str, str]] = field(default_factory=set)
    definitions: dict[str, str] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)


def lift(things: Sequence[Callable[..., Any]]) -> Lifted:
    """Return the source of classes and functions and of everything of ours that they name.

    Raises:
        ExportError: Something they name cannot be lifted.
    """
    lifted = Lifted()
    for thing in things:
        _define(sys.modules[thing.__module__], thing.__name__, lifted)
    return lifted


def _define(module: ModuleType, name: str, lifted: Lifted) -> None:
    text, statements = _parsed(module)
    if name not in statements:
        raise ExportError(f"{module.__name__} has no {name} at its top level, so that it cannot be exported.")
    statement = statements[name]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        _import(module, statement, name, lifted)
        return
    if name in lifted.begun:
        return
    lifted.begun.add(name)
    source = _source(text, statement)
    for needed in sorted(_globals(symtable(source, module.__name__, "exec")) - {name}):
        if needed in statements:
            _define(module, needed, lifted)
    lifted.definitions[name] = source


def _import(module: ModuleType, statement: ast.Import | ast.ImportFrom, name: str, lifted: Lifted) -> None:
    """Keep an import of others' code; follow one of ours to where it leads."""
    alias = next(item for item in statement.names if (item.asname or item.name) == name)
    origin = "" if isinstance(statement, ast.Import) else str(statement.module)
    ours = (origin or alias.name).startswith(OURS)
    if not ours:
        words = alias.name if alias.asname is None else f"{alias.name} as {alias.asname}"
        lifted.imports.add((origin, words) if origin else (words, ""))
    elif not origin or alias.asname or f"{origin}.{name}" in sys.modules:
        raise ExportError(f"{module.__name__} imports {alias.name} as a module or by another name; import its names.")
    else:
        _define(sys.modules[origin], name, lifted)


@cache
def _parsed(module: ModuleType) -> tuple[str, dict[str, ast.stmt]]:
    """Return a module's text and its top-level statements by the names that they bind."""
    text = inspect.getsource(module)
    statements: dict[str, ast.stmt] = {}
    for statement in ast.parse(text).body:
        match statement:
            case ast.ClassDef() | ast.FunctionDef():
                statements[statement.name] = statement
            case ast.Import() | ast.ImportFrom():
                statements.update({item.asname or item.name: statement for item in statement.names})
            case ast.Assign(targets=targets):
                names = [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
                statements.update(dict.fromkeys(names, statement))
            case ast.AnnAssign(target=ast.Name(id=name)):
                statements[name] = statement
    return text, statements


def _globals(table: SymbolTable) -> set[str]:
    """Return the names that a piece of source looks up in its module."""
    outermost = table.get_type() == "module"
    names = {
        item.get_name() for item in table.get_symbols() if item.is_referenced() and (outermost or item.is_global())
    }
    return names.union(*(_globals(child) for child in table.get_children()))


def _source(text: str, statement: ast.stmt) -> str:
    decorators = getattr(statement, "decorator_list", [])
    first = min([statement.lineno, *(item.lineno for item in decorators)])
    return "\n".join(text.splitlines()[first - 1 : statement.end_lineno])
