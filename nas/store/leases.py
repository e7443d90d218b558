"""Claiming a row, keeping it and losing it: the same rules for searches and exports."""

from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from nas.errors import LeaseLostError, NotFoundError
from nas.store.claim import Claim
from nas.store.clock import now
from nas.store.tables import Export, Search

Claimable = TypeVar("Claimable", Search, Export)


def claim(
    session: Session, table: type[Claimable], worker: str, lease_s: float, *, only: str | None = None
) -> Claimable | None:
    """Take the oldest row that is queued, or whose worker let its lease run out; None when there is none.

    ``only`` is the id of the one row that may be taken.

    PostgreSQL skips rows that another claimer has locked; SQLite has one writer at a time anyway.
    """
    at = now(session)
    abandoned = and_(table.status == "running", table.lease_expires_at <= at)
    query = (
        select(table)
        .where(or_(table.status == "queued", abandoned))
        .order_by(table.created_at, table.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if only is not None:
        query = query.where(table.id == only)
    row = session.execute(query).scalar_one_or_none()
    if row is not None:
        row.status, row.worker, row.fence = "running", worker, row.fence + 1
        row.lease_expires_at = at + timedelta(seconds=lease_s)
        session.flush()
    return row


def locked(session: Session, table: type[Claimable], row_id: str) -> Claimable:
    """The row, locked until the transaction ends.

    Raises:
        NotFoundError: there is none with this id.
    """
    query = select(table).where(table.id == row_id).with_for_update()
    row = session.execute(query.execution_options(populate_existing=True)).scalar_one_or_none()
    if row is None:
        raise NotFoundError(f"There is no {table.__name__.lower()} {row_id!r}.")
    return row


def held(session: Session, table: type[Claimable], claim: Claim) -> Claimable:
    """The row, locked, of a worker that still holds it.

    Raises:
        LeaseLostError: somebody else has claimed it since, or it was ended.
    """
    row = locked(session, table, claim.id)
    if row.fence != claim.fence or row.status != "running":
        raise LeaseLostError(
            f"Worker {claim.worker!r} no longer holds {table.__name__.lower()} {claim.id} "
            f"(fence {claim.fence}, now {row.fence} and {row.status}); it must stop working on it."
        )
    return row


def extend(session: Session, row: Search | Export, lease_s: float) -> None:
    """Let the lease run for ``lease_s`` more seconds from now."""
    row.lease_expires_at = now(session) + timedelta(seconds=lease_s)


def let_go(row: Search | Export, status: str) -> None:
    """Leave the row in ``status``; whoever held it can no longer write."""
    row.status, row.worker, row.lease_expires_at = status, "", None
    row.fence += 1


def expired(row: Search | Export, at: datetime) -> bool:
    """Whether nobody works on the row any more."""
    return row.lease_expires_at is None or row.lease_expires_at <= at
