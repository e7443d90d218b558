import threading
import time
from collections.abc import Callable

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


def raised(check: Callable[[], None]) -> BaseException:
    """What the check raises sooner or later."""
    for _ in range(3000):
        try:
            check()
        except (Stopped, LeaseLostError) as error:
            return error
        time.sleep(0.01)
    pytest.fail("nothing was raised")


def test_a_search_stays_claimed_while_its_heart_beats(store: Store) -> None:
    search = claimed(store, 0.6)
    with Heartbeat(store, search.claim, 0.6, threading.Event()) as heartbeat:
        time.sleep(1.5)
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
