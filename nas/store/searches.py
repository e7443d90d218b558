"""Searches: queued by users, claimed by one worker at a time, steered by wishes."""

import hashlib
import json
from typing import Literal
from uuid import uuid4

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session

from nas.errors import ConflictError, NotFoundError, RequestError
from nas.store import events, leases
from nas.store.claim import Claim
from nas.store.clock import now
from nas.store.page import Page, cut
from nas.store.tables import Search, Trial
from nas.store.types import Document
from nas.store.upsert import insert_unless_there

Status = Literal["queued", "running", "paused", "cancelled", "done", "failed"]
End = Literal["paused", "cancelled", "done", "failed"]
ENDED = frozenset({"cancelled", "done", "failed"})


def create(session: Session, request: Document, *, name: str = "", idempotency_key: str | None = None) -> Search:
    """Queue a search; the same key with the same request gives the search that is there already.

    Raises:
        ConflictError: the key was used for another request.
    """
    search_id, request_hash = uuid4().hex[:12], _request_hash(request)
    row = {
        "id": search_id,
        "name": name,
        "status": "queued",
        "wish": "",
        "request": request,
        "request_hash": request_hash,
        "idempotency_key": idempotency_key,
        "error": "",
        "worker": "",
        "fence": 0,
        "baseline": {},
        "reference": {},
        "created_at": now(session),
    }
    if insert_unless_there(session, Search, row):
        events.append(session, search_id, "status", {"status": "queued"})
        return get(session, search_id)
    return _same_request(session, str(idempotency_key), request_hash)


def _request_hash(request: Document) -> str:
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def _same_request(session: Session, idempotency_key: str, request_hash: str) -> Search:
    search = session.execute(select(Search).where(Search.idempotency_key == idempotency_key)).scalar_one()
    if search.request_hash != request_hash:
        raise ConflictError(
            f"The idempotency key {idempotency_key!r} belongs to search {search.id}, which asks for "
            "something else. Use a new key."
        )
    return search


def get(session: Session, search_id: str) -> Search:
    """One search.

    Raises:
        NotFoundError: there is none with this id.
    """
    search = session.get(Search, search_id)
    if search is None:
        raise NotFoundError(f"There is no search {search_id!r}. Run nas status to list them.")
    return search


def page(session: Session, *, status: str | None = None, cursor: str | None = None, limit: int = 50) -> Page[Search]:
    """Searches, the newest first.

    Raises:
        RequestError: the cursor is not one that this list gave.
    """
    query = select(Search).order_by(Search.created_at.desc(), Search.id.desc()).limit(limit + 1)
    if status is not None:
        query = query.where(Search.status == status)
    if cursor is not None:
        last = session.get(Search, cursor)
        if last is None:
            raise RequestError(f"The cursor {cursor!r} belongs to no page of searches. Start without one.")
        query = query.where(_older_than(last))
    return cut(session.execute(query).scalars().all(), limit, "id")


def by_status(session: Session) -> dict[str, int]:
    """How many searches are in each status; statuses without any are left out."""
    query = select(Search.status, func.count()).group_by(Search.status)
    return dict(session.execute(query).all())


def _older_than(last: Search) -> ColumnElement[bool]:
    same_time = and_(Search.created_at == last.created_at, Search.id < last.id)
    return or_(Search.created_at < last.created_at, same_time)


def cancel(session: Session, search_id: str) -> Search:
    """End the search: now if nobody works on it, else as soon as its worker sees the wish.

    Raises:
        ConflictError: it has ended already, and not by being cancelled.
    """
    search = leases.locked(session, Search, search_id)
    if search.status == "cancelled":
        return search
    _refuse(search, ENDED, "cancel")
    return _wish(session, search, "cancel", "cancelled")


def pause(session: Session, search_id: str) -> Search:
    """Stop the search so that it can go on later: now if nobody works on it, else soon.

    Raises:
        ConflictError: it has ended.
    """
    search = leases.locked(session, Search, search_id)
    if search.status == "paused":
        return search
    _refuse(search, ENDED, "pause")
    return _wish(session, search, "pause", "paused")


def resume(session: Session, search_id: str) -> Search:
    """Queue a paused or failed search again, or take back the wish to pause it.

    Raises:
        ConflictError: it is done or cancelled.
    """
    search = leases.locked(session, Search, search_id)
    _refuse(search, ENDED - {"failed"}, "resume")
    if search.status in {"paused", "failed"}:
        search.error, search.finished_at = "", None
        _settle(session, search, "queued")
    elif search.wish == "pause":
        search.wish = ""
    session.flush()
    return search


def _refuse(search: Search, ended: frozenset[str], verb: str) -> None:
    if search.status in ended:
        raise ConflictError(f"Search {search.id} is {search.status}; there is nothing to {verb}.")


def _wish(session: Session, search: Search, wish: str, status: str) -> Search:
    if search.status == "running" and not leases.expired(search, now(session)):
        search.wish = search.wish if search.wish == "cancel" else wish
    else:
        _settle(session, search, status)
    session.flush()
    return search


def _settle(session: Session, search: Search, status: str) -> None:
    leases.let_go(search, status)
    search.wish = ""
    if status in ENDED:
        search.finished_at = now(session)
    events.append_locked(session, search.id, "status", {"status": status})


def claim(session: Session, worker: str, lease_s: float = 60.0, *, only: str | None = None) -> Search | None:
    """Take the oldest search that waits, or whose worker died, or ``only`` the named one; None when there is none.

    Its ``claim`` is what the worker shows with every write from then on.
    """
    search = leases.claim(session, Search, worker, lease_s, only=only)
    if search is not None:
        search.started_at = search.started_at or now(session)
        events.append_locked(session, search.id, "status", {"status": "running"})
    return search


def renew(session: Session, claim: Claim, lease_s: float = 60.0) -> Search:
    """Keep the search and its running trials for ``lease_s`` more seconds, and see what users wish.

    Raises:
        LeaseLostError: it was lost.
    """
    search = leases.held(session, Search, claim)
    leases.extend(session, search, lease_s)
    session.execute(
        update(Trial)
        .where(Trial.search_id == search.id, Trial.state == "running", Trial.fence == claim.fence)
        .values(lease_expires_at=search.lease_expires_at)
    )
    return search


def release(session: Session, claim: Claim) -> None:
    """Give the search back unfinished, for any worker to go on with at once.

    Raises:
        LeaseLostError: it was lost.
    """
    search = leases.held(session, Search, claim)
    wish = search.wish
    _settle(session, search, "queued")
    search.wish = wish


def finish(session: Session, claim: Claim, status: End, *, error: str = "") -> Search:
    """Leave the search in ``status``; its worker has nothing to write any more.

    Raises:
        LeaseLostError: it was lost.
    """
    search = leases.held(session, Search, claim)
    search.error = error
    _settle(session, search, status)
    return search


def set_baseline(session: Session, claim: Claim, baseline: Document) -> Search:
    """Write what was measured of the baseline.

    Raises:
        LeaseLostError: the search was lost.
    """
    search = leases.held(session, Search, claim)
    search.baseline = baseline
    events.append_locked(session, search.id, "baseline", baseline)
    return search


def set_reference(session: Session, claim: Claim, reference: Document) -> Search:
    """Fix the reference point of the hypervolume; it can be set once.

    Raises:
        LeaseLostError: the search was lost.
        ConflictError: it is fixed already, at another point.
    """
    search = leases.held(session, Search, claim)
    if search.reference and search.reference != reference:
        raise ConflictError(f"The reference point of search {search.id} is fixed at {search.reference}.")
    search.reference = reference
    return search
