"""Migrations of the tables; they live in the package, so that an installed wheel can run them."""

import sqlite3
from time import monotonic, sleep

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from nas.errors import StoreError

LOCK_ID = 0x6E61735F657372
"""Of the advisory lock on PostgreSQL: any number that nobody else is likely to use."""
WAL_PATIENCE_S = 30.0


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without a file."""
    made = Config()
    made.set_main_option("script_location", "nas.store:migrations")
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def upgrade(engine: Engine) -> None:
    """Bring the tables of a database to the newest revision, one process at a time.

    Raises:
        StoreError: a newer version of this package has migrated it.
    """
    sqlite = engine.dialect.name == "sqlite"
    if sqlite:
        _turn_on_write_ahead_log(engine)
    with engine.begin() as connection:  # on SQLite BEGIN IMMEDIATE is the lock
        if not sqlite:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK_ID})")
        made = config(connection)
        script = ScriptDirectory.from_config(made)
        if _revision(connection, script) != script.get_current_head():
            command.upgrade(made, "head")


def is_current(connection: Connection) -> bool:
    """Tell whether the database is at the newest revision."""
    head = ScriptDirectory.from_config(config()).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == head


def _revision(connection: Connection, script: ScriptDirectory) -> str | None:
    revision = MigrationContext.configure(connection).get_current_revision()
    known = {step.revision for step in script.walk_revisions()}
    if revision is not None and revision not in known:
        raise StoreError(
            f"The database is at revision {revision!r}, which this version does not know. "
            "Upgrade nas-esr, or use another database."
        )
    return revision


def _turn_on_write_ahead_log(engine: Engine) -> None:
    """Two processes that do this at once get "locked" without SQLite's own waiting, so wait here."""
    connection = engine.raw_connection()
    deadline = monotonic() + WAL_PATIENCE_S
    try:
        while not _write_ahead(connection.driver_connection, last_try=monotonic() > deadline):
            sleep(0.05)
    finally:
        connection.close()


def _write_ahead(connection: object, *, last_try: bool) -> bool:
    assert isinstance(connection, sqlite3.Connection)
    try:
        connection.execute("PRAGMA journal_mode=WAL").fetchone()
    except sqlite3.OperationalError as error:
        if last_try or "locked" not in str(error):
            raise
        return False
    return True
