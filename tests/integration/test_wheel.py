"""The wheel works in an environment outside the checkout: its YAML, migrations and page are inside it."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("nas", "api", "workers", "search_spaces")
Run = Callable[..., str]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    # A copy: a build leaves files beside what it builds, and would take old ones from there into the wheel.
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / "source" / package)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source")
    done([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), "source"], cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def run(wheel: Path) -> Run:
    """Runs a program of an environment that holds the wheel, from a folder that holds nothing."""
    python = environment(wheel.parent / "venv", wheel)
    away = wheel.parent / "away"
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


def test_every_file_of_the_packages_is_in_the_wheel(wheel: Path) -> None:
    files = (file for package in PACKAGES for file in (ROOT / package).rglob("*") if file.is_file())
    wanted = {str(file.relative_to(ROOT)) for file in files if "__pycache__" not in file.parts}

    with zipfile.ZipFile(wheel) as archive:
        assert wanted - set(archive.namelist()) == set()
        assert {name.split("/")[0] for name in archive.namelist() if ".dist-info" not in name} == set(PACKAGES)


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
