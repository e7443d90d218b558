"""The events of a search as a stream that can be resumed."""

import json
from collections.abc import AsyncIterator, Sequence

import anyio
from anyio.to_thread import run_sync
from sse_starlette import ServerSentEvent

from nas.store import Event, Store, events, searches

POLL_S = 0.5
RETRY_MS = 2000


async def stream(store: Store, search_id: str, after: int) -> AsyncIterator[ServerSentEvent]:
    """Everything after event `after`, as it comes; an ``end`` without id when the search has ended.

    Between events no connection to the database is held.
    """
    yield ServerSentEvent(comment="events follow", retry=RETRY_MS)
    while True:
        found, ended = await run_sync(_look, store, search_id, after)
        for event in found:
            after = event.id
            yield _sse(event)
        if not found and ended:
            yield ServerSentEvent(data="{}", event="end")
            return
        if not found:
            await anyio.sleep(POLL_S)


def _look(store: Store, search_id: str, after: int) -> tuple[Sequence[Event], bool]:
    with store.reading() as session:
        ended = searches.get(session, search_id).status in searches.ENDED
        return events.after(session, search_id, after), ended


def _sse(event: Event) -> ServerSentEvent:
    data = {**event.payload, "at": event.at.isoformat()}
    return ServerSentEvent(data=json.dumps(data), event=event.kind, id=str(event.id))
