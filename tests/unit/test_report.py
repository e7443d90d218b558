import pytest

from nas import report
from nas.errors import ConflictError, NotFoundError
from nas.store import Claim, Store, searches
from tests.seeding import BASELINE_MS, SYSTEMS_MS, add_trial, baseline, sample, seed_search, start_search


@pytest.fixture
def claim(store: Store) -> Claim:
    return start_search(store)


def test_the_front_of_both_databases_is_the_same_document(store: Store) -> None:
    seeded = seed_search(store)
    with store.reading() as session:
        front = report.front(session, seeded.search_id)
    assert [point["trial"] for point in front["points"]] == sorted(
        (point["trial"] for point in front["points"]), key=lambda number: front_score(front, number)
    )
    assert (front["protocol"], front["device"]["name"]) == ("screen/1", "Test CPU")
    assert front["baseline"]["score"] == pytest.approx(7.389, abs=0.001)
    assert "systems" not in front["baseline"]


def front_score(front: report.Document, number: int) -> float:
    return next(float(point["score"]) for point in front["points"] if point["trial"] == number)


def test_latencies_are_compared_by_their_ratios_and_what_the_clock_said_is_kept(store: Store) -> None:
    seeded = seed_search(store)
    with store.reading() as session:
        front, board = report.front(session, seeded.search_id), report.leaderboard(session, seeded.search_id)
    everything = [front["baseline"], *front["systems"], *front["points"], *board["rows"]]
    assert all(one["latency_paired_ms"] == pytest.approx(one["latency_ratio"] * BASELINE_MS) for one in everything)
    assert any(one["latency_ms"] > 1.3 * one["latency_paired_ms"] for one in front["points"])
    assert {one["latency_status"] for one in front["points"]} == {"ok", "unstable"}
    low, high = front["points"][0]["latency_paired_interval"]
    assert low < front["points"][0]["latency_paired_ms"] < high
    assert report.paired({"latency_ms": 9.0}, BASELINE_MS)["latency_paired_ms"] is None


def test_nothing_is_eligible_before_the_baseline_is_trained(store: Store, claim: Claim) -> None:
    with store.session() as session:
        measured = {name: value for name, value in baseline().items() if "psnr" not in name}
        searches.set_baseline(session, claim, measured)
        add_trial(session, claim, 0, sample(1)[0])
    with store.reading() as session:
        front = report.front(session, claim.id)
    assert (front["gate_psnr_db"], front["hypervolume"]) == (None, None)
    assert [point["eligible"] for point in front["points"]] == [False]


def test_a_trial_that_breaks_a_bound_is_not_on_the_front(store: Store, claim: Claim) -> None:
    with store.session() as session:
        add_trial(session, claim, 0, sample(1)[0], state="infeasible")
    with store.reading() as session:
        assert report.front(session, claim.id)["points"] == []


def test_ranks_wait_for_the_baseline(store: Store, claim: Claim) -> None:
    with store.session() as session:
        add_trial(session, claim, 0, sample(1)[0])
    with store.reading() as session:
        (point,) = report.front(session, claim.id)["points"]
    assert (point["rank_here"], point["of"]) == (1, 1)


def test_the_best_is_the_best_score_that_passes_the_gate(store: Store) -> None:
    seeded = seed_search(store, count=36)
    with store.reading() as session:
        points = report.front(session, seeded.search_id)["points"]
        best = report.best(session, seeded.search_id)
    eligible = [point for point in points if point["eligible"]]
    assert best == min(eligible, key=lambda point: point["score"])["hash"]
    assert len(eligible) < len(points)


def test_without_an_eligible_network_the_best_is_the_best_psnr(store: Store, claim: Claim) -> None:
    with store.session() as session:
        searches.set_baseline(session, claim, {**baseline(), "gate_psnr_db": 99.0})
        for number, architecture in enumerate(sample(8)):
            add_trial(session, claim, number, architecture)
    with store.reading() as session:
        points = report.front(session, claim.id)["points"]
        assert report.best(session, claim.id) == max(points, key=lambda point: point["psnr_db"])["hash"]


def test_without_results_there_is_no_best(store: Store, claim: Claim) -> None:
    with store.reading() as session, pytest.raises(ConflictError, match="Wait until"):
        report.best(session, claim.id)


def test_an_unknown_search_has_no_front(store: Store) -> None:
    with store.reading() as session, pytest.raises(NotFoundError):
        report.front(session, "none")


def test_the_leaderboard_ranks_the_front_among_the_published_systems(store: Store) -> None:
    seeded = seed_search(store)
    with store.reading() as session:
        board = report.leaderboard(session, seeded.search_id)
    names = [row["name"] for row in board["rows"]]
    assert set(names) >= {"EFDN", *SYSTEMS_MS}
    assert [row["rank_here"] for row in board["rows"]] == list(range(1, len(names) + 1))
    assert {row["of"] for row in board["rows"]} == {len(names)}
    published = next(row for row in board["rows"] if row["name"] == "EFDN")
    assert (published["latency_ms"], published["latency_ratio"]) == (BASELINE_MS, 1.0)
