import pytest
from fastapi.testclient import TestClient

from nas.store import Store, keys


def make_key(url: str) -> tuple[str, str]:
    with Store(url) as store, store.session() as session:
        key, secret = keys.create(session)
        return key.prefix, secret


def test_no_key_is_asked_for_while_there_is_none(client: TestClient) -> None:
    assert client.get("/v1/searches").status_code == 200


def test_a_stored_key_is_asked_for_from_then_on(client: TestClient, url: str) -> None:
    _, secret = make_key(url)
    refused = client.get("/v1/searches")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert "nas keys create" in refused.json()["detail"]
    assert client.get("/v1/searches", headers={"Authorization": f"Bearer {secret}"}).status_code == 200


@pytest.mark.parametrize("header", ["Bearer wrong", "Basic abc", "Bearer", "Bearer " + "x" * 5000])
def test_a_wrong_key_opens_nothing(client: TestClient, url: str, header: str) -> None:
    make_key(url)
    assert client.get("/v1/searches", headers={"Authorization": header}).status_code == 401


def test_a_revoked_key_opens_nothing(client: TestClient, url: str) -> None:
    prefix, secret = make_key(url)
    with Store(url) as store, store.session() as session:
        keys.revoke(session, prefix)
    assert client.get("/v1/searches", headers={"Authorization": f"Bearer {secret}"}).status_code == 401


def test_every_call_of_version_1_asks_for_the_key(client: TestClient, url: str) -> None:
    make_key(url)
    calls = [
        (method.upper(), path.replace("{", "").replace("}", ""))
        for path, methods in client.get("/openapi.json").json()["paths"].items()
        for method in methods
        if path.startswith("/v1/")
    ]
    assert len(calls) > 20
    for method, path in calls:
        assert client.request(method, path, json={}).status_code == 401, path


def test_health_and_the_page_ask_for_no_key(client: TestClient, url: str) -> None:
    make_key(url)
    for path in ("/", "/healthz", "/readyz", "/metrics", "/docs", "/page/app.js"):
        assert client.get(path).status_code == 200
