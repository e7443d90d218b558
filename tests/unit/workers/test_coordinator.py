import threading
from pathlib import Path

import pytest

from nas.requests import SearchRequest
from nas.store import Store, searches
from workers.coordinator import Coordinator, Settings


def test_a_search_that_breaks_its_worker_ends_and_says_why(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object) -> str:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(Coordinator, "_run", broken)
    with store.session() as session:
        searches.create(session, SearchRequest(space="demo").model_dump(mode="json"))
        claimed = searches.claim(session, "worker", 60)
    assert claimed is not None
    settings = Settings(store.name, "workers.networks:backend", 60, tmp_path)
    Coordinator(store, settings, threading.Event()).conduct(claimed)
    with store.reading() as session:
        ended = searches.get(session, claimed.id)
    assert (ended.status, ended.error) == ("failed", "The service broke: ZeroDivisionError: division by zero")
