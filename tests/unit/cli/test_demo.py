"""The parts of the demo that need no search."""

import io
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from nas.cli.demo.__main__ import chosen_point
from nas.cli.demo.service import ServiceError, answer, events, every, exported, messages, running
from nas.cli.demo.winner import exported_output, ran, unpack
from nas.cli.follow import Tally
from nas.store import Store
from tests.seeding import Seeded, finish_export, seed_search
from tests.serving import serving


@pytest.fixture
def seeded(sqlite_url: str) -> Seeded:
    """A finished search in the store that is served."""
    with Store(sqlite_url) as store:
        return seed_search(store)


def zipped(**files: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/"), text)
    return target.getvalue()


def test_events_are_parted_by_empty_lines_and_comments_left_out() -> None:
    lines = iter([": hello", "", "id: 3", "event: trial", 'data: {"a": 1}', "", "event: end", "data: {}", ""])

    assert list(messages(lines)) == [
        {"id": "3", "event": "trial", "data": '{"a": 1}'},
        {"event": "end", "data": "{}"},
    ]


def test_all_events_of_a_search_arrive_up_to_its_end(sqlite_url: str, seeded: Seeded) -> None:
    with serving(sqlite_url) as url, httpx.Client(base_url=url, trust_env=False) as client:
        found = list(events(client, seeded.search_id))

    assert found[-1][0] == "end"
    assert {payload["number"] for kind, payload in found if kind == "trial"} == set(range(len(seeded.hashes)))


def test_all_pages_of_a_list_are_read(sqlite_url: str, seeded: Seeded) -> None:
    with serving(sqlite_url) as url, httpx.Client(base_url=url, trust_env=False) as client:
        found = list(every(client, f"/v1/searches/{seeded.search_id}/trials"))

    assert [trial["number"] for trial in found] == list(range(len(seeded.hashes)))


def test_a_problem_document_becomes_its_detail(sqlite_url: str) -> None:
    with serving(sqlite_url) as url, httpx.Client(base_url=url, trust_env=False) as client:
        refusal = client.get("/v1/searches/nope")

    with pytest.raises(ServiceError, match="no search 'nope'"):
        answer(refusal)


def test_an_export_that_nobody_makes_is_given_up(sqlite_url: str, seeded: Seeded) -> None:
    with serving(sqlite_url) as url, httpx.Client(base_url=url, trust_env=False) as client:
        with pytest.raises(ServiceError, match="queued after 0 s"):
            exported(client, seeded.search_id, "best", patience_s=0.0)
        with Store(sqlite_url) as store:
            finish_export(store, zipped(model="x = 1"))


def test_an_export_is_unpacked_flat_whatever_its_names(tmp_path: Path) -> None:
    unpack(zipped(a="1", deep__b="2", **{".." + "__" + "c": "3"}), tmp_path / ".")

    assert sorted(file.name for file in tmp_path.iterdir()) == ["a", "b", "c"]
    assert not (tmp_path.parent / "c").exists()


def test_the_exported_file_is_asked_in_a_process_of_its_own(tmp_path: Path) -> None:
    import torch

    code = "import torch\ndef load(path):\n    return torch.nn.Upsample(scale_factor=4)\n"
    (tmp_path / "model.py").write_text(code)

    assert exported_output(tmp_path, torch.rand(1, 3, 2, 3)).shape == (1, 3, 8, 12)
    assert [file.name for file in tmp_path.glob("*.pt")] == []


def test_a_program_that_fails_is_an_error_with_its_last_words() -> None:
    with pytest.raises(ServiceError, match=r"ended with status 1: .*gone"):
        ran(["python3", "-c", "raise SystemExit('gone')"])


@pytest.mark.parametrize(
    ("points", "chosen"),
    [
        ([(24.0, 3.0, True), (24.2, 4.0, True), (24.9, 2.0, False)], 0),
        ([(24.0, 3.0, False), (24.2, 4.0, False)], 1),
    ],
)
def test_the_winner_is_eligible_or_else_the_best_psnr(points: list[tuple[float, float, bool]], chosen: int) -> None:
    named: list[dict[str, Any]] = [{"psnr_db": a, "score": b, "eligible": c} for a, b, c in points]

    assert chosen_point({"points": named}) is named[chosen]


def test_a_service_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="mysql"), running("mysql://u:p@h/d", tmp_path / "log"):
        raise AssertionError


def test_trials_in_work_count_by_how_far_they_are_and_those_turned_away_not_at_all() -> None:
    tally = Tally()
    told: list[tuple[str, dict[str, Any]]] = [
        ("status", {"status": "running"}),
        ("trial", {"number": 0, "state": "running", "metrics": {}}),
        ("trial", {"number": 1, "state": "running", "metrics": {"latency_ms": 3.0}}),
        ("progress", {"number": 1, "step": 5, "steps": 10}),
        ("trial", {"number": 2, "state": "pruned", "metrics": {"latency_ms": 3.0}}),
        ("trial", {"number": 3, "state": "infeasible", "metrics": {"params": 9}}),
        ("trial", {"number": 4, "state": "failed", "metrics": {}}),
        ("progress", {"number": None, "step": 5, "steps": 10}),
        ("progress", {"number": 1, "step": 1, "steps": 10}),
    ]
    for kind, payload in told:
        tally.take(kind, payload)

    assert tally.done == pytest.approx(1.6)
