"""Opening the store that a command was pointed at."""

from collections.abc import Iterator
from contextlib import contextmanager

from nas.store import Store


@contextmanager
def opened(database: str) -> Iterator[Store]:
    """The store at ``database``, its tables up to date.

    Raises:
        RequestError: ``database`` is not a URL of a database that the store can use.
        StoreError: the database cannot be reached or written.
    """
    with Store(database) as store:
        store.migrate()
        yield store
