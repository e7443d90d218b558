"""The wheel works in an environment outside the checkout: its YAML, migrations and page are inside it."""

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Run = Callable[..., str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a program of an environment that holds the wheel, from a folder that holds nothing."""
    folder = tmp_path_factory.mktemp("wheel")
    done([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)], cwd=folder)
    (wheel,) = folder.glob("*.whl")
    python = environment(folder / "venv", wheel)
    away = folder / "away"
    away.mkdir()

    def run_there(program: str, *arguments: str) -> str:
        command = [str(python)] if program == "python" else [str(python.parent / program)]
        return done([*command, *arguments], cwd=away)

    return run_there


def environment(folder: Path, wheel: Path) -> Path:
    """Make an environment with the wheel, its dependencies borrowed from the running one; return its Python."""
    done([sys.executable, "-m", "venv", "--without-pip", str(folder)], cwd=folder.parent)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    done([*pip, str(wheel)], cwd=folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    # Its own .pth files are not read from there, so the checkout stays out of sight.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def done(command: list[str], *, cwd: Path) -> str:
    """Run ``command``, which must succeed, and return its stdout."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NAS_"))}
    result = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_code_comes_from_the_wheel(run: Run) -> None:
    where = run(
        "python", "-c", "import nas, api, workers, search_spaces; print(nas.__file__, api.__file__, workers.__file__)"
    )

    assert str(ROOT) not in where


def test_spaces_are_in_the_wheel(run: Run) -> None:
    assert "span" in run("nas", "spaces", "list")


def test_systems_are_in_the_wheel(run: Run) -> None:
    cost = json.loads(run("nas", "cost", "system:EMSR", "--json"))

    assert (cost["params"], cost["flops"]) == (130828, 8535015424)


def test_migrations_are_in_the_wheel(run: Run) -> None:
    assert json.loads(run("nas", "keys", "list", "--database", "sqlite:///away.db", "--json")) == []


def test_the_page_is_in_the_wheel(run: Run) -> None:
    ask = (
        "import warnings; from fastapi.testclient import TestClient; from api.app import create_app;"
        "client = TestClient(create_app('sqlite:///page.db'), base_url='http://127.0.0.1');"
        "print(client.get('/').text)"
    )

    assert "<html" in run("python", "-c", ask)


def test_recipes_are_in_the_wheel(run: Run) -> None:
    ask = "from nas.evaluate.quality.recipes import load_recipe; print(load_recipe('demo').name)"

    assert run("python", "-c", ask).strip() == "demo"
