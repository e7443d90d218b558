"""One page of a list that goes on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Page(Generic[Item]):
    """The items, and where the next page starts."""

    items: tuple[Item, ...]
    cursor: str | None
    """Give this to the same call to get the next page; None at the end."""


def cut(items: Sequence[Item], limit: int, last: str) -> Page[Item]:
    """The first ``limit`` of one more item than that; the attribute named ``last`` is the cursor."""
    kept = tuple(items[:limit])
    more = len(items) > limit
    return Page(kept, str(getattr(kept[-1], last)) if more else None)
