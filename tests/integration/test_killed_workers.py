import random
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from nas.store import Store, searches
from tests.integration.driving import Worker, finished, queue, rows, status, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture
def worker(database_url: str, tmp_path: Path) -> Iterator[Worker]:
    """A worker on both kinds of database."""
    yield from running(Worker(database_url, tmp_path))


@pytest.fixture
def local_worker(sqlite_url: str, tmp_path: Path) -> Iterator[Worker]:
    """A worker on SQLite, for what does not depend on the database."""
    yield from running(Worker(sqlite_url, tmp_path))


@pytest.fixture
def local_store(sqlite_url: str) -> Iterator[Store]:
    """The store of the local worker."""
    with Store(sqlite_url) as opened:
        yield opened


def running(started: Worker) -> Iterator[Worker]:
    yield started
    if started.process is not None and started.process.poll() is None:
        started.send(signal.SIGCONT)
        started.kill()


def kill_after_ask(worker: Worker, store: Store, search_id: str) -> None:
    asked = len(rows(store, search_id))
    with worker.holding("latency"):
        worker.start()
        until(lambda: len(rows(store, search_id)) > asked, worker)
        worker.kill()
        assert any(row.state == "running" and "latency_ms" not in row.metrics for row in rows(store, search_id))


def kill_in_mid_training(worker: Worker, store: Store, _: str) -> None:
    begun = len(worker.started())
    with worker.holding("quality"):
        worker.start()
        until(lambda: len(worker.started()) > begun, worker)
        worker.kill()
        assert set(worker.started()[begun:]) - finished(store)


def kill_between_result_and_tell(worker: Worker, store: Store, search_id: str) -> None:
    begun = len(worker.started())
    with worker.holding("quality"):
        worker.start()
        until(lambda: len(worker.started()) > begun, worker)
        worker.send(signal.SIGSTOP)
        key = worker.started()[-1]
    until(lambda: key in finished(store), worker)
    worker.kill()
    told = [row for row in rows(store, search_id) if row.hash in key and row.sampler["told"]]
    assert not told


def kill_at_random(worker: Worker, moment: float) -> None:
    begun = len(worker.started())
    worker.start()
    until(lambda: len(worker.started()) >= begun + int(moment * 4), worker)
    worker.kill()


def test_a_search_whose_worker_is_killed_again_and_again_loses_and_repeats_nothing(
    worker: Worker, store: Store
) -> None:
    search_id = queue(store)
    checkpoints: list[tuple[int, set[str]]] = []
    rng = random.Random()
    moments = [rng.random() for _ in range(3)]
    kills: list[Callable[[], None]] = [
        lambda: kill_after_ask(worker, store, search_id),
        lambda: kill_in_mid_training(worker, store, search_id),
        lambda: kill_between_result_and_tell(worker, store, search_id),
        *(partial(kill_at_random, worker, moment) for moment in moments),
    ]
    for kill in kills:
        kill()
        checkpoints.append((len(worker.started()), finished(store)))
    worker.start()
    until(lambda: status(store, search_id) == "done", worker, pause_s=0.1)
    worker.send(signal.SIGTERM)
    assert worker.ended() == 0

    ended = [row for row in rows(store, search_id) if row.state in ("complete", "pruned")]
    assert len({row.hash for row in ended}) == len(ended) == 20
    for lines, known in checkpoints:
        assert not set(worker.started()[lines:]) & known, f"killed at {moments}"


def test_a_cancelled_search_ends_at_once_and_a_paused_one_goes_on_when_resumed(
    local_worker: Worker, local_store: Store
) -> None:
    paused, cancelled = queue(local_store, trials=8), queue(local_store, trials=8)
    with local_worker.holding("quality"):
        local_worker.start()
        until(lambda: len(local_worker.started()) > 1, local_worker)
        with local_store.session() as session:
            searches.pause(session, paused)
            searches.cancel(session, cancelled)
    until(lambda: status(local_store, paused) == "paused", local_worker)
    assert status(local_store, cancelled) == "cancelled"
    known = finished(local_store)
    begun = len(local_worker.started())
    with local_store.session() as session:
        searches.resume(session, paused)
    until(lambda: status(local_store, paused) == "done", local_worker, pause_s=0.1)
    assert not set(local_worker.started()[begun:]) & known
    local_worker.send(signal.SIGTERM)
    assert local_worker.ended() == 0


def test_a_worker_that_is_asked_to_end_gives_its_search_back(local_worker: Worker, local_store: Store) -> None:
    search_id = queue(local_store)
    with local_worker.holding("quality"):
        local_worker.start()
        until(lambda: len(local_worker.started()) > 1, local_worker)
        local_worker.send(signal.SIGTERM)
        assert local_worker.ended() == 0
    assert status(local_store, search_id) == "queued"


def test_a_search_goes_on_when_one_of_its_actors_is_killed(local_worker: Worker, local_store: Store) -> None:
    search_id = queue(local_store, trials=4)
    local_worker.die_once = True
    local_worker.start()
    until(lambda: status(local_store, search_id) == "done", local_worker, pause_s=0.1)
    ended = [row.state for row in rows(local_store, search_id) if row.state in ("complete", "pruned")]
    assert (local_worker.folder / "died").exists()
    assert len(ended) == 4
    local_worker.send(signal.SIGTERM)
    assert local_worker.ended() == 0
