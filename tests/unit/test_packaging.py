"""What the project says about itself agrees with itself."""

import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


def requirements() -> list[Requirement]:
    project = PROJECT["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    return [Requirement(line) for line in project["dependencies"] + extras + PROJECT["dependency-groups"]["dev"]]


def constraints() -> dict[str, Requirement]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(one.name): one for one in pinned}


def closure(roots: list[Requirement]) -> set[str]:
    """Names of ``roots`` and of all they need on this machine."""
    names: set[str] = set()
    todo = list(roots)
    while todo:
        one = todo.pop()
        key = canonicalize_name(one.name)
        if key in names and not one.extras:
            continue
        names.add(key)
        needs = [Requirement(line) for line in distribution(one.name).requires or []]
        todo += [need for need in needs if applies(need, one.extras)]
    return names


def applies(need: Requirement, extras: set[str]) -> bool:
    return need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras | {""})


def test_every_package_that_is_needed_has_an_exact_version() -> None:
    missing = closure(requirements()) - set(constraints()) - {"triton"}

    assert {name for name in missing if not name.startswith(("nvidia-", "cuda-"))} == set()


@pytest.mark.parametrize(("name", "pinned"), constraints().items())
def test_a_version_is_exact_and_has_no_local_part(name: str, pinned: Requirement) -> None:
    (only,) = pinned.specifier

    assert only.operator == "==", name
    assert "+" not in only.version, name


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_the_exact_version_is_one_that_the_project_allows(requirement: Requirement) -> None:
    (only,) = constraints()[canonicalize_name(requirement.name)].specifier

    assert requirement.specifier.contains(only.version)


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_every_dependency_says_why_it_is_there(requirement: Requirement) -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text()
    explained = {match.split("[")[0] for match in re.findall(r"^\| `([^`]+)` \| .+ \|$", page, re.MULTILINE)}

    assert requirement.name in explained


def test_no_explanation_outlives_its_dependency() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text()
    explained = {match.split("[")[0] for match in re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)}

    assert explained == {one.name for one in requirements()}
