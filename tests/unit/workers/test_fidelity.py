"""What a search's rows tell of its fidelity, and what is trained and scored for it on demand."""

import threading
from pathlib import Path
from typing import Any

import pytest

from nas.errors import MeasurementError, RequestError
from nas.evaluate.fidelity.candidates import Candidate, Length
from nas.evaluate.quality.recipes import load_recipe
from nas.requests import SearchRequest
from nas.store import Store, fidelities, qualities, searches, trials
from tests.seeding import sample, start_search
from workers import fidelity
from workers.coordinator import Coordinator, Settings
from workers.fidelity import conclude, spread, write

STEPS = load_recipe("demo").rungs
"""Rungs of recipe `demo`, which the searches of the tests have."""


@pytest.fixture
def store(sqlite_url: str) -> Any:
    with Store(sqlite_url) as store:
        yield store


def seed(store: Store, *, count: int = 10, fingerprint: str = "f") -> str:
    """A search whose larger networks are better; every second one was stopped at the first rung."""
    from dataclasses import asdict

    from nas.costing import cost
    from nas.store import architectures

    claim = start_search(store, count=count)
    with store.session() as session:
        for number, one in enumerate(sample(count)):
            rungs = [23.0 + 0.1 * number, 23.5 + 0.1 * number][: 1 + number % 2]
            architectures.put(session, one, asdict(cost(one)))
            trials.add(session, claim, [{"number": number, "assignment": {}}])
            metrics = {**asdict(cost(one)), "latency_ms": 5.0, "psnr_by_rung": rungs}
            state: trials.State = "complete" if len(rungs) == 2 else "pruned"
            trials.update(session, claim, number, state=state, hash=one.hash, metrics=metrics)
            for rung, psnr_db in enumerate(rungs):
                put(session, one.hash, load_recipe("demo").hash, fingerprint, 0, STEPS[rung], psnr_db)
        searches.finish(session, claim, "done")
    return claim.id


def put(session: Any, own: str, recipe: str, fingerprint: str, seed: int, step: int, psnr_db: float) -> None:
    """Write a training as an actor does: that of a later rung goes on from the one before."""
    record = {"loss_sum": 30.0 - psnr_db, "from_step": 0 if step == STEPS[0] else STEPS[0]}
    qualities.put(
        session,
        f"{own}{fingerprint}{seed}{step}",
        architecture_hash=own,
        recipe_hash=recipe,
        data_fingerprint=fingerprint,
        seed=seed,
        step=step,
        code_version="1",
        psnr_db=psnr_db,
        record=record,
    )


def test_the_report_is_made_of_rungs_and_rows_and_kept(store: Store) -> None:
    search_id = seed(store)
    conclude(store, search_id)
    with store.reading() as session:
        document = fidelities.get(session, search_id).document
    assert document["truth"] == {"step": STEPS[1], "recipe": "demo", "networks": 5}
    assert [one["networks"] for one in document["rungs"]] == [5]
    assert document["rungs"][0]["why_not"].startswith("too few to say: 5")
    sums = [[run["loss_sum"] for run in one["runs"]] for one in document["candidates"]]
    assert sums[1] == [pytest.approx(30 - 23.1), pytest.approx(60 - 23.1 - 23.6)]  # summed over both rungs


def test_trainings_with_other_seeds_join_those_on_other_photographs_do_not(store: Store) -> None:
    search_id = seed(store)
    with store.session() as session:
        for one in sample(10):
            put(session, one.hash, load_recipe("demo").hash, "f", 1, STEPS[0], 23.0)
            put(session, one.hash, load_recipe("demo").hash, "other", 2, STEPS[0], 9.0)
    document = write(store, search_id)
    assert [found["seeds"] for found in document["noise"]] == [[0, 1]]


def test_zero_cost_scores_are_kept_when_the_report_is_made_again(store: Store) -> None:
    search_id, scores = seed(store), {one.hash: {"synflow": 1.0} for one in sample(10)}
    write(store, search_id, scores)
    assert all(one["zero_cost"] == {"synflow": 1.0} for one in write(store, search_id)["candidates"])


def test_a_worker_writes_the_report_before_its_search_ends(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    start_search(store)
    with store.session() as session:
        searches.create(session, {**SearchRequest(space="span").model_dump(mode="json")})
    with store.session() as session:
        search = searches.claim(session, "worker")
    assert search is not None
    monkeypatch.setattr(Coordinator, "_run", lambda *_: "the budget is spent")
    settings = Settings(store.name, "no:backend", 30.0, tmp_path)
    Coordinator(store, settings, threading.Event()).conduct(search)
    with store.reading() as session:
        assert searches.get(session, search.id).status == "done"
        assert fidelities.get(session, search.id).document["truth"] is None


def test_without_candidates_there_is_nothing_to_train(store: Store, tmp_path: Path) -> None:
    search_id, recipe = start_search(store).id, load_recipe("demo")
    with pytest.raises(RequestError, match="No candidate"):
        fidelity.train_sample(
            store, search_id, 2, lambda *_: None, recipe=recipe, seeds=1, device="cpu", scratch=tmp_path
        )


def test_a_report_that_breaks_is_no_fault_of_the_search(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    search_id = seed(store)
    monkeypatch.setattr(fidelity, "report", broken)
    conclude(store, search_id)
    assert "broke" in caplog.text


def test_a_sample_is_spread_over_the_first_rung_and_has_those_in_it_that_were_stopped() -> None:
    known = [Candidate(str(n), 1, 1, psnr_db={Length(150, "demo"): {0: float(n)}}) for n in (3, 0, 4, 1, 2)]
    assert [one.hash for one in spread(known, 3)] == ["0", "2", "4"]
    assert [one.hash for one in spread(known, 99)] == ["0", "1", "2", "3", "4"]


def test_one_of_a_sample_that_diverges_is_named_and_the_others_are_trained(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    search_id, tried = seed(store, count=3), list[str]()

    def train(_: Store, __: object, one: Any, ___: str, ____: int) -> None:
        tried.append(one.hash)
        if len(tried) == 1:
            raise MeasurementError("The training diverged after step 7.")

    monkeypatch.setattr(fidelity, "_train", train)
    fidelity.train_sample(
        store, search_id, 3, lambda *_: None, recipe=load_recipe("demo"), seeds=1, device="cpu", scratch=tmp_path
    )
    assert len(tried) == 3
    assert f"{tried[0][:11]}, seed 0, is left out: The training diverged after step 7." in caplog.text


def test_a_sample_is_trained_once_and_becomes_the_truth(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np
    from PIL import Image

    from nas.language.reader import read_text
    from nas.store import datasets
    from tests.tiny import RECIPE

    monkeypatch.setenv("NAS_LEASE_DIR", str(tmp_path / "leases"))  # nobody who measures here is waited for
    photographs, rng = tmp_path / "photographs", np.random.default_rng(0)
    photographs.mkdir()
    for number in range(3):
        Image.fromarray(rng.integers(0, 255, (96, 96, 3), dtype=np.uint8)).save(photographs / f"{number}.png")
    search_id, tiny = seed(store, count=3), load_recipe(read_text(RECIPE, "tiny"))
    with store.session() as session:
        datasets.add(session, "photographs", photographs)
        search = searches.get(session, search_id)
        search.request = {**search.request, "data": "photographs"}
    told: list[str] = []
    for _ in range(2):
        fidelity.train_sample(
            store,
            search_id,
            2,
            lambda done, of, what: told.append(what),
            recipe=tiny,
            seeds=1,
            device="cpu",
            scratch=tmp_path,
        )
    with store.reading() as session:
        rows = [row for one in sample(3) for row in qualities.of_architecture(session, one.hash) if row.step == 4]
    assert len(told) == 4
    assert [row.record["recipe"] for row in rows] == ["tiny", "tiny"]
    assert all(row.record["from_step"] == 0 and row.record["loss_sum"] > 0 for row in rows)
