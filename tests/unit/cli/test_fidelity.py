"""``nas fidelity``: the report as tables and as JSON."""

import pytest

from nas.store import Store, fidelities
from tests.seeding import Seeded, seed_fidelity, seed_search
from tests.unit.cli.conftest import Nas


@pytest.fixture
def seeded(sqlite_url: str) -> Seeded:
    """A finished search in the store of ``nas``."""
    with Store(sqlite_url) as store:
        return seed_search(store)


def test_a_search_without_shared_trainings_says_so(nas: Nas, seeded: Seeded, sqlite_url: str) -> None:
    result = nas("fidelity", "last")
    assert (result.status, result.out.startswith("Nothing to compare yet")) == (0, True)
    assert nas("fidelity", seeded.search_id[:5], "--json").document["truth"] is None
    with Store(sqlite_url) as store, store.reading() as session:
        assert fidelities.find(session, seeded.search_id) is not None


def test_options_of_trainings_need_trainings(nas: Nas, seeded: Seeded) -> None:
    result = nas("fidelity", "last", "--seeds", "2")
    assert result.status == 2
    assert "--train-longest" in result.err


def test_the_tables_name_the_truth_rungs_baselines_and_noise(seeded: Seeded, sqlite_url: str) -> None:
    from rich.console import Console

    from nas.cli.fidelity import tables

    with Store(sqlite_url) as store:
        document = seed_fidelity(store, seeded)
    console = Console(width=220, record=True)
    console.print(tables(document))
    text = console.export_text()
    assert "Agreement with 600 steps of demo (12 networks)" in text
    for name in ("150 steps of demo", "the same, other seeds", "log params", "training speed", "synflow", "Noise"):
        assert name in text
