"""Architectures that some search met, by their hash."""

from collections.abc import Iterable
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from nas.errors import NotFoundError
from nas.store.clock import now
from nas.store.tables import Architecture
from nas.store.types import Document
from nas.store.upsert import insert_unless_there


class Hashed(Protocol):
    """What the language's architectures have."""

    @property
    def hash(self) -> str:
        """By value, of the training form."""
        ...

    @property
    def deployed_hash(self) -> str:
        """By value, of the deployed form."""
        ...

    def to_dict(self) -> Document:
        """The canonical document."""
        ...


def put(session: Session, architecture: Hashed, cost: Document) -> None:
    """Keep an architecture with its cost; nothing changes when it is there already."""
    row = {
        "hash": architecture.hash,
        "deployed_hash": architecture.deployed_hash,
        "document": architecture.to_dict(),
        "cost": cost,
        "created_at": now(session),
    }
    insert_unless_there(session, Architecture, row)


def get(session: Session, architecture_hash: str) -> Architecture:
    """One architecture.

    Raises:
        NotFoundError: none with this hash was met.
    """
    row = session.get(Architecture, architecture_hash)
    if row is None:
        raise NotFoundError(f"There is no architecture {architecture_hash!r} in the store.")
    return row


def many(session: Session, hashes: Iterable[str]) -> dict[str, Architecture]:
    """Those of ``hashes`` that are there."""
    query = select(Architecture).where(Architecture.hash.in_(list(hashes)))
    return {row.hash: row for row in session.execute(query).scalars()}


def like(session: Session, start: str, *, limit: int = 2) -> list[str]:
    """Hashes that begin with ``start``, for people who do not type all of one."""
    query = select(Architecture.hash).where(Architecture.hash.startswith(start, autoescape=True))
    return list(session.execute(query.order_by(Architecture.hash).limit(limit)).scalars())
