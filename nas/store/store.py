"""The store: one database, and transactions on it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from sqlalchemy.exc import InterfaceError, OperationalError, StatementError
from sqlalchemy.orm import Session

from nas.errors import NasError, StoreError, StoreUnavailableError
from nas.store import migrations
from nas.store.engine import READING, connect, shown


class Store:
    """A database that holds searches and all they did; safe to share between threads.

    Args:
        url: ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST/DATABASE``.

    Raises:
        RequestError: the URL is wrong.
    """

    def __init__(self, url: str) -> None:
        self._engine = connect(url)
        self._reader = self._engine.execution_options(**{READING: True})

    @property
    def name(self) -> str:
        """The URL without its password, to be shown."""
        return shown(self._engine.url)

    def migrate(self) -> None:
        """Bring the tables up to date; safe when several processes do so at once.

        Raises:
            StoreError: the server cannot be reached, or a newer version has changed the tables.
        """
        with self._explained():
            migrations.upgrade(self._engine)

    def check(self) -> None:
        """Make sure that the database answers, and that its tables are those of this version.

        Raises:
            StoreError: one of the two is not so.
        """
        with self.reading() as session:
            if not migrations.is_current(session.connection()):
                raise StoreError(
                    f"The tables of {self.name} are of another version. Start the service to migrate them."
                )

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One short transaction that may write: committed at the end, rolled back by any error."""
        with self._explained(), Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One transaction that only reads, and on SQLite waits for no writer; a write in it is an error."""
        with self._explained(), Session(self._reader, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except StatementError as error:
            if isinstance(error.orig, NasError):
                raise error.orig from error
            raise self._failure(error) from error
        except sqlite3.Error as error:  # while connecting, before SQLAlchemy wraps anything
            raise StoreUnavailableError(f"The database {self.name} cannot be opened: {error}.") from error

    def _failure(self, error: StatementError) -> StoreError:
        reason = " ".join(str(error.orig).split()).removesuffix(".")
        reason = reason.removesuffix(" Is the server running on that host and accepting TCP/IP connections?")
        if isinstance(error, OperationalError | InterfaceError):
            return StoreUnavailableError(
                f"The database {self.name} cannot be used: {reason}. Check that it is reachable and writable."
            )
        return StoreError(f"The database {self.name} refused a statement: {reason}.")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
