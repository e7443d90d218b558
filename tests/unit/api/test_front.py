from typing import Any

import pytest
from fastapi.testclient import TestClient

from nas.language import load_architecture
from nas.store import Store
from tests.seeding import SYSTEMS_MS, Seeded, start_search

POINT = {
    "hash",
    "psnr_db",
    "latency_ms",
    "latency_ratio",
    "params",
    "flops",
    "score",
    "score_runtime",
    "score_params",
    "score_flops",
    "rank_here",
    "of",
    "eligible",
    "architecture",
}


@pytest.fixture
def front(client: TestClient, seeded: Seeded) -> dict[str, Any]:
    answer: dict[str, Any] = client.get(f"/v1/searches/{seeded.search_id}/front").json()
    return answer


def test_no_point_of_the_front_is_beaten_in_psnr_and_score(front: dict[str, Any], client: TestClient) -> None:
    trials = client.get(f"/v1/searches/{front['search']}/trials?state=complete").json()["items"]
    for point in front["points"]:
        better = [
            one
            for one in trials
            if one["metrics"]["psnr_db"] >= point["psnr_db"]
            and one["metrics"]["score"] <= point["score"]
            and one["hash"] != point["hash"]
        ]
        assert better == []


def test_only_trials_of_the_last_rung_are_on_the_front(front: dict[str, Any], seeded: Seeded) -> None:
    assert {point["hash"] for point in front["points"]} <= set(seeded.hashes[:8])


def test_a_point_says_all_that_is_promised(front: dict[str, Any]) -> None:
    for point in front["points"]:
        assert point.keys() >= POINT
        assert load_architecture(point["architecture"]).hash == point["hash"]


def test_a_point_is_eligible_from_the_gate_on(front: dict[str, Any]) -> None:
    gate = front["gate_psnr_db"]
    assert [point["eligible"] for point in front["points"]] == [point["psnr_db"] >= gate for point in front["points"]]


def test_ranks_count_the_systems_the_baseline_and_this_front(front: dict[str, Any]) -> None:
    pool = sorted(one["score"] for one in [*front["points"], *front["systems"], front["baseline"]])
    for point in front["points"]:
        assert point["of"] == len(pool) == len(SYSTEMS_MS) + 1 + len(front["points"])
        assert point["rank_here"] == pool.index(point["score"]) + 1


def test_the_hypervolume_is_over_the_fixed_reference(front: dict[str, Any]) -> None:
    assert front["hypervolume"] > 0


def test_a_search_without_results_has_an_empty_front(client: TestClient, url: str) -> None:
    with Store(url) as store:
        search_id = start_search(store).id
    front = client.get(f"/v1/searches/{search_id}/front").json()
    assert (front["points"], front["baseline"], front["hypervolume"]) == ([], {}, None)


def test_the_leaderboard_is_sorted_by_score(client: TestClient, seeded: Seeded) -> None:
    rows = client.get(f"/v1/searches/{seeded.search_id}/leaderboard").json()["rows"]
    assert [row["score"] for row in rows] == sorted(row["score"] for row in rows)
    assert [row["rank_here"] for row in rows] == list(range(1, len(rows) + 1))
    assert {row["name"] for row in rows if row["kind"] == "published"} == {"EFDN", *SYSTEMS_MS}
