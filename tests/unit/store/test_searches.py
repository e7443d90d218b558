from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest

from nas.errors import ConflictError, LeaseLostError, NotFoundError, RequestError
from nas.store import Claim, Search, Store, events, searches
from nas.store.searches import End

T = TypeVar("T")
REQUEST = {"space": "span", "trials": 40, "require": ["params <= 276000"]}


def create(store: Store, idempotency_key: str | None = None, **changes: object) -> Search:
    with store.session() as session:
        return searches.create(session, {**REQUEST, **changes}, idempotency_key=idempotency_key)


def get(store: Store, search_id: str) -> Search:
    with store.reading() as session:
        return searches.get(session, search_id)


def claim_next(store: Store, worker: str = "second", lease_s: float = 60.0) -> Search | None:
    with store.session() as session:
        return searches.claim(session, worker, lease_s)


def steer(store: Store, verb: Callable[..., Search], search_id: str) -> Search:
    with store.session() as session:
        return verb(session, search_id)


def let_expire(store: Store, claim: Claim) -> None:
    with store.session() as session:
        searches.renew(session, claim, lease_s=0)


def at_once(work: Callable[[int], T], workers: int = 4) -> list[T]:
    barrier = Barrier(workers)

    def start(number: int) -> T:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(start, range(workers)))


def test_a_search_comes_back_as_it_was_asked_for(store: Store) -> None:
    search = get(store, create(store, seed=3).id)
    assert (search.status, search.wish, search.fence) == ("queued", "", 0)
    assert search.request == {**REQUEST, "seed": 3}
    assert search.created_at.utcoffset() is not None
    assert len(search.id) == 12


def test_an_unknown_search_is_not_found(store: Store) -> None:
    with pytest.raises(NotFoundError, match="'0123'"):
        get(store, "0123")


def test_the_same_key_and_request_give_the_same_search(store: Store) -> None:
    assert create(store, "key").id == create(store, "key").id
    assert create(store).id != create(store).id


def test_the_order_of_a_request_does_not_make_it_another(store: Store) -> None:
    with store.session() as session:
        first = searches.create(session, {"a": 1, "b": 2}, idempotency_key="key")
        assert searches.create(session, {"b": 2, "a": 1}, idempotency_key="key").id == first.id


def test_the_same_key_with_another_request_is_a_conflict(store: Store) -> None:
    create(store, "key")
    with pytest.raises(ConflictError, match="'key'") as caught:
        create(store, "key", trials=41)
    assert caught.value.status == 409


def test_requests_with_one_key_at_once_make_one_search(store: Store) -> None:
    assert len({search.id for search in at_once(lambda _: create(store, "key"))}) == 1


def test_pages_hold_every_search_once_newest_first(store: Store) -> None:
    made = [create(store).id for _ in range(5)]
    seen, cursor = [], None
    while True:
        with store.reading() as session:
            page = searches.page(session, cursor=cursor, limit=2)
        seen += [search.id for search in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == made[::-1]


def test_pages_can_be_of_one_status(store: Store, claim: Claim) -> None:
    create(store)
    with store.reading() as session:
        assert [row.id for row in searches.page(session, status="running").items] == [claim.id]
        assert searches.page(session, status="done").items == ()


def test_a_strange_cursor_is_refused(store: Store) -> None:
    with store.reading() as session, pytest.raises(RequestError, match="'nowhere'"):
        searches.page(session, cursor="nowhere")


def test_workers_that_race_for_one_search_get_it_once(store: Store) -> None:
    create(store)
    claims = at_once(lambda number: claim_next(store, f"worker {number}"))
    assert len([claim for claim in claims if claim is not None]) == 1


def test_workers_that_race_for_several_get_one_each(store: Store) -> None:
    made = {create(store).id for _ in range(4)}
    claims = at_once(lambda number: claim_next(store, f"worker {number}"))
    # A claimer may find the oldest one locked and go home; nobody gets what another has.
    won = [claim.id for claim in claims if claim is not None]
    assert len(won) == len(set(won))
    while (more := claim_next(store)) is not None:
        won.append(more.id)
    assert set(won) == made


def test_the_oldest_search_is_claimed_first(store: Store) -> None:
    oldest = create(store)
    create(store)
    search = claim_next(store)
    assert search is not None
    assert search.id == oldest.id
    assert (search.status, search.worker, search.fence) == ("running", "second", 1)
    assert search.started_at is not None


def test_a_worker_of_one_search_leaves_older_ones_alone(store: Store) -> None:
    create(store)
    own = create(store)
    with store.session() as session:
        assert getattr(searches.claim(session, "its own", only=own.id), "id", None) == own.id
    with store.session() as session:
        assert searches.claim(session, "its own", only=own.id) is None


def test_a_search_in_work_is_not_claimed_again(store: Store, claim: Claim) -> None:
    assert claim_next(store) is None


def test_an_abandoned_search_is_claimed_with_a_new_fence(store: Store, claim: Claim) -> None:
    let_expire(store, claim)
    search = claim_next(store)
    assert search is not None
    assert (search.id, search.worker, search.fence) == (claim.id, "second", claim.fence + 1)


WRITES: list[Callable[..., object]] = [
    lambda session, claim: searches.renew(session, claim),
    lambda session, claim: searches.release(session, claim),
    lambda session, claim: searches.finish(session, claim, "done"),
    lambda session, claim: searches.set_baseline(session, claim, {"psnr_db": 24.0}),
    lambda session, claim: searches.set_reference(session, claim, {"psnr": 20.0}),
]


@pytest.mark.parametrize("write", WRITES)
def test_a_worker_that_lost_its_search_writes_nothing(store: Store, claim: Claim, write: Callable[..., object]) -> None:
    let_expire(store, claim)
    claim_next(store)
    with pytest.raises(LeaseLostError, match="'first' no longer holds"), store.session() as session:
        write(session, claim)
    now = get(store, claim.id)
    assert (now.status, now.worker, now.baseline, now.reference) == ("running", "second", {}, {})


def test_a_worker_whose_lease_ran_out_unnoticed_keeps_its_search(store: Store, claim: Claim) -> None:
    let_expire(store, claim)
    with store.session() as session:
        searches.renew(session, claim)
    assert claim_next(store) is None


def test_a_released_search_is_free_at_once(store: Store, claim: Claim) -> None:
    with store.session() as session:
        searches.release(session, claim)
    search = claim_next(store)
    assert search is not None
    assert search.fence > claim.fence


@pytest.mark.parametrize(("verb", "status"), [(searches.cancel, "cancelled"), (searches.pause, "paused")])
def test_a_wish_on_a_waiting_search_holds_at_once(store: Store, verb: Callable[..., Search], status: str) -> None:
    search = create(store)
    assert steer(store, verb, search.id).status == status
    assert steer(store, verb, search.id).status == status
    assert claim_next(store) is None


@pytest.mark.parametrize(("verb", "wish"), [(searches.cancel, "cancel"), (searches.pause, "pause")])
def test_a_wish_on_a_running_search_waits_for_its_worker(
    store: Store, claim: Claim, verb: Callable[..., Search], wish: str
) -> None:
    assert steer(store, verb, claim.id).status == "running"
    with store.session() as session:
        assert searches.renew(session, claim).wish == wish


def test_a_wish_on_an_abandoned_search_holds_at_once_and_shuts_its_worker_out(store: Store, claim: Claim) -> None:
    let_expire(store, claim)
    assert steer(store, searches.cancel, claim.id).status == "cancelled"
    with pytest.raises(LeaseLostError, match="cancelled"), store.session() as session:
        searches.renew(session, claim)


def test_a_wish_survives_the_release_of_a_search(store: Store, claim: Claim) -> None:
    steer(store, searches.pause, claim.id)
    with store.session() as session:
        searches.release(session, claim)
    search = claim_next(store)
    assert search is not None
    assert search.wish == "pause"


def test_a_paused_search_goes_on_when_resumed(store: Store, claim: Claim) -> None:
    with store.session() as session:
        searches.finish(session, claim, "paused")
    assert claim_next(store) is None
    assert steer(store, searches.resume, claim.id).status == "queued"
    assert claim_next(store) is not None


def test_resuming_takes_the_wish_to_pause_back_but_not_to_cancel(store: Store, claim: Claim) -> None:
    steer(store, searches.pause, claim.id)
    assert steer(store, searches.resume, claim.id).wish == ""
    steer(store, searches.cancel, claim.id)
    assert steer(store, searches.resume, claim.id).wish == "cancel"


def test_a_wish_to_cancel_is_not_softened_to_a_pause(store: Store, claim: Claim) -> None:
    steer(store, searches.cancel, claim.id)
    assert steer(store, searches.pause, claim.id).wish == "cancel"


def test_a_failed_search_can_be_resumed(store: Store, claim: Claim) -> None:
    with store.session() as session:
        failed = searches.finish(session, claim, "failed", error="The device is gone.")
    assert failed.finished_at is not None
    assert get(store, claim.id).error == "The device is gone."
    resumed = steer(store, searches.resume, claim.id)
    assert (resumed.status, resumed.error, resumed.finished_at) == ("queued", "", None)


@pytest.mark.parametrize(
    ("end", "verb"),
    [
        ("done", searches.cancel),
        ("done", searches.pause),
        ("done", searches.resume),
        ("cancelled", searches.pause),
        ("cancelled", searches.resume),
        ("failed", searches.cancel),
    ],
)
def test_what_has_ended_cannot_be_steered(store: Store, claim: Claim, end: End, verb: Callable[..., Search]) -> None:
    with store.session() as session:
        searches.finish(session, claim, end)
    with pytest.raises(ConflictError, match=f"is {end}"):
        steer(store, verb, claim.id)


def test_the_reference_point_is_fixed_once(store: Store, claim: Claim) -> None:
    with store.session() as session:
        searches.set_reference(session, claim, {"psnr": 20.0})
        searches.set_reference(session, claim, {"psnr": 20.0})
    with pytest.raises(ConflictError, match="fixed"), store.session() as session:
        searches.set_reference(session, claim, {"psnr": 21.0})


def test_every_change_of_status_is_an_event(store: Store, claim: Claim) -> None:
    with store.session() as session:
        searches.set_baseline(session, claim, {"psnr_db": 24.0})
        searches.finish(session, claim, "done")
    with store.reading() as session:
        told = [(event.kind, event.payload) for event in events.after(session, claim.id)]
    assert told == [
        ("status", {"status": "queued"}),
        ("status", {"status": "running"}),
        ("baseline", {"psnr_db": 24.0}),
        ("status", {"status": "done"}),
    ]
