import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from nas.errors import StoreUnavailableError
from nas.requests import SearchRequest
from nas.store import Search, Store, searches
from workers.coordinator import Coordinator, Settings


def claimed_by(store: Store, folder: Path) -> tuple[Search, Coordinator]:
    with store.session() as session:
        searches.create(session, SearchRequest(space="demo").model_dump(mode="json"))
        claimed = searches.claim(session, "worker", 60)
    assert claimed is not None
    settings = Settings(store.name, "workers.networks:backend", 60, folder)
    return claimed, Coordinator(store, settings, threading.Event())


def raising(error: Exception) -> Callable[..., str]:
    def broken(*_: object) -> str:
        raise error

    return broken


def test_a_search_does_not_fail_with_the_database_that_is_away(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    claimed, coordinator = claimed_by(store, tmp_path)
    monkeypatch.setattr(Coordinator, "_run", raising(StoreUnavailableError("The database is away.")))
    with pytest.raises(StoreUnavailableError):
        coordinator.conduct(claimed)
    with store.reading() as session:
        assert searches.get(session, claimed.id).status == "running"


def test_a_search_that_breaks_its_worker_ends_and_says_why(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    claimed, coordinator = claimed_by(store, tmp_path)
    monkeypatch.setattr(Coordinator, "_run", raising(ZeroDivisionError("division by zero")))
    coordinator.conduct(claimed)
    with store.reading() as session:
        ended = searches.get(session, claimed.id)
    assert (ended.status, ended.error) == ("failed", "The service broke: ZeroDivisionError: division by zero")
