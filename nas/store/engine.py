"""From a database URL to an engine whose transactions behave the same on SQLite and PostgreSQL."""

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from nas.errors import RequestError

EXAMPLES = "Use sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"
BUSY_TIMEOUT_S = 30
CONNECT_TIMEOUT_S = 5
READING = "nas_reading"
"""Execution option of a connection that must not write."""


def parse_url(text: str) -> URL:
    """Read a database URL as users write it.

    Raises:
        RequestError: it is not a URL of a database that the store can use.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise RequestError(f"The database URL {text!r} cannot be read. {EXAMPLES}.") from error
    backend = url.get_backend_name()
    if backend in {"postgresql", "postgres"}:
        return _checked(url.set(drivername="postgresql+psycopg"))
    if backend == "sqlite":
        return _sqlite_file(url.set(drivername="sqlite+pysqlite"))
    raise RequestError(f"The store does not work on {backend!r}. {EXAMPLES}.")


def _checked(url: URL) -> URL:
    if not url.database:
        raise RequestError(f"The database URL {shown(url)} names no database. {EXAMPLES}.")
    return url


def _sqlite_file(url: URL) -> URL:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise RequestError("An SQLite database must be a file, since several processes share it. Use sqlite:///FILE.")
    folder = Path(url.database).parent
    if not folder.is_dir():
        raise RequestError(f"The folder {str(folder)!r} of the database does not exist. Create it first.")
    return url


def shown(url: URL) -> str:
    """The URL as users write it, without its password and the name of the driver."""
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def connect(text: str) -> Engine:
    """An engine for the database at ``text``; nothing is opened before the first transaction.

    Raises:
        RequestError: the URL is wrong, or its driver is not installed.
    """
    url = parse_url(text)
    try:
        return _sqlite_engine(url) if url.get_backend_name() == "sqlite" else _postgres_engine(url)
    except ModuleNotFoundError as error:
        raise RequestError(
            f"PostgreSQL needs {error.name}, which is not installed. Run pip install 'nas-esr[postgres]'."
        ) from error


def _postgres_engine(url: URL) -> Engine:
    engine = create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_TIMEOUT_S})
    event.listen(engine, "begin", _begin_postgres)
    return engine


def _begin_postgres(connection: Connection) -> None:
    if connection.get_execution_options().get(READING):
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")


def _sqlite_engine(url: URL) -> Engine:
    # isolation_level None leaves BEGIN to us: the driver's own would take the write lock too late,
    # when a snapshot that has been read from can no longer be upgraded.
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S, "isolation_level": None})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys=ON")
    # With a write-ahead log NORMAL loses nothing when a process is killed, only when the power goes.
    connection.execute("PRAGMA synchronous=NORMAL")


def _begin_sqlite(connection: Connection) -> None:
    reading = bool(connection.get_execution_options().get(READING))
    connection.exec_driver_sql(f"PRAGMA query_only={int(reading)}")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
