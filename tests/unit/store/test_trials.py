import pytest

from nas.errors import ConflictError, LeaseLostError, NotFoundError, RequestError, StoreError
from nas.store import Claim, Store, Trial, events, searches, trials
from nas.store.trials import NewTrial

WAVE: list[NewTrial] = [
    {"number": 0, "assignment": {"width": 28, "let.c": "conv3xc"}, "hash": "a1:00", "sampler": {"params": [1]}},
    {"number": 1, "assignment": {"width": 32, "gain": 2.0}, "hash": "a1:01"},
    {"number": 2, "assignment": {"width": 28}, "hash": "a1:00", "state": "duplicate", "duplicate_of": 0},
]


def add(store: Store, claim: Claim) -> list[Trial]:
    with store.session() as session:
        return trials.add(session, claim, WAVE)


def get(store: Store, claim: Claim, number: int) -> Trial:
    with store.reading() as session:
        return trials.get(session, claim.id, number)


def next_claim(store: Store, claim: Claim) -> Claim:
    with store.session() as session:
        searches.renew(session, claim, lease_s=0)
    with store.session() as session:
        search = searches.claim(session, "second")
        assert search is not None
        return search.claim


def test_a_trial_comes_back_value_by_value_and_in_order(store: Store, claim: Claim) -> None:
    add(store, claim)
    first, second = get(store, claim, 0), get(store, claim, 1)
    assert list(first.assignment) == ["width", "let.c"]
    assert first.sampler == {"params": [1]}
    assert repr(second.assignment) == "{'width': 32, 'gain': 2.0}"
    assert (second.state, second.attempt, second.fence, second.worker) == ("running", 1, claim.fence, "first")
    assert second.lease_expires_at is not None


def test_a_trial_that_needs_no_work_ends_as_it_is_added(store: Store, claim: Claim) -> None:
    duplicate = add(store, claim)[2]
    assert (duplicate.state, duplicate.duplicate_of, duplicate.lease_expires_at) == ("duplicate", 0, None)
    assert duplicate.finished_at is not None


def test_what_is_learned_is_added_to_what_is_known(store: Store, claim: Claim) -> None:
    add(store, claim)
    with store.session() as session:
        trials.update(session, claim, 0, metrics={"params": 130_828}, sampler={"seed": 7})
    with store.session() as session:
        trials.update_many(
            session,
            claim,
            {
                0: {"metrics": {"psnr_db": 24.5}, "values": {"psnr": 24.5}, "state": "complete", "rung": 1},
                1: {"state": "failed", "error": "Out of memory."},
            },
        )
    done, failed = get(store, claim, 0), get(store, claim, 1)
    assert done.metrics == {"params": 130_828, "psnr_db": 24.5}
    assert done.sampler == {"params": [1], "seed": 7}
    assert (done.state, done.values, done.rung) == ("complete", {"psnr": 24.5}, 1)
    assert (failed.state, failed.error) == ("failed", "Out of memory.")
    assert done.finished_at is not None
    assert done.lease_expires_at is None


def test_a_finished_trial_stays_as_it_ended(store: Store, claim: Claim) -> None:
    add(store, claim)
    with store.session() as session:
        ended = trials.update(session, claim, 0, state="pruned").finished_at
    with store.session() as session:
        assert trials.update(session, claim, 0, state="pruned").finished_at == ended
    with pytest.raises(ConflictError, match="is pruned"), store.session() as session:
        trials.update(session, claim, 0, state="complete")


def test_an_unknown_trial_is_not_found(store: Store, claim: Claim) -> None:
    with pytest.raises(NotFoundError, match="no trial 7"):
        get(store, claim, 7)
    with pytest.raises(NotFoundError, match="no trial 7"), store.session() as session:
        trials.update(session, claim, 7, state="failed")


def test_a_number_is_used_once(store: Store, claim: Claim) -> None:
    add(store, claim)
    with pytest.raises(StoreError, match="refused"):
        add(store, claim)


def test_nan_is_refused_and_nothing_of_the_wave_is_kept(store: Store, claim: Claim) -> None:
    bad: list[NewTrial] = [*WAVE, {"number": 3, "assignment": {}, "metrics": {"psnr_db": float("nan")}}]
    with pytest.raises(StoreError, match="NaN"), store.session() as session:
        trials.add(session, claim, bad)
    with store.reading() as session:
        assert trials.every(session, claim.id) == []


def test_a_worker_that_lost_its_search_writes_no_trials(store: Store, claim: Claim) -> None:
    add(store, claim)
    next_claim(store, claim)
    with pytest.raises(LeaseLostError), store.session() as session:
        trials.update(session, claim, 0, state="complete")
    with pytest.raises(LeaseLostError), store.session() as session:
        trials.add(session, claim, [{"number": 9, "assignment": {}}])
    with pytest.raises(LeaseLostError), store.session() as session:
        trials.take_over(session, claim)
    with store.reading() as session:
        assert [(row.number, row.state) for row in trials.every(session, claim.id)] == [
            (0, "running"),
            (1, "running"),
            (2, "duplicate"),
        ]


def test_running_trials_of_a_dead_worker_are_taken_over_once(store: Store, claim: Claim) -> None:
    add(store, claim)
    with store.session() as session:
        trials.update(session, claim, 0, state="complete")
    later = next_claim(store, claim)
    with store.session() as session:
        taken = trials.take_over(session, later)
    assert [(row.number, row.attempt, row.fence, row.worker) for row in taken] == [(1, 2, later.fence, "second")]
    with store.session() as session:
        assert trials.take_over(session, later) == []


def test_renewing_a_search_renews_its_running_trials(store: Store, claim: Claim) -> None:
    add(store, claim)
    with store.session() as session:
        search = searches.renew(session, claim, lease_s=3600)
    assert get(store, claim, 1).lease_expires_at == search.lease_expires_at
    assert get(store, claim, 2).lease_expires_at is None


def test_pages_hold_every_trial_once_in_order(store: Store, claim: Claim) -> None:
    add(store, claim)
    with store.reading() as session:
        first = trials.page(session, claim.id, limit=2)
        second = trials.page(session, claim.id, limit=2, cursor=first.cursor)
        running = trials.page(session, claim.id, state="running", limit=1)
    assert [row.number for row in (*first.items, *second.items)] == [0, 1, 2]
    assert (second.cursor, running.cursor) == (None, "0")


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1e3", "٣", "9" * 30])
def test_a_strange_cursor_is_refused(store: Store, claim: Claim, cursor: str) -> None:
    with store.reading() as session, pytest.raises(RequestError, match="no page of trials"):
        trials.page(session, claim.id, cursor=cursor)


def test_trials_are_found_by_state_number_and_hash(store: Store, claim: Claim) -> None:
    add(store, claim)
    with store.reading() as session:
        assert [row.number for row in trials.every(session, claim.id, state="running")] == [0, 1]
        assert [row.number for row in trials.every(session, claim.id, after=0)] == [1, 2]
        found = trials.by_hash(session, claim.id, "a1:00")
        assert found is not None
        assert found.number == 0
        assert trials.by_hash(session, claim.id, "a1:ff") is None


def test_counts_are_by_search_and_state(store: Store, claim: Claim) -> None:
    add(store, claim)
    with store.session() as session:
        other = searches.create(session, {"space": "span"})
        assert trials.counts(session, [claim.id, other.id]) == {
            claim.id: {"running": 2, "duplicate": 1},
            other.id: {},
        }


def test_changes_of_trials_are_events(store: Store, claim: Claim) -> None:
    add(store, claim)
    with store.reading() as session:
        last = events.last_id(session, claim.id)
    with store.session() as session:
        trials.update(session, claim, 1, sampler={"x": 1})
        trials.update(session, claim, 1, metrics={"params": 5})
        trials.update(session, claim, 1, state="complete", rung=1)
    with store.reading() as session:
        told = [(event.kind, event.payload) for event in events.after(session, claim.id, last)]
    known = {"number": 1, "hash": "a1:01", "metrics": {"params": 5}}
    assert told == [
        ("trial", {**known, "state": "running", "rung": 0}),
        ("trial", {**known, "state": "complete", "rung": 1}),
    ]
