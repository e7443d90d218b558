"""The service over a real store, and a search seeded as a worker would write it."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from nas.store import Store
from tests.seeding import Seeded, seed_search
from tests.serving import serving


@pytest.fixture
def url(sqlite_url: str) -> str:
    """The database of the service."""
    return sqlite_url


@pytest.fixture
def client(url: str) -> Iterator[TestClient]:
    """A caller on this machine."""
    with TestClient(create_app(url), base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
def seeded(url: str) -> Seeded:
    """A finished search in the store of ``client``."""
    with Store(url) as store:
        return seed_search(store)


@pytest.fixture
def served(url: str) -> Iterator[str]:
    """The address of the service on a real socket."""
    with serving(url) as address:
        yield address
