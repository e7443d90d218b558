"""The fidelity report of a search over HTTP."""

from fastapi.testclient import TestClient

from nas.store import Store
from tests.seeding import Seeded, seed_fidelity, start_search


def test_the_stored_report_is_served(client: TestClient, url: str, seeded: Seeded) -> None:
    with Store(url) as store:
        document = seed_fidelity(store, seeded)

    assert client.get(f"/v1/searches/{seeded.search_id}").json()["fidelity"]
    answer = client.get(f"/v1/searches/{seeded.search_id}/fidelity").json()
    assert answer.pop("made_at")
    assert answer == document


def test_before_there_is_one_a_problem_says_when(client: TestClient, url: str) -> None:
    with Store(url) as store:
        claim = start_search(store)

    assert not client.get(f"/v1/searches/{claim.id}").json()["fidelity"]
    answer = client.get(f"/v1/searches/{claim.id}/fidelity")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "is running and has no fidelity report yet" in answer.json()["detail"]


def test_a_search_that_does_not_exist_has_none(client: TestClient) -> None:
    assert client.get("/v1/searches/nothing/fidelity").status_code == 404
