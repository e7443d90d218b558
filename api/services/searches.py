"""Searches: queued, listed, steered."""

from typing import Any

from sqlalchemy.orm import Session

from api.schemas import PageOf, SearchView, TrialCounts, TrialView
from nas.requests import FieldError, SearchRequest, check, document_name, located
from nas.store import Search, datasets, events, fidelities, searches, trials


def queue(session: Session, request: SearchRequest, key: str | None) -> SearchView:
    """Check a request and queue it.

    Raises:
        LanguageError, FieldError: a value of the request is wrong.
        ConflictError: the idempotency key was used for something else.
    """
    if not isinstance(request.recipe, str):
        raise FieldError("recipe", "Over HTTP a recipe is named, not written out; GET /v1/recipes lists the names.")
    check(request)
    with located("data"):
        datasets.resolve(session, request.data)
    made = searches.create(session, request.model_dump(mode="json"), name=request.name, idempotency_key=key)
    session.flush()
    return _views(session, [made])[0]


def get(session: Session, search_id: str) -> SearchView:
    """One search."""
    return _views(session, [searches.get(session, search_id)])[0]


def page(session: Session, status: str | None, cursor: str | None, limit: int) -> PageOf[SearchView]:
    """A page of searches, the newest first."""
    found = searches.page(session, status=status, cursor=cursor, limit=limit)
    return PageOf(items=_views(session, list(found.items)), next_cursor=found.cursor)


def steer(session: Session, search_id: str, verb: str) -> SearchView:
    """Cancel, pause or resume a search.

    Raises:
        ConflictError: its status does not allow it.
    """
    act = {"cancel": searches.cancel, "pause": searches.pause, "resume": searches.resume}[verb]
    return _views(session, [act(session, search_id)])[0]


def trial_page(
    session: Session, search_id: str, *, state: str | None, cursor: str | None, limit: int
) -> PageOf[TrialView]:
    """A page of a search's trials, in order of their numbers."""
    searches.get(session, search_id)
    found = trials.page(session, search_id, state=state, cursor=cursor, limit=limit)
    return PageOf(items=[TrialView.model_validate(row) for row in found.items], next_cursor=found.cursor)


def fidelity(session: Session, search_id: str) -> dict[str, Any]:
    """The stored fidelity report of a search, and when it was made.

    Raises:
        NotFoundError: there is no such search, or no report yet.
    """
    found = fidelities.get(session, search_id)
    return {**found.document, "made_at": found.updated_at.isoformat()}


def _views(session: Session, rows: list[Search]) -> list[SearchView]:
    ids = [row.id for row in rows]
    counts, spent = trials.counts(session, ids), trials.spent(session, ids)
    progress = {row.id: {"budget": row.request["trials"], "spent": spent[row.id], **counts[row.id]} for row in rows}
    told = fidelities.known(session, ids)
    return [_view(row, progress[row.id], events.last_id(session, row.id), row.id in told) for row in rows]


def _view(row: Search, progress: dict[str, int], last_event: int, told: bool) -> SearchView:
    request = row.request
    return SearchView.model_validate(
        {
            **{name: getattr(row, name) for name in SearchView.model_fields if hasattr(row, name)},
            "space": document_name(request["space"]),
            "recipe": document_name(request["recipe"]),
            "trials": TrialCounts.model_validate(progress),
            "fidelity": told,
            "last_event": last_event,
        }
    )
