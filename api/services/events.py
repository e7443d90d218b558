"""The events of a search as a stream that can be resumed."""

import json
from collections.abc import AsyncIterator, Sequence

import anyio
from anyio.to_thread import run_sync
from sse_starlette import EventSourceResponse, ServerSentEvent

from nas.store import Event, Store, events, searches

POLL_S = 0.5
GRACE_S = 1.0
RETRY_MS = 2000


def response(store: Store, search_id: str, after: int) -> EventSourceResponse:
    """The stream as an answer that ends in order when the service is stopped."""
    leaving = anyio.Event()
    return EventSourceResponse(
        stream(store, search_id, after, leaving), shutdown_event=leaving, shutdown_grace_period=GRACE_S
    )


async def stream(store: Store, search_id: str, after: int, leaving: anyio.Event) -> AsyncIterator[ServerSentEvent]:
    """Everything after event `after`, as it comes; an ``end`` without id when the search has ended.

    Between events no connection to the database is held. Nothing more comes once `leaving` is set.
    """
    yield ServerSentEvent(comment="events follow", retry=RETRY_MS)
    while not leaving.is_set():
        found, ended = await run_sync(_look, store, search_id, after)
        for event in found:
            after = event.id
            yield _sse(event)
        if not found and ended:
            yield ServerSentEvent(data="{}", event="end")
            return
        if not found:
            with anyio.move_on_after(POLL_S):
                await leaving.wait()


def _look(store: Store, search_id: str, after: int) -> tuple[Sequence[Event], bool]:
    with store.reading() as session:
        ended = searches.get(session, search_id).status in searches.ENDED
        return events.after(session, search_id, after), ended


def _sse(event: Event) -> ServerSentEvent:
    data = {**event.payload, "at": event.at.isoformat()}
    return ServerSentEvent(data=json.dumps(data), event=event.kind, id=str(event.id))
