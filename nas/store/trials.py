"""Trials: written by the worker that holds the search, several to a transaction.

Every write names the claim; a worker that has lost its search gets an error instead of a row.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, Required, TypedDict, Unpack

from sqlalchemy import Text, and_, func, or_, select, type_coerce
from sqlalchemy.orm import Session

from nas.errors import ConflictError, NotFoundError, RequestError
from nas.store import events, leases
from nas.store.claim import Claim
from nas.store.clock import now
from nas.store.page import Page, cut
from nas.store.tables import Search, Trial
from nas.store.types import Document

State = Literal["running", "complete", "pruned", "infeasible", "failed", "duplicate"]
STATES: tuple[State, ...] = ("running", "complete", "pruned", "infeasible", "failed", "duplicate")
MERGED = ("metrics", "constraints", "sampler")


class Changes(TypedDict, total=False):
    """What may be written of a trial; metrics, constraints and sampler are added to what is there."""

    state: State
    hash: str
    deployed_hash: str
    values: Document
    metrics: Document
    constraints: Document
    rung: int
    duplicate_of: int | None
    sampler: Document
    error: str


class NewTrial(Changes):
    """A trial that a sampler asked for; its state is running unless another is given."""

    number: Required[int]
    assignment: Required[Document]


def add(session: Session, claim: Claim, asked: Iterable[NewTrial]) -> list[Trial]:
    """Write the trials that the sampler asked for.

    Raises:
        LeaseLostError: the search was lost.
    """
    search, at = leases.held(session, Search, claim), now(session)
    rows = [_new_row(search, new, at) for new in asked]
    session.add_all(rows)
    session.flush()
    for row in rows:
        _tell(session, row)
    return rows


def _new_row(search: Search, new: NewTrial, at: datetime) -> Trial:
    defaults = {"state": "running", "metrics": {}, "constraints": {}, "sampler": {}, "values": {}, "attempt": 1}
    row = Trial(search_id=search.id, created_at=at, **{**defaults, **new})
    _hand_to(row, search)
    if row.state != "running":
        row.finished_at, row.lease_expires_at = at, None
    return row


def _hand_to(row: Trial, search: Search) -> None:
    row.worker, row.fence, row.lease_expires_at = search.worker, search.fence, search.lease_expires_at


def update(session: Session, claim: Claim, number: int, **changes: Unpack[Changes]) -> Trial:
    """Change one trial.

    Raises:
        LeaseLostError: the search was lost.
        NotFoundError: there is no such trial.
        ConflictError: it has ended in another state.
    """
    return update_many(session, claim, {number: changes})[0]


def update_many(session: Session, claim: Claim, changes: Mapping[int, Changes]) -> list[Trial]:
    """Change several trials in one transaction.

    Raises:
        LeaseLostError: the search was lost.
        NotFoundError: one of them does not exist.
        ConflictError: one of them has ended in another state.
    """
    leases.held(session, Search, claim)
    at = now(session)
    query = select(Trial).where(Trial.search_id == claim.id, Trial.number.in_(changes))
    rows = {row.number: row for row in session.execute(query).scalars()}
    for number, change in changes.items():
        if number not in rows:
            raise NotFoundError(f"Search {claim.id} has no trial {number}.")
        _change(rows[number], change, at)
        if "state" in change or "metrics" in change:
            _tell(session, rows[number])
    return [rows[number] for number in changes]


def _change(row: Trial, change: Changes, at: datetime) -> None:
    state = change.get("state", row.state)
    if row.state not in {"running", state}:
        raise ConflictError(f"Trial {row.number} of search {row.search_id} is {row.state}; it cannot become {state}.")
    if state != "running" and row.finished_at is None:
        row.finished_at, row.lease_expires_at = at, None
    for name, value in change.items():
        merged = {**getattr(row, name), **value} if name in MERGED and isinstance(value, dict) else value
        setattr(row, name, merged)


def _tell(session: Session, row: Trial) -> None:
    payload = {
        "number": row.number,
        "state": row.state,
        "hash": row.hash,
        "rung": row.rung,
        "metrics": row.metrics,
    }
    events.append_locked(session, row.search_id, "trial", payload)


def take_over(session: Session, claim: Claim) -> list[Trial]:
    """The running trials of a dead worker, in order of their numbers, now the claimer's own: one attempt more.

    Raises:
        LeaseLostError: the search was lost.
    """
    search = leases.held(session, Search, claim)
    query = select(Trial).where(Trial.search_id == claim.id, Trial.state == "running", Trial.fence < claim.fence)
    rows = list(session.execute(query.order_by(Trial.number)).scalars())
    for row in rows:
        row.attempt += 1
        _hand_to(row, search)
    return rows


def get(session: Session, search_id: str, number: int) -> Trial:
    """One trial.

    Raises:
        NotFoundError: there is none with this number.
    """
    trial = session.get(Trial, (search_id, number))
    if trial is None:
        raise NotFoundError(f"Search {search_id} has no trial {number}.")
    return trial


def every(session: Session, search_id: str, *, state: State | None = None, after: int = -1) -> Sequence[Trial]:
    """The trials of a search in order of their numbers, from the one after ``after``."""
    query = select(Trial).where(Trial.search_id == search_id, Trial.number > after).order_by(Trial.number)
    if state is not None:
        query = query.where(Trial.state == state)
    return session.execute(query).scalars().all()


def page(
    session: Session, search_id: str, *, state: str | None = None, cursor: str | None = None, limit: int = 100
) -> Page[Trial]:
    """Trials of a search in order of their numbers.

    Raises:
        RequestError: the cursor is not one that this list gave.
    """
    query = select(Trial).where(Trial.search_id == search_id).order_by(Trial.number).limit(limit + 1)
    if state is not None:
        query = query.where(Trial.state == state)
    if cursor is not None:
        query = query.where(Trial.number > _number(cursor))
    return cut(session.execute(query).scalars().all(), limit, "number")


def _number(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
        raise RequestError(f"The cursor {cursor!r} belongs to no page of trials. Start without one.")
    return int(cursor)


def by_hash(session: Session, search_id: str, architecture: str) -> Trial | None:
    """The first trial of this architecture that is no duplicate of another."""
    query = select(Trial).where(Trial.search_id == search_id, Trial.hash == architecture, Trial.state != "duplicate")
    return session.execute(query.order_by(Trial.number).limit(1)).scalar_one_or_none()


def spent(session: Session, search_ids: Iterable[str]) -> dict[str, int]:
    """How much of its budget each search has spent.

    Trials that ended count, but not duplicates, nor those that were forbidden by their cost, before their latency was
    measured or foreseen.
    """
    ids = list(search_ids)
    metrics = type_coerce(Trial.metrics, Text)
    timed = or_(metrics.contains('"latency_ms":'), metrics.contains('"latency_predicted":'))
    counting = or_(Trial.state.in_(("complete", "pruned", "failed")), and_(Trial.state == "infeasible", timed))
    query = select(Trial.search_id, func.count()).where(Trial.search_id.in_(ids), counting).group_by(Trial.search_id)
    return dict.fromkeys(ids, 0) | dict(session.execute(query).all())


def counts(session: Session, search_ids: Iterable[str]) -> dict[str, dict[str, int]]:
    """How many trials each search has in each state; states without any are left out."""
    ids = list(search_ids)
    query = select(Trial.search_id, Trial.state, func.count()).where(Trial.search_id.in_(ids))
    found: dict[str, dict[str, int]] = {search_id: {} for search_id in ids}
    for search_id, state, count in session.execute(query.group_by(Trial.search_id, Trial.state)):
        found[search_id][state] = count
    return found
