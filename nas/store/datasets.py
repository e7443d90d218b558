"""Data sets by name: requests over HTTP name one, and never a path."""

import re
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from nas.errors import RequestError, UnknownNameError
from nas.store.clock import now
from nas.store.tables import Dataset
from nas.store.upsert import replace

EMBEDDED = "embedded"
"""The photographs that come with the service; what ``resolve`` gives for them is this word."""
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def add(session: Session, name: str, path: Path) -> None:
    """Register a folder under a name; a name that is there gets the new folder.

    Raises:
        RequestError: the name breaks the rule or is built in, or the path is not absolute.
    """
    check_name(name)
    if not path.is_absolute():
        raise RequestError(f"The folder {str(path)!r} of data set {name!r} must be an absolute path.")
    replace(session, Dataset, {"name": name, "path": str(path), "created_at": now(session)})


def check_name(name: str) -> None:
    """Raise RequestError unless a folder may be registered under this name."""
    if NAME.fullmatch(name) is None:
        raise RequestError(
            f"The data set name {name!r} is not allowed. Use 1 to 64 of a-z, 0-9, _ and -, beginning with a "
            "letter or digit."
        )
    if name == EMBEDDED:
        raise RequestError(f"The data set {EMBEDDED!r} is built in and cannot be replaced. Choose another name.")


def remove(session: Session, name: str) -> None:
    """Forget a name; the folder stays.

    Raises:
        UnknownNameError: it is not registered.
    """
    if session.get(Dataset, name) is None:
        raise UnknownNameError("data set", name, names(session))
    session.execute(delete(Dataset).where(Dataset.name == name))


def resolve(session: Session, name: str) -> str:
    """The absolute path behind a name, or ``embedded`` itself.

    Raises:
        UnknownNameError: it is not registered.
    """
    if name == EMBEDDED:
        return EMBEDDED
    dataset = session.get(Dataset, name)
    if dataset is None:
        raise UnknownNameError("data set", name, names(session))
    return dataset.path


def names(session: Session) -> list[str]:
    """All names, the built-in one first."""
    return [EMBEDDED, *(row.name for row in registered(session))]


def registered(session: Session) -> Sequence[Dataset]:
    """What users registered, by name."""
    return session.execute(select(Dataset).order_by(Dataset.name)).scalars().all()
