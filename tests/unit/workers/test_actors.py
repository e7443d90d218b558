import math
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nas.costing import cost
from nas.errors import MeasurementError, RequestError, StoreError
from nas.language import load_architecture, load_space
from nas.store import Store, architectures, measurements, qualities, searches
from tests.integration import logged
from workers.actors import Actor, load_backend
from workers.jobs import Job, Latency

EMSR = load_architecture("system:EMSR")


@pytest.fixture
def job(store: Store, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setenv(logged.LOG, str(tmp_path / "log"))
    monkeypatch.setenv(logged.PAUSE_S, "0")
    with store.session() as session:
        search_id = searches.create(session, {"space": "demo"}).id
    baseline = load_architecture("system:EFDN").to_dict()
    return Job(
        database=database_url,
        search_id=search_id,
        recipe={"name": "table"},
        data="embedded",
        seed=0,
        device="cpu",
        scale=4,
        baseline=baseline,
        rungs=(10, 20),
        scratch=str(tmp_path),
        backend="tests.integration.logged:backend",
    )


@pytest.fixture
def actor(job: Job) -> Iterator[Actor]:
    made = Actor(job)
    yield made
    made.close()


@pytest.fixture
def successor(job: Job) -> Iterator[Actor]:
    """The actor that comes after one that died."""
    made = Actor(job)
    yield made
    made.close()


def test_a_finished_training_is_answered_from_the_store(actor: Actor, successor: Actor, tmp_path: Path) -> None:
    first = actor.quality(EMSR.to_dict(), 1)
    assert first.metrics["psnr_db"] > 23
    assert successor.quality(EMSR.to_dict(), 1) == first
    assert len((tmp_path / "log").read_text().splitlines()) == 1


def test_a_finished_measurement_is_answered_from_the_store(
    actor: Actor, successor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = actor.latency(EMSR.to_dict())

    def measured_again(*_: object) -> Latency:
        raise AssertionError("measured again")

    monkeypatch.setattr(logged.Logged, "latency", measured_again)
    assert successor.latency(EMSR.to_dict()) == first


def test_the_result_is_in_the_store_before_it_is_answered(actor: Actor, store: Store) -> None:
    actor.quality(EMSR.to_dict(), 0)
    with store.reading() as session:
        (row,) = qualities.of_architecture(session, EMSR.hash)
    assert (row.seed, row.step) == (0, 10)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MeasurementError("It diverged."), "It diverged."),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
    ],
)
def test_what_goes_wrong_with_a_network_is_its_result(
    actor: Actor, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: str
) -> None:
    def broken(*_: object) -> Any:
        raise error

    monkeypatch.setattr(logged.Logged, "quality", broken)
    assert actor.quality(EMSR.to_dict(), 0).error == expected


def test_a_store_that_fails_is_no_result_of_a_network(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Any:
        raise StoreError("The database is gone.")

    monkeypatch.setattr(logged.Logged, "quality", broken)
    with pytest.raises(StoreError, match="is gone"):
        actor.quality(EMSR.to_dict(), 0)


@pytest.mark.parametrize("name", ["no.such.module:backend", "workers.networks:nothing", "workers.networks"])
def test_an_evaluator_that_does_not_exist_is_one_sentence(job: Job, name: str) -> None:
    with pytest.raises(RequestError, match=r"The evaluator .* cannot be imported"):
        load_backend(replace(job, backend=name))


def test_a_failed_measurement_is_kept_with_its_reason_and_answers_nobody(
    actor: Actor, successor: Actor, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = Latency({}, "table", "table", "failed", None, None, error="It ran out of memory.")
    with monkeypatch.context() as patch:
        patch.setattr(logged.Logged, "latency", lambda *_: failed)
        assert actor.latency(EMSR.to_dict()).error == "It ran out of memory."
    assert successor.latency(EMSR.to_dict()).metrics["latency_ms"] > 0
    with store.reading() as session:
        assert [row.status for row in measurements.of_architecture(session, EMSR.deployed_hash)] == ["failed", "ok"]
        assert measurements.comparable(session, "latency")[0].deployed_hash == EMSR.deployed_hash


def test_latencies_are_foreseen_from_the_store_once_it_knows_enough(actor: Actor, store: Store) -> None:
    rng, space = random.Random(0), load_space("demo")
    drawn = list({found.deployed_hash: found for found in (space.sample(rng) for _ in range(60))}.values())[:32]
    assert "needs 30 networks" in actor.forecasts([EMSR.to_dict()]).error
    with store.session() as session:
        for one in drawn[:31]:
            known = {"deployed_hash": one.deployed_hash, "device_uuid": "table", "protocol": "table", "status": "ok"}
            counted = cost(one)
            ratio = 1e-11 * counted.flops + 0.02 * counted.convs * math.sqrt(counted.convs)
            architectures.put(session, one, {})
            measurements.add(session, one.hash, setup="latency", latency_ms=1.0, ratio=ratio, record={}, **known)
    (foreseen, unknown) = actor.forecasts([drawn[31].to_dict(), load_architecture("system:MILA").to_dict()]).metrics[
        "forecasts"
    ]
    assert foreseen["low"] < foreseen["ratio"] < foreseen["high"]
    assert unknown is None  # its ops were never measured
    actor.latency(drawn[31].to_dict())
    again = actor.forecasts([drawn[31].to_dict(), drawn[30].to_dict()]).metrics["forecasts"]
    assert [one is None for one in again] == [True, False]  # what was measured with this very key is not predicted
