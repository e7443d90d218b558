"""Safe arithmetic: ``=width//2``, ``=pick(i, 4, 8)``, and the comparisons of ``require``."""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from simpleeval import InvalidExpression, SimpleEval

from nas.errors import LanguageError

LONGEST = 200
LARGEST_POWER = 16


def _power(base: float, exponent: float) -> Any:
    if abs(exponent) > LARGEST_POWER:
        raise InvalidExpression(f"exponents beyond {LARGEST_POWER} are not allowed")
    return base**exponent


_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Pow: _power,
}


def pick(index: int, *values: Any) -> Any:
    """Return the value at ``index``; the last one stands for all that follow."""
    if not values:
        raise InvalidExpression("pick needs an index and at least one value")
    return values[min(int(index), len(values) - 1)]


_FUNCTIONS = {"pick": pick, "min": min, "max": max}


_ALLOWED = (ast.BinOp, ast.UnaryOp, ast.Constant, ast.Name, ast.Call, ast.Load, ast.operator, ast.unaryop)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> ast.AST:
    """Parse an expression; what is neither arithmetic nor a call of a known function is refused here already."""
    tree: ast.AST = ast.parse(text, mode="eval").body
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED) or (isinstance(node, ast.Call) and node.keywords):
            raise InvalidExpression(f"{type(node).__name__} is not allowed")
        if isinstance(node, ast.Constant) and (isinstance(node.value, bool) or not isinstance(node.value, int | float)):
            raise InvalidExpression("only numbers are allowed")
    return tree


@lru_cache(maxsize=4096)
def names(text: str) -> frozenset[str]:
    """Return the names an expression reads (functions left out)."""
    try:
        tree = _parsed(text)
    except (SyntaxError, InvalidExpression, ValueError, RecursionError):
        return frozenset()
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called)


@lru_cache(maxsize=4096)
def computed(text: str, known: tuple[tuple[str, Any], ...], types: tuple[type, ...]) -> Any:  # noqa: ARG001
    """Return the value of an expression of known names, remembered; the ``types`` tell 1 from 1.0 and True."""
    engine = SimpleEval(operators=_OPERATORS, functions=_FUNCTIONS, names=dict(known))
    return engine.eval(text, previously_parsed=_parsed(text))


def evaluate(text: str, values: Callable[[str], Any] | Mapping[str, Any], path: str) -> Any:
    """Return the number (or bool) an expression stands for.

    Args:
        text: The expression, without its leading ``=``.
        values: The value of each name, as a mapping or a function that raises KeyError for an unknown one.
        path: Where it stands, for messages.

    Raises:
        LanguageError: It is too long, uses an unknown name, or is not arithmetic.
    """
    if len(text) > LONGEST:
        raise LanguageError(path, f"an expression has at most {LONGEST} characters; this one has {len(text)}.")
    look_up = values.__getitem__ if isinstance(values, Mapping) else values
    try:
        _parsed(text)
        known = {name: look_up(name) for name in names(text)}
        result = computed(text, tuple(known.items()), tuple(map(type, known.values())))
    except KeyError as error:
        raise LanguageError(path, f"{text!r} uses the unknown name {error.args[0]!r}.") from None
    except ZeroDivisionError:
        raise LanguageError(path, f"{text!r} divides by zero.") from None
    except (SyntaxError, InvalidExpression, ValueError, TypeError, OverflowError, RecursionError) as error:
        if isinstance(error, LanguageError):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise LanguageError(path, f"{text!r} is not arithmetic the language knows ({reason}).") from None
    if isinstance(result, bool) or not isinstance(result, int | float) or not math.isfinite(result):
        raise LanguageError(path, f"{text!r} is not a number but {result!r}.")
    return result
