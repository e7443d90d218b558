"""What can be checked of the images without an engine: files they copy, packages they install, services they join."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from ruamel.yaml import YAML

from tests.unit.test_packaging import closure, constraints

ROOT = Path(__file__).parents[2]
DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))
API_PACKAGES = [
    Requirement(line)
    for line in (ROOT / "docker" / "api-requirements.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.stem)
def test_an_image_copies_only_what_exists_and_is_not_ignored(dockerfile: Path) -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    sources = [name for line in re.findall(r"^COPY (.+)$", dockerfile.read_text(), re.M) for name in line.split()[:-1]]

    assert sources
    for name in sources:
        assert (ROOT / name).exists()
        assert f"!{name}" in ignored


def test_compose_builds_from_files_that_exist() -> None:
    services = YAML(typ="safe").load((ROOT / "docker" / "compose.yaml").read_text())["services"]
    built = [service["build"] for service in services.values() if "build" in service]

    assert set(services) == {"api", "worker", "database"}
    assert all((ROOT / "docker" / build["context"] / build["dockerfile"]).is_file() for build in built)


def test_the_worker_sees_the_id_of_its_host_and_cannot_change_it() -> None:
    (mount,) = YAML(typ="safe").load((ROOT / "docker" / "compose.yaml").read_text())["services"]["worker"]["volumes"]

    assert (mount["target"], mount["read_only"]) == ("/etc/machine-id", True)
    assert mount["bind"] == {"create_host_path": False}


def test_the_packages_of_the_api_image_have_exact_versions() -> None:
    assert closure(API_PACKAGES) <= set(constraints())


def test_the_api_needs_no_package_that_its_image_lacks(tmp_path: Path) -> None:
    code = f"""
import sys
from importlib.metadata import packages_distributions
from packaging.utils import canonicalize_name

kept = {sorted(closure(API_PACKAGES) | {"nas-esr", "packaging", "setuptools"})!r}
owners = packages_distributions()

class Absent:
    def find_spec(self, name, path=None, target=None):
        owned = [canonicalize_name(owner) for owner in owners.get(name.partition(".")[0], [])]
        if owned and not set(owned) & set(kept):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
import nas.cli
from api.app import create_app
create_app("sqlite:///{tmp_path}/store.db")
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)

    assert result.returncode == 0, result.stderr
