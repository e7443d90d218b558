import math
from dataclasses import asdict
from typing import Any

import pytest
from fastapi.testclient import TestClient

from nas.costing import cost
from nas.language import load_architecture
from nas.language.reader import read_text
from nas.scoring import load_edition
from tests.seeding import Seeded


def test_an_architecture_of_a_search_is_shown_with_its_cost(client: TestClient, seeded: Seeded) -> None:
    shown = client.get(f"/v1/architectures/{seeded.hashes[0]}").json()
    architecture = load_architecture(shown["document"])
    assert (shown["hash"], architecture.hash) == (seeded.hashes[0], seeded.hashes[0])
    assert shown["cost"] == asdict(cost(architecture))


def test_an_architecture_is_given_as_yaml(client: TestClient, seeded: Seeded) -> None:
    answer = client.get(f"/v1/architectures/{seeded.hashes[0]}?format=yaml")
    assert answer.headers["content-type"].startswith("application/yaml")
    assert load_architecture(read_text(answer.text, "answer.yaml")).hash == seeded.hashes[0]


@pytest.mark.parametrize("name", ["a1:00", "..%2Fx", "system:EMSR"])
def test_an_architecture_that_no_search_met_is_not_found(client: TestClient, name: str) -> None:
    assert client.get(f"/v1/architectures/{name}").status_code == 404


def test_a_system_costs_what_was_published(client: TestClient) -> None:
    counted = client.post("/v1/architectures/cost", json={"architecture": "system:EMSR"}).json()
    assert (counted["params"], counted["flops"]) == (130_828, 8_535_015_424)
    assert counted["hash"] == load_architecture("system:EMSR").hash


def test_a_document_and_a_hash_are_counted_alike(client: TestClient, seeded: Seeded) -> None:
    by_hash = client.post("/v1/architectures/cost", json={"architecture": seeded.hashes[0]}).json()
    document = client.get(f"/v1/architectures/{seeded.hashes[0]}").json()["document"]
    assert client.post("/v1/architectures/cost", json={"architecture": document}).json() == by_hash


def test_flops_grow_with_the_image(client: TestClient) -> None:
    body = {"architecture": "system:EMSR", "height": 96, "width": 160}
    counted = client.post("/v1/architectures/cost", json=body).json()
    assert counted["flops"] == asdict(cost(load_architecture("system:EMSR"), 96, 160))["flops"]


@pytest.mark.parametrize(
    "body",
    [
        {"architecture": "system:NOBODY"},
        {"architecture": "system:../../pyproject"},
        {"architecture": "/etc/passwd"},
        {"architecture": {"language": 1}},
        {"architecture": "system:EMSR", "height": 0},
        {},
    ],
)
def test_what_cannot_be_counted_is_explained(client: TestClient, body: dict[str, Any]) -> None:
    problem = client.post("/v1/architectures/cost", json=body).json()
    assert problem["status"] == 422
    assert problem["errors"][0]["path"]


def test_the_baseline_scores_e_squared(client: TestClient) -> None:
    figures = {"runtime_ms": 5.0, "params": 276_192, "flops": 16_703_470_848, "baseline_runtime_ms": 5.0}
    scored = client.post("/v1/score", json=figures).json()
    assert scored["final"] == pytest.approx(math.exp(2))


def test_without_a_baseline_the_published_one_counts(client: TestClient) -> None:
    figures = {"runtime_ms": 22.183, "params": 276_192, "flops": 16_703_470_848}
    assert client.post("/v1/score", json=figures).json()["final"] == pytest.approx(math.exp(2))


@pytest.mark.parametrize(
    "change",
    [
        {"runtime_ms": 0},
        {"params": -1},
        {"edition": "../x"},
        {"edition": "/etc/hostname"},
        {"edition": {"name": "x"}},
        {"psnr_db": "high"},
        {"flops": "many"},
    ],
)
def test_figures_that_cannot_be_are_refused(client: TestClient, change: dict[str, Any]) -> None:
    figures = {"runtime_ms": 5.0, "params": 1000, "flops": 1000} | change
    assert client.post("/v1/score", json=figures).status_code == 422


def test_a_score_comes_with_gate_and_would_be_rank(client: TestClient) -> None:
    figures = {"runtime_ms": 9.994, "params": 130_828, "flops": 8_535_015_424}
    found = client.post("/v1/score", json=figures | {"psnr_db": 26.92}).json()
    assert (found["would_be_rank"], found["of"], found["eligible"], found["why"]) == (1, 39, True, "")
    missed = client.post("/v1/score", json=figures | {"psnr_db": 26.5}).json()
    assert (missed["would_be_rank"], missed["eligible"], missed["gate_psnr_db"]) == (None, False, 26.9)
    assert "26.90 dB are required" in missed["why"]


def test_an_edition_is_named_or_given(client: TestClient) -> None:
    figures = {"runtime_ms": 7.74, "params": 150_688, "flops": 9_833_807_872}
    named = client.post("/v1/score", json=figures | {"edition": "ntire2026"}).json()
    own = load_edition("ntire2026").model_dump(exclude_none=True) | {"name": "own"}
    given = client.post("/v1/score", json=figures | {"edition": own}).json()
    assert named["final"] == pytest.approx(math.exp(2))
    assert given == named | {"edition": "own"}
