import pytest

from nas.errors import LeaseLostError
from nas.search.records import Trial
from nas.store import Store, architectures, events, searches
from nas.store import trials as rows
from tests.unit.search.table import problem
from workers.journal import StoreJournal


def journal(store: Store) -> StoreJournal:
    """The journal of a search that is claimed anew."""
    with store.session() as session:
        if not searches.page(session).items:
            searches.create(session, {"space": "demo"})
        search = searches.claim(session, "worker", 0.0)
    assert search is not None
    return StoreJournal(store, search.claim, lambda: None)


def trial(number: int) -> Trial:
    """A trial as the proposer makes it."""
    architecture = problem().references.systems["EMSR"]
    return Trial(
        number,
        0,
        {"width": 16},
        attributes={"trial": {"generation": 1}, "study": {}},
        hash=architecture.hash,
        deployed_hash=architecture.deployed_hash,
        metrics={"params": 1, "flops": 2, "activations": 3, "convs": 4},
        architecture=architecture,
    )


def test_a_search_is_read_back_as_it_was_written(store: Store) -> None:
    first = journal(store)
    written = trial(0)
    first.add([written])
    written.metrics = {**written.metrics, "psnr_db": 24.0}
    written.rungs, written.state, written.told = [24.0], "pruned", True
    first.update([written])
    written.architecture = None
    assert journal(store).trials() == [written]


def test_the_architecture_of_a_trial_is_kept(store: Store) -> None:
    journal(store).add([trial(0)])
    with store.reading() as session:
        assert architectures.get(session, trial(0).hash).cost["flops"] == 2


def test_what_did_not_change_is_not_written(store: Store) -> None:
    written, known = journal(store), trial(0)
    written.add([known])
    with store.reading() as session:
        before = events.last_id(session, written._claim.id)
    written.update([known])
    with store.reading() as session:
        assert events.last_id(session, written._claim.id) == before


def test_running_trials_of_a_dead_worker_become_the_next_ones(store: Store) -> None:
    first = journal(store)
    first.add([trial(0)])
    journal(store).trials()
    with store.reading() as session:
        assert rows.get(session, first._claim.id, 0).attempt == 2


def test_a_worker_that_lost_its_search_can_write_nothing(store: Store) -> None:
    first = journal(store)
    journal(store)
    with pytest.raises(LeaseLostError):
        first.add([trial(0)])
    with pytest.raises(LeaseLostError):
        first.set_baseline({"latency_ms": 1.0}, {})


def test_the_baseline_is_read_back_and_the_reference_point_is_written_once_known(store: Store) -> None:
    written = journal(store)
    written.set_baseline({"latency_ms": 1.0}, {})
    written.set_baseline({"latency_ms": 1.0, "psnr_db": 24.0}, {"psnr": 21.0})
    assert written.baseline() == {"latency_ms": 1.0, "psnr_db": 24.0}
    with store.reading() as session:
        assert searches.get(session, written._claim.id).reference == {"psnr": 21.0}
