"""Events of a search, read in the order in which they were committed."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nas.store import leases
from nas.store.clock import now
from nas.store.tables import Event, Search
from nas.store.types import Document


def append(session: Session, search_id: str, kind: str, payload: Document) -> Event:
    """Add an event to a search.

    The search's row is locked first: PostgreSQL hands out ids before it commits, and a reader that
    has seen id 10 would never come back for a 9 committed later.

    Raises:
        NotFoundError: there is no such search.
    """
    leases.locked(session, Search, search_id)
    return append_locked(session, search_id, kind, payload)


def append_locked(session: Session, search_id: str, kind: str, payload: Document) -> Event:
    """As ``append``, in a transaction that holds the search's row already."""
    event = Event(search_id=search_id, kind=kind, payload=payload, at=now(session))
    session.add(event)
    return event


def after(session: Session, search_id: str, event_id: int = 0, *, limit: int = 500) -> Sequence[Event]:
    """The events of a search that come after ``event_id``, in order."""
    query = select(Event).where(Event.search_id == search_id, Event.id > event_id)
    return session.execute(query.order_by(Event.id).limit(limit)).scalars().all()


def last_id(session: Session, search_id: str) -> int:
    """The id of the newest event, 0 when there is none."""
    query = select(func.max(Event.id)).where(Event.search_id == search_id)
    return session.execute(query).scalar_one() or 0
