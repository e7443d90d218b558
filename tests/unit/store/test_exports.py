from typing import Any

import pytest

from nas.errors import ConflictError, LeaseLostError, NotFoundError
from nas.store import Claim, Export, Store, blobs, events, exports, trials

HASH = "a1:00"


def create(store: Store, claim: Claim, trial: str = "best") -> Export:
    with store.session() as session:
        return exports.create(session, claim.id, trial, "pytorch")


def claim_next(store: Store, worker: str, lease_s: float = 60.0) -> Export | None:
    with store.session() as session:
        return exports.claim(session, worker, lease_s)


@pytest.fixture
def finished(store: Store, claim: Claim) -> Claim:
    with store.session() as session:
        trials.add(
            session,
            claim,
            [
                {"number": 0, "assignment": {}, "hash": HASH, "state": "complete"},
                {"number": 1, "assignment": {}, "hash": "a1:01", "state": "pruned"},
            ],
        )
    return claim


def test_an_export_is_made_once_and_kept_as_a_blob(store: Store, finished: Claim) -> None:
    asked = create(store, finished)
    export = claim_next(store, "second")
    assert export is not None
    assert (export.id, export.status, export.hash) == (asked.id, "running", "")
    assert claim_next(store, "third") is None
    with store.session() as session:
        zipped = blobs.put(session, b"PK")
        exports.finish(session, export.claim, "done", architecture_hash=HASH, blob=zipped)
    with store.reading() as session:
        done = exports.get(session, asked.id)
        assert (done.status, done.hash, blobs.get(session, str(done.blob))) == ("done", HASH, b"PK")
        assert done.finished_at is not None
        assert [row.id for row in exports.of_search(session, finished.id)] == [asked.id]


def test_an_export_may_fail_with_a_reason(store: Store, finished: Claim) -> None:
    create(store, finished, HASH)
    export = claim_next(store, "second")
    assert export is not None
    with store.session() as session:
        exports.finish(session, export.claim, "failed", error="No weights.")
    with store.reading() as session:
        failed = exports.get(session, export.id)
    assert (failed.status, failed.error, failed.hash, failed.blob) == ("failed", "No weights.", HASH, None)


def test_an_abandoned_export_is_made_by_another_worker(store: Store, finished: Claim) -> None:
    create(store, finished)
    first = claim_next(store, "second")
    assert first is not None
    with store.session() as session:
        exports.renew(session, first.claim, lease_s=0)
    again = claim_next(store, "third")
    assert again is not None
    with pytest.raises(LeaseLostError, match="'second' no longer holds"), store.session() as session:
        exports.finish(session, first.claim, "done")


@pytest.mark.parametrize("trial", ["a1:01", "a1:ff", "../../etc/passwd", ""])
def test_an_export_of_no_finished_trial_is_not_found(store: Store, finished: Claim, trial: str) -> None:
    with pytest.raises(NotFoundError, match="no finished trial"):
        create(store, finished, trial)


def test_the_best_of_nothing_is_a_conflict(store: Store, claim: Claim) -> None:
    with pytest.raises(ConflictError, match="no finished trial yet"):
        create(store, claim)


def test_unknown_searches_and_exports_are_not_found(store: Store) -> None:
    with pytest.raises(NotFoundError, match="no search 'none'"), store.session() as session:
        exports.create(session, "none", "best", "pytorch")
    with pytest.raises(NotFoundError, match="no export 'none'"), store.reading() as session:
        exports.get(session, "none")


def test_every_change_of_an_export_is_an_event(store: Store, finished: Claim) -> None:
    asked = create(store, finished)
    export = claim_next(store, "second")
    assert export is not None
    with store.session() as session:
        exports.finish(session, export.claim, "failed")
    told: list[dict[str, Any]] = []
    with store.reading() as session:
        told = [row.payload for row in events.after(session, finished.id) if row.kind == "export"]
    assert told == [{"id": asked.id, "status": status} for status in ("queued", "running", "failed")]
