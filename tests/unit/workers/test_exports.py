"""An export that goes wrong ends as failed, with the reason, and takes nothing else along."""

import pytest

from nas.store import Export, Store, exports
from tests.seeding import seed_search
from workers import exports as work


def claimed(store: Store) -> Export:
    """An export of a search without weights, taken by a worker."""
    seeded = seed_search(store)
    with store.session() as session:
        exports.create(session, seeded.search_id, "best", "pytorch")
    with store.session() as session:
        export = exports.claim(session, "worker")
    assert export is not None
    return export


def test_a_network_without_weights_cannot_be_exported(sqlite_url: str) -> None:
    with Store(sqlite_url) as store:
        export = claimed(store)
        work.carry_out(store, export)
        with store.reading() as session:
            found = exports.get(session, export.id)

    assert found.status == "failed"
    assert "weights" in found.error


def test_an_export_that_breaks_is_failed_with_its_reason(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object) -> None:
        raise ZeroDivisionError("1 / 0")

    monkeypatch.setattr(work, "_made", explode)
    with Store(sqlite_url) as store:
        export = claimed(store)
        work.carry_out(store, export)
        with store.reading() as session:
            found = exports.get(session, export.id)

    assert found.status == "failed"
    assert "ZeroDivisionError: 1 / 0" in found.error
