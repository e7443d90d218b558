"""What routes ask for: the store, one transaction, and proof that the caller may come in."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Query, Request, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session

from api.problems import RefusedError
from nas.store import Store, keys

_bearer = HTTPBearer(auto_error=False, description="A key from `nas keys create`.")


def _store(request: Request) -> Store:
    store = request.app.state.store
    assert isinstance(store, Store)
    return store


TheStore = Annotated[Store, Depends(_store)]


def _writing(store: TheStore) -> Iterator[Session]:
    with store.session() as session:
        yield session


def _reading(store: TheStore) -> Iterator[Session]:
    with store.reading() as session:
        yield session


# `function`: the transaction is committed before the answer goes out, so that an answer is never a lie.
Writing = Annotated[Session, Depends(_writing, scope="function")]
Reading = Annotated[Session, Depends(_reading, scope="function")]


def authorise(
    request: Request,
    store: TheStore,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> None:
    """Let the caller in: with a key, or without one on loopback while none was ever made.

    Raises:
        RefusedError: 401, the key is missing, unknown or revoked.
    """
    with store.reading() as session:
        if request.app.state.loopback and not keys.any_stored(session):
            return
        if credentials is not None and keys.verify(session, credentials.credentials) is not None:
            return
    what = "The key is unknown or revoked" if credentials else "This service asks for a key"
    detail = f"{what}; send 'Authorization: Bearer KEY' with a key from 'nas keys create'."
    raise RefusedError(status.HTTP_401_UNAUTHORIZED, detail, {"WWW-Authenticate": "Bearer"})


Cursor = Annotated[
    str | None, Query(max_length=64, description="`next_cursor` of the page before; absent for the first.")
]
Limit = Annotated[int, Query(ge=1, le=200, description="Items on the page.")]
