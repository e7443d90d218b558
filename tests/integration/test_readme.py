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


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """What the pages say, in their order; what both say is typed once."""
    lines = [line for page in PAGES for block in blocks(page, "sh") for line in block.splitlines() if line]
    return list(dict.fromkeys(lines))


def run(command: list[str], where: Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "NAS_DATABASE": f"sqlite:///{where / 'nas.db'}"}
    return subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, timeout=550)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_command_works_in_its_order(tmp_path: Path) -> None:
    # A search by the book takes minutes; this recipe leaves its commands as they are.
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    typed = commands()

    assert len(typed) > 10
    for line in typed:
        words = shlex.split(line.replace("--trials 8", "--trials 2 --recipe tiny.yaml"))
        assert words[0] == "nas"
        result = run([sys.executable, "-m", "nas.cli", *words[1:]], tmp_path)
        assert result.returncode == 0, f"{line}\n{result.stderr}"
        assert result.stdout, line
    assert (tmp_path / "winner" / "model.py").is_file()
    assert (tmp_path / "front.html").is_file()


def test_the_python_of_the_readme_works(tmp_path: Path) -> None:
    for block in blocks("README.md", "python"):
        result = run([sys.executable, "-c", block], tmp_path)
        assert result.returncode == 0, result.stderr
        assert "130828 8535015424" in result.stdout
