"""What the README and the quickstart tell people to type, typed."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny import RECIPE

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/quickstart.md")
Typed = tuple[Path, list[str]]


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[str]:
    return [line for block in blocks(page, "sh") for line in block.splitlines() if line]


@pytest.fixture(scope="module", params=PAGES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Typed:
    """An empty folder, and the commands of one page to be typed there."""
    where = tmp_path_factory.mktemp("typed")
    # A search by the book takes minutes; this recipe leaves its commands as they are.
    (where / "tiny.yaml").write_text(RECIPE)
    return where, commands(request.param)


def run(command: list[str], where: Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "NAS_DATABASE": f"sqlite:///{where / 'nas.db'}"}
    return subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, timeout=550)


@pytest.mark.slow
def test_every_command_of_a_page_works_in_its_order(folder: Typed) -> None:
    where, typed = folder

    assert len(typed) > 5
    for line in typed:
        words = shlex.split(line.replace("--trials 8", "--trials 2 --recipe tiny.yaml"))
        assert words[0] == "nas"
        result = run([sys.executable, "-m", "nas.cli", *words[1:]], where)
        assert result.returncode == 0, f"{line}\n{result.stderr}"
        assert result.stdout, line
    assert (where / "winner" / "model.py").is_file()
    assert (where / "front.html").is_file()


def test_the_python_of_the_readme_works(tmp_path: Path) -> None:
    for block in blocks("README.md", "python"):
        result = run([sys.executable, "-c", block], tmp_path)
        assert result.returncode == 0, result.stderr
        assert "130828 8535015424" in result.stdout
