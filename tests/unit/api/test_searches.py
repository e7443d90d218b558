from typing import Any

import pytest
from fastapi.testclient import TestClient

from nas.store import Store, searches, trials
from tests.seeding import Seeded, seed_search, start_search

SPACE: dict[str, Any] = {
    "language": 1,
    "scale": 4,
    "network": {
        "width": {"choice": [8, 12]},
        "head": {"op": "conv", "kernel": 3},
        "tail": {"op": "pixelshuffle", "kernel": 3},
    },
}


def test_a_queued_search_has_a_place_and_waits_for_a_worker(client: TestClient) -> None:
    answer = client.post("/v1/searches", json={"space": "span", "trials": 5, "name": "first"})
    assert answer.status_code == 202
    search = client.get(answer.headers["Location"]).json()
    assert search["id"] == answer.json()["id"]
    assert (search["status"], search["name"], search["trials"]["budget"]) == ("queued", "first", 5)
    assert search["request"]["objectives"] == ["psnr", "score"]


def test_a_space_may_be_sent_as_a_document(client: TestClient) -> None:
    answer = client.post("/v1/searches", json={"space": SPACE})
    assert answer.status_code == 202
    assert answer.json()["request"]["space"] == SPACE


def test_the_same_idempotency_key_starts_one_search(client: TestClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = client.post("/v1/searches", json={"space": "span"}, headers=headers).json()
    again = client.post("/v1/searches", json={"space": "span"}, headers=headers)
    assert (again.status_code, again.json()["id"]) == (202, first["id"])
    assert len(client.get("/v1/searches").json()["items"]) == 1


def test_an_idempotency_key_cannot_start_something_else(client: TestClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    client.post("/v1/searches", json={"space": "span"}, headers=headers)
    answer = client.post("/v1/searches", json={"space": "span", "seed": 1}, headers=headers)
    assert answer.status_code == 409
    assert "k1" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"space": "spam"}, "space", "Did you mean 'span'"),
        ({"space": "../../etc/passwd.yaml"}, "space", "Unknown space"),
        ({"space": {**SPACE, "scale": 99}}, "space.scale", "99"),
        ({"data": "holiday"}, "data", "holiday"),
        ({"data": "../photos"}, "data", "../photos"),
        ({"data": "/srv/photos"}, "data", "/srv/photos"),
        ({"recipe": "../demo"}, "recipe", "../demo"),
        ({"recipe": {"name": "mine"}}, "recipe", "named"),
        ({"trials": 0}, "trials", "greater than or equal to 1"),
        ({"trials": True}, "trials", "integer"),
        ({"objectives": []}, "objectives", "at least 1"),
        ({"objectives": ["psnr", "psnr"]}, "objectives", "each objective once"),
        ({"objectives": ["beauty"]}, "objectives.0", "beauty"),
        ({"sampler": "cmaes"}, "sampler", "cmaes"),
        ({"device": "cuda:x"}, "device", "cuda:x"),
        ({"require": ["params <= 1", "params >= 2"]}, "require", "contradict"),
        ({"require": ["beauty <= 1"]}, "require.0", "beauty"),
        ({"require": ["params <= 1"]}, "require", "the nearest of"),
        ({"colour": "red"}, "colour", "Extra inputs"),
    ],
)
def test_a_wrong_value_is_named(client: TestClient, change: dict[str, Any], path: str, words: str) -> None:
    answer = client.post("/v1/searches", json={"space": "span"} | change)
    problem = answer.json()
    assert (answer.status_code, problem["errors"][0]["path"]) == (422, path)
    assert words in problem["detail"]
    assert client.get("/v1/searches").json()["items"] == []


def test_an_unknown_op_in_a_space_is_named(client: TestClient) -> None:
    space = {**SPACE, "network": {**SPACE["network"], "head": {"op": "cnv"}}}
    problem = client.post("/v1/searches", json={"space": space}).json()
    assert problem["status"] == 422
    assert problem["errors"][0]["path"].endswith("head.op")
    assert "Did you mean 'conv'" in problem["detail"]


def test_an_empty_choice_is_named(client: TestClient) -> None:
    space = {**SPACE, "network": {**SPACE["network"], "width": {"choice": []}}}
    problem = client.post("/v1/searches", json={"space": space}).json()
    assert problem["status"] == 422
    assert "width" in problem["errors"][0]["path"]


def test_searches_are_listed_newest_first_page_by_page(client: TestClient) -> None:
    made = [client.post("/v1/searches", json={"space": "span", "seed": n}).json()["id"] for n in range(5)]
    first = client.get("/v1/searches", params={"limit": 3}).json()
    second = client.get("/v1/searches", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert [one["id"] for one in first["items"] + second["items"]] == made[::-1]
    assert second["next_cursor"] is None


def test_searches_are_listed_by_status(client: TestClient, seeded: Seeded) -> None:
    client.post("/v1/searches", json={"space": "span"})
    assert [one["id"] for one in client.get("/v1/searches?status=done").json()["items"]] == [seeded.search_id]


@pytest.mark.parametrize("query", ["cursor=nothing", "limit=0", "limit=201", "status=tired"])
def test_a_page_that_cannot_be_is_refused(client: TestClient, query: str) -> None:
    answer = client.get(f"/v1/searches?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_queued_search_is_cancelled_at_once_and_only_once(client: TestClient) -> None:
    place = client.post("/v1/searches", json={"space": "span"}).headers["Location"]
    assert client.post(f"{place}/cancel").json()["status"] == "cancelled"
    assert client.post(f"{place}/pause").status_code == 409
    assert client.get(place).json()["finished_at"] is not None


def test_a_paused_search_can_go_on(client: TestClient) -> None:
    place = client.post("/v1/searches", json={"space": "span"}).headers["Location"]
    assert client.post(f"{place}/pause").json()["status"] == "paused"
    assert client.post(f"{place}/resume").json()["status"] == "queued"


def test_a_running_search_is_asked_to_stop(client: TestClient, url: str) -> None:
    with Store(url) as store:
        claim = start_search(store)
        answer = client.post(f"/v1/searches/{claim.id}/cancel").json()
        with store.session() as session:
            assert searches.renew(session, claim).wish == "cancel"
    assert (answer["status"], answer["wish"]) == ("running", "cancel")


def test_trials_are_paged_in_order_and_counted(client: TestClient, seeded: Seeded) -> None:
    place = f"/v1/searches/{seeded.search_id}"
    first = client.get(f"{place}/trials?limit=7").json()
    second = client.get(f"{place}/trials", params={"limit": 7, "cursor": first["next_cursor"]}).json()
    assert [one["number"] for one in first["items"] + second["items"]] == list(range(12))
    counts = client.get(place).json()["trials"]
    assert (counts["budget"], counts["spent"], counts["complete"], counts["pruned"]) == (12, 12, 8, 2)


def test_trials_that_were_never_measured_spend_no_budget(client: TestClient, url: str) -> None:
    with Store(url) as store:
        claim = start_search(store)
        with store.session() as session:
            trials.add(session, claim, [{"number": number, "assignment": {}} for number in range(4)])
            trials.update(session, claim, 0, state="infeasible", metrics={"params": 1})
            trials.update(session, claim, 1, state="infeasible", metrics={"params": 1, "latency_ms": 9.0})
            trials.update(session, claim, 2, state="duplicate", metrics={"latency_ms": 9.0}, duplicate_of=1)
    counts = client.get(f"/v1/searches/{claim.id}").json()["trials"]
    assert (counts["spent"], counts["running"], counts["infeasible"]) == (1, 1, 2)


def test_trials_are_listed_by_state(client: TestClient, seeded: Seeded) -> None:
    found = client.get(f"/v1/searches/{seeded.search_id}/trials?state=pruned").json()["items"]
    assert [one["number"] for one in found] == [8, 9]


@pytest.mark.parametrize("part", ["", "/trials", "/front", "/leaderboard", "/events"])
def test_a_search_that_does_not_exist_is_not_found(client: TestClient, part: str) -> None:
    answer = client.get(f"/v1/searches/none{part}")
    assert answer.status_code == 404
    assert "none" in answer.json()["detail"]


def test_a_name_with_markup_comes_back_as_it_was(client: TestClient, url: str) -> None:
    with Store(url) as store:
        seed_search(store, name="<script>alert(1)</script>")
    answer = client.get("/v1/searches")
    assert answer.json()["items"][0]["name"] == "<script>alert(1)</script>"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
