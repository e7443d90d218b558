"""Commands run in this process, with a store of their own."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from nas.cli.entry import run


@dataclass(frozen=True)
class Result:
    """What a command left."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


@pytest.fixture(autouse=True, scope="session")
def _own_lease(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A device of one's own: whoever measures on this machine would keep every training waiting."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_LEASE_DIR", str(tmp_path_factory.mktemp("leases")))
        yield


Nas = Callable[..., Result]


@pytest.fixture
def nas(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> Nas:
    """Run ``nas`` with these arguments, on a fresh store."""
    monkeypatch.setenv("NAS_DATABASE", sqlite_url)
    monkeypatch.setenv("COLUMNS", "200")

    def run_here(*arguments: str) -> Result:
        capsys.readouterr()
        status = run(list(arguments))
        return Result(status, *capsys.readouterr())

    return run_here
