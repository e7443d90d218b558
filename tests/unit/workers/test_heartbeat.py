import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from nas.errors import LeaseLostError
from nas.search.records import Stopped
from nas.store import Search, Store, searches
from workers.heartbeat import Heartbeat


def claimed(store: Store, lease_s: float) -> Search:
    with store.session() as session:
        searches.create(session, {"space": "demo"})
        search = searches.claim(session, "worker", lease_s)
    assert search is not None
    return search


def until(condition: Callable[[], bool]) -> None:
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("it never came true")


def raised(check: Callable[[], None]) -> BaseException:
    """What the check raises sooner or later."""
    for _ in range(3000):
        try:
            check()
        except (Stopped, LeaseLostError) as error:
            return error
        time.sleep(0.01)
    pytest.fail("nothing was raised")


def expiry(store: Store, search_id: str) -> datetime:
    with store.reading() as session:
        found = searches.get(session, search_id).lease_expires_at
    assert found is not None
    return found


def test_a_search_stays_claimed_while_its_heart_beats(store: Store) -> None:
    search = claimed(store, 30)
    at_first = expiry(store, search.id)
    with Heartbeat(store, search.claim, 60, threading.Event()) as heartbeat:
        until(lambda: expiry(store, search.id) > at_first + timedelta(seconds=29))
        before = expiry(store, search.id)
        until(lambda: expiry(store, search.id) > before)
        with store.session() as session:
            assert searches.claim(session, "another", 60) is None
        heartbeat.check()


@pytest.mark.parametrize("wish", ["cancel", "pause"])
def test_the_wish_of_a_user_is_heard(store: Store, wish: str) -> None:
    search = claimed(store, 60)
    with Heartbeat(store, search.claim, 60, threading.Event()) as heartbeat:
        with store.session() as session:
            getattr(searches, wish)(session, search.id)
        found = raised(heartbeat.check)
    assert isinstance(found, Stopped)
    assert found.wish == wish


def test_a_worker_that_shall_end_puts_its_search_down(store: Store) -> None:
    stopping = threading.Event()
    with Heartbeat(store, claimed(store, 60).claim, 60, stopping) as heartbeat:
        stopping.set()
        found = raised(heartbeat.check)
    assert isinstance(found, Stopped)
    assert found.wish == "release"


def test_a_search_that_another_worker_has_is_given_up(store: Store) -> None:
    search = claimed(store, 0.0)
    with store.session() as session:
        assert searches.claim(session, "another", 60) is not None
    with Heartbeat(store, search.claim, 60, threading.Event()) as heartbeat:
        assert isinstance(raised(heartbeat.check), LeaseLostError)
