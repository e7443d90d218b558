"""Exports: asked for by users, made by workers, kept as a zip."""

from collections.abc import Sequence
from typing import Literal
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from nas.errors import ConflictError, NotFoundError
from nas.store import events, leases
from nas.store.claim import Claim
from nas.store.clock import now
from nas.store.tables import Export, Search, Trial

BEST = "best"


def create(session: Session, search_id: str, trial: str, export_format: str) -> Export:
    """Queue an export of one finished trial: ``best``, or the hash of its architecture.

    Raises:
        NotFoundError: no such search, or no finished trial of it has this hash.
        ConflictError: the search has no finished trial yet.
    """
    search = leases.locked(session, Search, search_id)
    _check_trial(session, search_id, trial)
    export = Export(
        id=uuid4().hex[:12],
        search_id=search.id,
        trial=trial,
        hash="" if trial == BEST else trial,
        format=export_format,
        status="queued",
        created_at=now(session),
    )
    session.add(export)
    session.flush()
    _tell(session, export)
    return export


def _check_trial(session: Session, search_id: str, trial: str) -> None:
    query = select(Trial.number).where(Trial.search_id == search_id, Trial.state == "complete").limit(1)
    if trial == BEST:
        if session.execute(query).first() is None:
            raise ConflictError(f"Search {search_id} has no finished trial yet. Wait until one is complete.")
    elif session.execute(query.where(Trial.hash == trial)).first() is None:
        raise NotFoundError(f"Search {search_id} has no finished trial {trial!r}. Use best, or a hash of its front.")


def _tell(session: Session, export: Export) -> None:
    payload = {"id": export.id, "status": export.status}
    events.append(session, export.search_id, "export", payload)


def get(session: Session, export_id: str) -> Export:
    """One export.

    Raises:
        NotFoundError: there is none with this id.
    """
    export = session.get(Export, export_id)
    if export is None:
        raise NotFoundError(f"There is no export {export_id!r}.")
    return export


def of_search(session: Session, search_id: str) -> Sequence[Export]:
    """The exports of a search, oldest first."""
    query = select(Export).where(Export.search_id == search_id)
    return session.execute(query.order_by(Export.created_at, Export.id)).scalars().all()


def claim(session: Session, worker: str, lease_s: float = 60.0) -> Export | None:
    """Take the oldest export that waits, or whose worker died; None when there is none."""
    export = leases.claim(session, Export, worker, lease_s)
    if export is not None:
        _tell(session, export)
    return export


def renew(session: Session, claim: Claim, lease_s: float = 60.0) -> Export:
    """Keep the export for ``lease_s`` more seconds.

    Raises:
        LeaseLostError: it was lost.
    """
    export = leases.held(session, Export, claim)
    leases.extend(session, export, lease_s)
    return export


def finish(
    session: Session,
    claim: Claim,
    status: Literal["done", "failed"],
    *,
    architecture_hash: str = "",
    blob: str | None = None,
    error: str = "",
) -> Export:
    """Write what became of the export: the hash it settled on and its zip, or why there is none.

    Raises:
        LeaseLostError: it was lost.
    """
    export = leases.held(session, Export, claim)
    leases.let_go(export, status)
    export.hash = architecture_hash or export.hash
    export.blob, export.error, export.finished_at = blob, error, now(session)
    _tell(session, export)
    return export
