from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from nas.errors import NasError

JSON = {"Content-Type": "application/json"}


def problem_of(answer: Any) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem.keys() == {"type", "title", "status", "detail", "instance", "errors"}
    assert problem["status"] == answer.status_code
    return problem


def test_an_unknown_route_is_a_problem(client: TestClient) -> None:
    problem = problem_of(client.get("/v1/nothing"))
    assert (problem["status"], problem["instance"]) == (404, "/v1/nothing")


def test_a_wrong_method_is_a_problem_that_says_what_is_allowed(client: TestClient) -> None:
    answer = client.delete("/v1/searches")
    assert problem_of(answer)["status"] == 405
    assert answer.headers["allow"]


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe", b"[" * 100_000, b"NaN!"])
def test_a_body_that_is_not_json_is_a_problem(client: TestClient, body: bytes) -> None:
    assert problem_of(client.post("/v1/searches", content=body, headers=JSON))["status"] in {400, 422}


def test_an_empty_body_is_said_to_be_empty(client: TestClient) -> None:
    assert "body is empty" in problem_of(client.post("/v1/searches", headers=JSON))["detail"]


@pytest.mark.parametrize("body", [b"[]", b"1", b'"span"', b"null"])
def test_json_that_is_no_object_is_a_problem(client: TestClient, body: bytes) -> None:
    assert problem_of(client.post("/v1/searches", content=body, headers=JSON))["status"] == 422


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_another_content_type_is_a_problem(client: TestClient, kind: str) -> None:
    answer = client.post("/v1/searches", content=b'{"space": "span"}', headers={"Content-Type": kind})
    problem = problem_of(answer)
    assert problem["status"] == 415
    assert "application/json" in problem["detail"]


def test_a_deep_document_is_a_problem_and_the_service_goes_on(client: TestClient) -> None:
    deep: dict[str, Any] = {"op": "conv"}
    for _ in range(300):
        deep = {"op": "chain", "steps": [deep]}
    answer = client.post("/v1/searches", json={"space": {"language": 1, "scale": 4, "network": deep}})
    assert problem_of(answer)["status"] == 422
    assert client.get("/healthz").status_code == 200


def test_a_long_value_is_shortened(client: TestClient) -> None:
    problem = problem_of(client.post("/v1/searches", json={"space": "span", "sampler": "x" * 10_000}))
    assert len(problem["detail"]) < 400


def test_several_offences_are_all_named(client: TestClient) -> None:
    problem = problem_of(client.post("/v1/searches", json={"trials": 0, "seed": -1}))
    assert {one["path"] for one in problem["errors"]} == {"space", "trials", "seed"}
    assert "2 more" in problem["detail"]


def test_a_failure_of_the_service_tells_nothing_about_its_inside(url: str) -> None:
    app = create_app(url)

    def fail() -> None:
        raise ZeroDivisionError("secret")

    app.add_api_route("/fail", fail)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        answer = client.get("/fail")
    assert problem_of(answer)["status"] == 500
    assert "secret" not in answer.text


def test_the_type_of_a_problem_leads_to_its_place_on_the_reference(client: TestClient) -> None:
    problem = problem_of(client.get("/v1/searches/none"))
    page, _, fragment = problem["type"].partition("#")
    assert f'id="{fragment}"' in client.get(page).text


def test_the_reference_explains_every_error(client: TestClient) -> None:
    reference = client.get("/docs").text
    for kind in NasError.__subclasses__():
        assert str(kind.__doc__).splitlines()[0].split("'")[0] in reference
