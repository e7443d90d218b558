from concurrent.futures import ThreadPoolExecutor

import pytest

from nas.errors import NotFoundError
from nas.store import Claim, Store, events


def test_events_are_read_after_the_last_one_seen(store: Store, claim: Claim) -> None:
    with store.session() as session:
        last = events.last_id(session, claim.id)
        for step in range(3):
            events.append(session, claim.id, "progress", {"step": step})
    with store.reading() as session:
        seen = events.after(session, claim.id, last, limit=2)
        rest = events.after(session, claim.id, seen[-1].id)
    assert [event.payload["step"] for event in (*seen, *rest)] == [0, 1, 2]
    assert seen[0].at.utcoffset() is not None


def test_an_event_of_no_search_is_refused(store: Store) -> None:
    with pytest.raises(NotFoundError), store.session() as session:
        events.append(session, "none", "progress", {})
    with store.reading() as session:
        assert events.last_id(session, "none") == 0


def test_a_reader_that_follows_misses_no_event_of_several_writers(store: Store, claim: Claim) -> None:
    def write(writer: int) -> None:
        for step in range(20):
            with store.session() as session:
                events.append(session, claim.id, "progress", {"writer": writer, "step": step})

    seen: list[int] = []
    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, writer) for writer in range(4)]
        while len(seen) < 82:
            with store.reading() as session:
                seen += [event.id for event in events.after(session, claim.id, seen[-1] if seen else 0)]
        for writer in writers:
            writer.result()
    with store.reading() as session:
        assert seen == [event.id for event in events.after(session, claim.id)]
