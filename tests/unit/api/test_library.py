from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from nas.language import load_space
from nas.store import Store, architectures, datasets, measurements
from tests.seeding import DEVICE, Seeded

DOCUMENT = """
language: 1
name: mine
scale: 2
network:
  width: {choice: [8, 12, 16]}
  head: {op: conv, kernel: 3}
  body: [{repeat: {int: [1, 3]}, block: {op: spab}}]
  tail: {op: pixelshuffle, kernel: 3}
"""
DEEP = "[" * 10_000
BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]"


def test_ready_made_spaces_are_listed_and_shown(client: TestClient) -> None:
    listed = client.get("/v1/spaces").json()["items"]
    span = client.get("/v1/spaces/span").json()
    assert span in listed
    assert (span["size"], span["document"]) == (load_space("span").size(), load_space("span").document)


@pytest.mark.parametrize("name", ["spam", "..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd", "span.yaml"])
def test_a_space_that_is_none_is_not_found(client: TestClient, name: str) -> None:
    assert client.get(f"/v1/spaces/{name}").status_code == 404


def test_a_space_is_checked_as_text(client: TestClient) -> None:
    checked = client.post("/v1/spaces/check", json={"text": DOCUMENT}).json()
    assert (checked["name"], checked["scale"], checked["size"], checked["holes"]) == ("mine", 2, 9, 2)


def test_what_was_checked_as_text_can_be_searched(client: TestClient) -> None:
    document = client.post("/v1/spaces/check", json={"text": DOCUMENT}).json()["document"]
    assert client.post("/v1/searches", json={"space": document}).json()["space"] == "mine"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, ""),
        ({"space": "span", "text": DOCUMENT}, ""),
        ({"space": "/etc/passwd"}, "space"),
        ({"text": BOMB}, "text"),
        ({"text": DEEP}, "text"),
        ({"text": "!!python/object/apply:os.system ['true']"}, "text"),
        ({"text": "just words"}, "text"),
        ({"text": DOCUMENT.replace("spab", "spabb")}, "text.body.0.block.op"),
        ({"text": DOCUMENT.replace("choice: [8, 12, 16]", "choice: []")}, "text.width"),
    ],
)
def test_a_space_that_is_wrong_is_explained(client: TestClient, body: dict[str, Any], path: str) -> None:
    problem = client.post("/v1/spaces/check", json=body).json()
    assert problem["status"] == 422
    assert problem["errors"][0]["path"].replace("network.", "") == path


def test_the_published_systems_are_counted_from_their_trees(client: TestClient) -> None:
    systems = {one["name"]: one for one in client.get("/v1/systems").json()["items"]}
    assert (systems["EFDN"]["params"], systems["EFDN"]["flops"]) == (276_192, 16_703_470_848)
    assert (systems["EMSR"]["rank"], systems["EMSR"]["params"]) == (1, 130_828)


def test_data_sets_are_listed_by_name_and_never_by_path(client: TestClient, url: str, tmp_path: Path) -> None:
    with Store(url) as store, store.session() as session:
        datasets.add(session, "holiday", tmp_path)
    answer = client.get("/v1/datasets")
    assert [one["name"] for one in answer.json()["items"]] == ["embedded", "holiday"]
    assert str(tmp_path) not in answer.text
    assert client.post("/v1/searches", json={"space": "span", "data": "holiday"}).status_code == 202


def test_recipes_are_listed(client: TestClient) -> None:
    assert {"demo", "full"} <= {one["name"] for one in client.get("/v1/recipes").json()["items"]}


def test_devices_are_those_of_living_workers_and_those_something_was_measured_on(
    client: TestClient, seeded: Seeded, url: str
) -> None:
    measure(url, DEVICE["uuid"])
    measure(url, "GPU-of-before")
    before, here = client.get("/v1/devices").json()["items"]
    assert (here["uuid"], here["workers"], here["record"]) == (DEVICE["uuid"], ["worker"], DEVICE)
    assert (before["uuid"], before["workers"], before["record"]) == ("GPU-of-before", [], {"name": "a card"})
    assert here["measurements"] == before["measurements"] == {"screen/1": {"ok": 1}}
    assert before["first_measured_at"] == before["last_measured_at"] is not None


def measure(url: str, device_uuid: str, ratio: float = 0.5, *, deployed_hash: str = "a1:network", **record: Any) -> int:
    """Put a measurement into the store."""
    with Store(url) as store, store.session() as session:
        row = measurements.add(
            session,
            "key",
            setup="setup",
            deployed_hash=deployed_hash,
            device_uuid=device_uuid,
            protocol="screen/1",
            status="ok",
            latency_ms=9.75,
            ratio=ratio,
            record={"device": {"name": "a card"}, "samples_ms": {"candidate": [[9.7, 9.8]]}, **record},
        )
        return row.id


def test_a_measurement_is_served_with_its_samples_and_listed_without(client: TestClient, url: str) -> None:
    number = measure(url, "GPU-1")
    (listed,) = client.get("/v1/measurements", params={"device": "GPU-1", "deployed_hash": "a1:network"}).json()[
        "items"
    ]
    assert listed["record"] == {"device": {"name": "a card"}}
    assert client.get("/v1/measurements", params={"protocol": "strict/1"}).json()["items"] == []
    assert client.get(f"/v1/measurements/{number}").json() == {**listed, "samples": {"candidate": [[9.7, 9.8]]}}
    assert [client.get(f"/v1/measurements/{name}").status_code for name in (99, 2**70, "x")] == [404, 404, 422]


def test_the_history_of_a_key_is_listed_with_what_changed(client: TestClient, url: str) -> None:
    first, second = (measure(url, "GPU-1", ratio, ratio_interval=[ratio, ratio]) for ratio in (0.5, 0.6))
    newer, older = client.get("/v1/measurements", params={"key": "key"}).json()["items"]
    assert (older["id"], older["change"]) == (first, None)
    assert newer["change"] == {
        "since": older["created_at"],
        "measurement": first,
        "ratio": pytest.approx(0.2),
        "latency": 0.0,
        "verdict": "slower",
        "drifted": True,
        "text": newer["change"]["text"],
    }
    assert "20.0% slower than on 20" in newer["change"]["text"]
    assert client.get(f"/v1/measurements/{second}").json()["change"] == newer["change"]
    assert client.get("/v1/measurements", params={"key": "another"}).json()["items"] == []


def test_an_architecture_shows_what_changed_of_its_latency(client: TestClient, url: str, seeded: Seeded) -> None:
    with Store(url) as store, store.session() as session:
        network = architectures.get(session, seeded.hashes[0]).deployed_hash
    for ratio in (0.5, 0.6):
        measure(url, "GPU-1", ratio, deployed_hash=network)
    shown = client.get(f"/v1/architectures/{seeded.hashes[0]}").json()["measurements"]
    assert [one["change"] and one["change"]["ratio"] for one in shown] == [None, pytest.approx(0.2)]
