"""Fidelity reports: one for each search; a newer one takes the place of the older."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from nas.errors import NotFoundError
from nas.store import searches
from nas.store.clock import now
from nas.store.tables import FidelityReport
from nas.store.types import Document
from nas.store.upsert import replace


def put(session: Session, search_id: str, document: Document) -> None:
    """Keep the report of a search."""
    at = now(session)
    row = {"search_id": search_id, "document": document, "created_at": at, "updated_at": at}
    replace(session, FidelityReport, row)


def find(session: Session, search_id: str) -> FidelityReport | None:
    """The report of a search; None before there is one."""
    return session.get(FidelityReport, search_id)


def known(session: Session, ids: Collection[str]) -> set[str]:
    """Those of these searches that have a report."""
    query = select(FidelityReport.search_id).where(FidelityReport.search_id.in_(ids))
    return set(session.execute(query).scalars())


def get(session: Session, search_id: str) -> FidelityReport:
    """The report of a search.

    Raises:
        NotFoundError: there is no such search, or no report yet.
    """
    status = searches.get(session, search_id).status
    found = find(session, search_id)
    if found is None:
        raise NotFoundError(
            f"Search {search_id} is {status} and has no fidelity report yet; its worker writes one when it ends, "
            f"and nas fidelity {search_id} at any time."
        )
    return found
