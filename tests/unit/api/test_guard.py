import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.guard import BODY_LIMIT_BYTES, is_loopback
from nas.errors import RequestError
from nas.store import Store, keys


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "localhost:9", "[::1]:8000", "127.8.0.1"])
def test_loopback_names_may_call(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", "", "10.0.0.1"]
)
def test_a_name_that_was_pointed_here_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/v1/searches", headers={"Host": host})
    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_page_of_another_site_changes_nothing(client: TestClient) -> None:
    headers = {"Origin": "https://evil.example"}
    assert client.post("/v1/searches", json={"space": "span"}, headers=headers).status_code == 403
    assert client.get("/v1/searches").json()["items"] == []


def test_our_own_page_may_start_a_search(client: TestClient) -> None:
    headers = {"Origin": "http://127.0.0.1"}
    assert client.post("/v1/searches", json={"space": "span"}, headers=headers).status_code == 202


def test_a_body_over_the_limit_is_refused(client: TestClient) -> None:
    body = b" " * (BODY_LIMIT_BYTES + 1)
    answer = client.post("/v1/searches", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert str(BODY_LIMIT_BYTES) in answer.json()["detail"]


def test_a_body_that_does_not_say_its_length_is_refused_as_well(client: TestClient) -> None:
    chunks = (b" " * 65536 for _ in range(BODY_LIMIT_BYTES // 65536 + 1))
    answer = client.post("/v1/searches", content=chunks, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


def test_a_body_of_just_the_limit_is_read(client: TestClient) -> None:
    body = b'{"space": "span"}'.ljust(BODY_LIMIT_BYTES)
    answer = client.post("/v1/searches", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 202


@pytest.mark.parametrize("path", ["/v1/searches/%00", "/v1/architectures/a%00", "/v1/searches?cursor=%00"])
def test_a_nul_in_an_address_is_refused(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 400


@pytest.mark.parametrize(("name", "status"), [(b"\\u0000", 400), (b"\\\\\\u0000", 400), (b"\\\\u0000", 202)])
def test_a_nul_in_a_body_is_refused_and_the_words_for_it_are_not(client: TestClient, name: bytes, status: int) -> None:
    body = b'{"space": "demo", "name": "' + name + b'"}'
    headers = {"Content-Type": "application/json"}
    assert client.post("/v1/searches", content=body, headers=headers).status_code == status


@pytest.mark.parametrize("path", ["/", "/v1/searches", "/nowhere", "/page/app.js"])
def test_every_answer_forbids_foreign_scripts(client: TestClient, path: str) -> None:
    policy = client.get(path).headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("example.org", False),
    ],
)
def test_what_loopback_is(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_an_open_address_without_a_key_is_refused(url: str) -> None:
    with pytest.raises(RequestError, match="nas keys create"):
        create_app(url, host="0.0.0.0")


def test_an_open_address_with_a_revoked_key_only_is_refused(url: str) -> None:
    with Store(url) as store, store.session() as session:
        key, _ = keys.create(session)
        keys.revoke(session, key.prefix)
    with pytest.raises(RequestError, match="no key protects"):
        create_app(url, host="0.0.0.0")


def test_an_open_address_with_a_key_answers_any_name_that_shows_it(url: str) -> None:
    with Store(url) as store, store.session() as session:
        _, secret = keys.create(session)
    with TestClient(create_app(url, host="0.0.0.0"), base_url="http://nas.example") as client:
        assert client.get("/v1/searches").status_code == 401
        headers = {"Authorization": f"Bearer {secret}"}
        assert client.get("/v1/searches", headers=headers).status_code == 200
