"""Status, cancel, front and leaderboard of searches that a worker wrote."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nas.cli.plot import best_first
from nas.store import Store, events, searches
from tests.seeding import Seeded, seed_search, start_search
from tests.unit.cli.conftest import Nas


@pytest.fixture
def seeded(sqlite_url: str) -> Seeded:
    """A finished search in the store of ``nas``."""
    with Store(sqlite_url) as store:
        return seed_search(store)


def test_status_lists_every_search_with_how_far_it_is(nas: Nas, seeded: Seeded) -> None:
    (found,) = nas("status", "--json").document

    assert (found["id"], found["status"]) == (seeded.search_id, "done")
    assert sum(found["trials"].values()) == len(seeded.hashes)


@pytest.mark.parametrize("length", [4, 12])
def test_a_search_may_be_named_by_the_start_of_its_id(nas: Nas, seeded: Seeded, length: int) -> None:
    assert nas("status", seeded.search_id[:length], "--json").document["id"] == seeded.search_id


def test_last_is_the_newest_search(nas: Nas, seeded: Seeded, sqlite_url: str) -> None:
    with Store(sqlite_url) as store:
        newer = start_search(store)

    assert nas("status", "last", "--json").document["id"] == newer.id
    assert newer.id != seeded.search_id


def test_a_running_search_is_asked_to_end(nas: Nas, sqlite_url: str) -> None:
    with Store(sqlite_url) as store:
        claim = start_search(store)

    assert nas("cancel", claim.id, "--json").document["wish"] == "cancel"


def test_a_search_that_is_over_cannot_be_cancelled(nas: Nas, seeded: Seeded) -> None:
    result = nas("cancel", seeded.search_id)

    assert result.status == 2
    assert "done" in result.err


def test_a_search_that_is_done_cannot_be_resumed(nas: Nas, seeded: Seeded) -> None:
    assert nas("resume", seeded.search_id).status == 2


def test_the_front_has_what_the_contract_names(nas: Nas, seeded: Seeded) -> None:
    document = nas("front", "last", "--json").document

    assert document["search"] == seeded.search_id
    assert {"device", "protocol", "baseline", "gate_psnr_db", "hypervolume", "points"} <= set(document)
    for point in document["points"]:
        assert point["rank_here"] <= point["of"]
        assert point["hash"] in seeded.hashes


def test_the_front_table_gives_every_point_its_rank_here(nas: Nas, seeded: Seeded) -> None:
    points = nas("front", seeded.search_id, "--json").document["points"]
    table = nas("front", seeded.search_id).out

    assert "one paired baseline seed" in table
    assert all(point["hash"][:15] in table for point in points)
    assert table.count(f"of {points[0]['of']} here") == len(points)
    assert table.count("unstable") == sum(point["latency_status"] == "unstable" for point in points) > 0


def test_the_leaderboard_holds_the_published_systems(nas: Nas, seeded: Seeded) -> None:
    names = [row["name"] for row in nas("leaderboard", seeded.search_id, "--json").document["rows"]]

    assert {"EFDN", "EMSR", "XiaomiMM", "ShannonLab", "TSSR"} <= set(names)
    assert all(name in nas("leaderboard", seeded.search_id).out for name in ("EFDN", "EMSR"))


def test_a_plot_is_a_page_that_needs_no_network(nas: Nas, seeded: Seeded, tmp_path: Path) -> None:
    page = tmp_path / "front.html"

    assert nas("front", seeded.search_id, "--plot", str(page)).status == 0
    text = page.read_text()
    assert "gate (one paired baseline seed)" in text
    assert "latency, ms (paired ratio x baseline; lower is better)" in text
    assert "measured in its own window" in text
    assert 'src="http' not in text


def test_a_plot_is_a_picture_with_a_blue_front(nas: Nas, seeded: Seeded, tmp_path: Path) -> None:
    file = tmp_path / "front.png"
    nas("front", seeded.search_id, "--plot", str(file))

    with Image.open(file) as picture:
        colours = picture.getcolors(1 << 16) or []
    assert {(31, 111, 235), (154, 160, 166), (217, 115, 13)} <= {colour for _, colour in colours}


def test_a_search_without_figures_cannot_be_drawn(nas: Nas, sqlite_url: str, tmp_path: Path) -> None:
    with Store(sqlite_url) as store:
        start_search(store)
    result = nas("front", "last", "--plot", str(tmp_path / "front.png"))

    assert result.status == 2
    assert "nothing to draw" in result.err


def test_following_shows_a_search_to_its_end(
    sqlite_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    from nas.cli.follow import follow

    with Store(sqlite_url) as store:
        seeded = seed_search(store)
        with store.session() as session:
            words = {"number": 3, "rung": 0, "step": 5, "steps": 9, "patches_per_second": 12.0}
            events.append(session, seeded.search_id, "progress", words)
        assert follow(store, seeded.search_id) == "done"
    assert "trial 3: step 5 of 9, 12 patches/s" in capsys.readouterr().err


def test_following_ends_when_there_is_nothing_to_wait_for(sqlite_url: str) -> None:
    from nas.cli.follow import follow

    def give_up() -> None:
        raise TimeoutError

    with Store(sqlite_url) as store:
        claim = start_search(store)
        with pytest.raises(TimeoutError):
            follow(store, claim.id, check=give_up)
        with store.reading() as session:
            assert searches.get(session, claim.id).status == "running"


@pytest.mark.parametrize("command", [["status"], ["front", "last"]])
def test_without_a_search_it_is_said_how_to_start_one(nas: Nas, command: list[str]) -> None:
    result = nas(*command)

    assert "nas search demo" in result.out + result.err


def test_a_front_without_points_says_so(nas: Nas, sqlite_url: str) -> None:
    with Store(sqlite_url) as store:
        start_search(store)

    assert "No network is on the front yet" in nas("front", "last").err


@pytest.mark.parametrize(
    ("kind", "payload", "words"),
    [
        ("status", {"status": "queued"}, "waiting for a worker"),
        ("status", {"status": "running"}, "measuring the baseline"),
        ("baseline", {"latency_ms": 20.0}, "baseline: 20.00 ms; training it by the same recipe"),
        ("baseline", {"latency_ms": 20.0, "psnr_db": 24.1}, "baseline: 24.10 dB, 20.00 ms"),
        ("baseline", {"latency_ms": 20.0, "systems": [{"name": "EMSR", "latency_ms": 9.0}]}, "EMSR: 9.00 ms"),
    ],
)
def test_each_event_is_a_few_words(kind: str, payload: dict[str, Any], words: str) -> None:
    from nas.cli.follow import sentence

    assert sentence(kind, payload) == words


def test_a_front_is_drawn_as_stairs_that_only_climb() -> None:
    assert best_first([(3.0, 24.0), (1.0, 23.0), (2.0, 22.0), (1.0, 22.5)]) == [(1.0, 23.0), (3.0, 24.0)]
