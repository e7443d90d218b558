"""Small documents that the tests of the language share."""

from typing import Any


def document(**network: Any) -> dict[str, Any]:
    """A x2 document of width 8 with a plain head and tail around whatever a test puts in."""
    tail = {"op": "pixelshuffle", "kernel": 3}
    return {"language": 1, "scale": 2, "network": {"width": 8, "head": {"op": "conv"}, "tail": tail, **network}}


def space(let: dict[str, Any] | None = None, **network: Any) -> dict[str, Any]:
    """As ``document``, with lets."""
    plain = document(**network)
    return {**plain, "let": let} if let else plain
