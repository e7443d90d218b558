"""``/v1/searches``: start, list, follow and steer searches."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Response, status
from sse_starlette import EventSourceResponse

from api.dependencies import Cursor, Limit, Reading, TheStore, Writing
from api.schemas import ExportView, NewExport, PageOf, SearchStatus, SearchView, TrialState, TrialView
from api.services import events, exports, searches
from nas import report
from nas.requests import SearchRequest

router = APIRouter(prefix="/v1/searches", tags=["searches"])
IdempotencyKey = Annotated[
    str | None, Header(min_length=1, max_length=200, description="The same key never starts a second search.")
]
LastEventId = Annotated[int, Header(ge=0, description="Only what came after this event.")]


@router.post("", status_code=status.HTTP_202_ACCEPTED)
def create_search(
    request: SearchRequest, session: Writing, response: Response, idempotency_key: IdempotencyKey = None
) -> SearchView:
    """Queue a search; a worker will claim it from the store."""
    search = searches.queue(session, request, idempotency_key)
    response.headers["Location"] = f"/v1/searches/{search.id}"
    return search


@router.get("")
def list_searches(
    session: Reading, status: SearchStatus | None = None, cursor: Cursor = None, limit: Limit = 50
) -> PageOf[SearchView]:
    """Searches, the newest first."""
    return searches.page(session, status, cursor, limit)


@router.get("/{search_id}")
def get_search(search_id: str, session: Reading) -> SearchView:
    """One search: its request, its status and how far it is."""
    return searches.get(session, search_id)


@router.post("/{search_id}/cancel")
def cancel_search(search_id: str, session: Writing) -> SearchView:
    """End a search; what it finished stays."""
    return searches.steer(session, search_id, "cancel")


@router.post("/{search_id}/pause")
def pause_search(search_id: str, session: Writing) -> SearchView:
    """Stop a search so that it can go on later."""
    return searches.steer(session, search_id, "pause")


@router.post("/{search_id}/resume")
def resume_search(search_id: str, session: Writing) -> SearchView:
    """Queue a paused or failed search again."""
    return searches.steer(session, search_id, "resume")


@router.get("/{search_id}/trials")
def list_trials(
    search_id: str, session: Reading, state: TrialState | None = None, cursor: Cursor = None, limit: Limit = 50
) -> PageOf[TrialView]:
    """The architectures that a search tried, in the order it asked for them."""
    return searches.trial_page(session, search_id, state=state, cursor=cursor, limit=limit)


@router.get("/{search_id}/front")
def get_front(search_id: str, session: Reading) -> dict[str, Any]:
    """The Pareto front measured so far, with scores, ranks here and the gate."""
    return report.front(session, search_id)


@router.get("/{search_id}/leaderboard")
def get_leaderboard(search_id: str, session: Reading) -> dict[str, Any]:
    """The front among the published systems that were measured on the same device."""
    return report.leaderboard(session, search_id)


@router.get("/{search_id}/fidelity")
def get_fidelity(search_id: str, session: Reading) -> dict[str, Any]:
    """How far the rungs of a search can be trusted; 404 until it ended, or `nas fidelity` was run."""
    return searches.fidelity(session, search_id)


@router.get("/{search_id}/events", response_class=EventSourceResponse)
def follow_search(search_id: str, store: TheStore, last_event_id: LastEventId = 0) -> EventSourceResponse:
    """Server-Sent Events of a search; `Last-Event-ID` resumes, and `end` says that nothing more will come."""
    with store.reading() as session:
        searches.get(session, search_id)
    return events.response(store, search_id, last_event_id)


@router.post("/{search_id}/exports", status_code=status.HTTP_202_ACCEPTED)
def create_export(search_id: str, wanted: NewExport, session: Writing, response: Response) -> ExportView:
    """Ask for a network as files; a worker writes them."""
    export = exports.queue(session, search_id, wanted)
    response.headers["Location"] = f"/v1/exports/{export.id}"
    return export
