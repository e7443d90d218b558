"""The backend that trains real networks."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.evaluate.latency import Screen, lease
from nas.evaluate.latency.keeping import columns_of, measurement_of
from nas.language import load_architecture
from nas.language.reader import read_text
from tests.tiny import RECIPE
from tests.unit.evaluate.quality.samples import Book, OnlyWhileHeld, spabs
from workers.jobs import Job
from workers.networks import Networks

EMSR = load_architecture("system:EMSR")


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder, rng = tmp_path / "photographs", np.random.default_rng(0)
    folder.mkdir()
    for number in range(3):
        Image.fromarray(rng.integers(0, 255, (96, 96, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    return folder


def job(data: Path | str, scratch: Path) -> Job:
    return Job(
        database="",
        search_id="s",
        recipe=read_text(RECIPE, "tiny"),
        data=str(data),
        seed=0,
        device="cpu",
        scale=4,
        baseline=EMSR.to_dict(),
        rungs=(2, 4),
        scratch=str(scratch),
    )


def test_latency_is_keyed_by_the_sizes_of_the_photographs(photographs: Path, tmp_path: Path) -> None:
    network = spabs()
    square, embedded = (Networks(job(data, tmp_path)).latency_key(network) for data in (photographs, "embedded"))
    assert square == Screen("cpu", sizes=[(24, 24)] * 3).key(network.deployed_hash, EMSR.deployed_hash)
    assert embedded == Screen("cpu", sizes=[(60, 90), (64, 96)]).key(network.deployed_hash, EMSR.deployed_hash)


def test_a_measurement_names_its_baseline_and_reads_back(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Screen, "measure", lambda screen, *_: screen.plan.facts(screen.id, load=0.5))
    found = Networks(job(photographs, tmp_path)).latency(spabs())
    named = {"name": "EMSR", "hash": EMSR.hash, "deployed_hash": EMSR.deployed_hash}
    assert found.record["baseline"] == named
    assert columns_of(measurement_of(found.record), named)["record"].items() >= found.record.items()


def test_a_longer_training_that_another_search_left_is_not_taken_for_a_rung(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_LEASE_DIR", str(tmp_path / "leases"))  # nobody who measures here is waited for

    def backend(scratch: str) -> Networks:
        return Networks(job(photographs, tmp_path / scratch))

    expected = backend("fresh").quality(spabs(), 0, lambda _: None)
    backend("used").quality(spabs(), 1, lambda _: None)
    found = backend("used").quality(spabs(), 0, lambda _: None)
    assert (found.step, found.record["from_step"]) == (2, 0)
    assert found.psnr_db == expected.psnr_db


def test_nothing_is_trained_or_judged_while_the_device_is_not_held(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book, backend = Book(), Networks(job(photographs, tmp_path))
    decoded: list[str] = []

    def noted(uuid: str) -> AbstractContextManager[None]:
        decoded.append(uuid)
        return nullcontext()

    monkeypatch.setattr(lease, "shared", noted)
    _ = backend._data
    assert len(decoded) == 3, "each photograph is decoded in a turn of its own"
    monkeypatch.setattr(lease, "shared", lambda uuid: book.shared())
    with OnlyWhileHeld(book) as ran:
        assert backend.facts()["bicubic_psnr_db"] > 0
        found = [backend.quality(spabs(), rung, lambda _: None) for rung in (0, 1)]
    assert [one.step for one in found] == [2, 4]
    assert "aten.convolution_backward.default" in ran.seen
