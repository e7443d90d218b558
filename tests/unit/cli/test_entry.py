"""Exit statuses, one sentence for every mistake, and a quick start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nas.store import Store
from tests.seeding import seed_search
from tests.unit.cli.conftest import Nas

HEAVY = ("torch", "ray", "optuna", "sqlalchemy", "fastapi", "plotly", "numpy", "pydantic")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nope"],
        ["cost"],
        ["cost", "system:EMSR", "--nope"],
        ["score"],
        ["score", "--runtime-ms", "fast", "--params", "1", "--flops", "1"],
        ["score", "--runtime-ms", "-1", "--params", "1", "--flops", "1"],
        ["score", "--runtime-ms", "nan", "--params", "1", "--flops", "1"],
        ["status", "nope"],
        ["front", "last"],
        ["front", "last", "--plot", "front.gif"],
        ["leaderboard", "nope"],
        ["cancel", "nope"],
        ["resume", "nope"],
        ["keys", "revoke", "nope"],
        ["data", "check", "nope"],
        ["spaces", "show", "nope"],
        ["spaces", "show", "../span"],
        ["systems", "show", "Nope"],
        ["systems", "show", "../systems/EMSR"],
        ["cost", "system:Nope"],
        ["cost", "system:../systems/EMSR"],
        ["cost", "a1:0"],
        ["cost", "missing.yaml"],
        ["measure", "system:EMSR", "--protocol", "guess"],
        ["measure", "system:EMSR", "--device", "abacus"],
        ["serve", "--port", "99999"],
        ["serve", "--host", "0.0.0.0", "--port", "0"],
        ["keys", "list", "--database", "nonsense"],
        ["worker", "--database", "mysql://u:p@h/d"],
    ],
    ids=" ".join,
)
def test_a_wrong_request_is_one_sentence_and_exit_status_2(nas: Nas, arguments: list[str]) -> None:
    result = nas(*arguments)

    assert (result.status, result.out) == (2, "")
    assert len(result.err.strip().splitlines()) == 1
    assert result.err.strip().endswith((".", "--help"))


def test_without_a_command_the_help_is_shown(nas: Nas) -> None:
    result = nas()

    assert result.status == 2
    assert "Usage: nas" in result.err


def test_a_failure_that_nobody_foresaw_is_no_traceback(nas: Nas, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object, **__: object) -> None:
        raise ZeroDivisionError("1 / 0")

    monkeypatch.setattr("nas.costing.cost", explode)
    result = nas("cost", "system:EMSR")

    assert (result.status, result.out) == (1, "")
    assert result.err == "Unexpected ZeroDivisionError: 1 / 0. Set NAS_TRACEBACK=1 to see where.\n"


def test_a_traceback_is_shown_to_those_who_ask(nas: Nas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAS_TRACEBACK", "1")
    monkeypatch.setattr("nas.costing.cost", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        nas("cost", "system:EMSR")


def test_an_unreachable_database_is_a_failure_and_no_mistake(nas: Nas) -> None:
    result = nas("status", "--database", "postgresql://nobody:secret@127.0.0.1:1/none")

    assert result.status == 1
    assert "cannot be used" in result.err
    assert "secret" not in result.err


def test_a_file_that_cannot_be_written_is_one_sentence(nas: Nas, sqlite_url: str) -> None:
    with Store(sqlite_url) as store:
        seed_search(store)
    result = nas("front", "last", "--plot", "/nowhere/front.html")

    assert (result.status, result.err) == (1, "/nowhere/front.html: No such file or directory.\n")


def test_help_loads_nothing_heavy() -> None:
    code = f"""
import sys
from nas.cli.entry import run
assert run(["--help"]) == 0
print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)

    assert result.stderr.strip() == "[]"


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    """``nas spaces show span | head -1``"""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as pipe:
        command = [sys.executable, "-m", "nas.cli", "systems", "list", "--json"]
        result = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, text=True, timeout=300)

    assert "Traceback" not in result.stderr
    assert "BrokenPipe" not in result.stderr


def test_the_default_store_is_in_the_users_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nas: Nas
) -> None:
    monkeypatch.delenv("NAS_DATABASE")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    assert nas("keys", "list", "--json").document == []
    assert (tmp_path / "nas" / "nas.db").is_file()


def test_ctrl_c_is_answered_with_one_word(nas: Nas, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nas.language.load_space", interrupted)
    result = nas("spaces", "show", "span")
    assert (result.status, result.out, result.err) == (130, "", "Interrupted.\n")
