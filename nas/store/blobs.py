"""Bytes by their own hash, so that api and workers need to share nothing but the database."""

import hashlib

from sqlalchemy.orm import Session

from nas.errors import NotFoundError
from nas.store.clock import now
from nas.store.tables import Blob
from nas.store.upsert import insert_unless_there


def sha256_of(data: bytes) -> str:
    """The hash under which ``data`` is kept."""
    return hashlib.sha256(data).hexdigest()


def put(session: Session, data: bytes) -> str:
    """Keep ``data`` and tell its sha256."""
    sha256 = sha256_of(data)
    row = {"sha256": sha256, "size": len(data), "data": data, "created_at": now(session)}
    insert_unless_there(session, Blob, row)
    return sha256


def get(session: Session, sha256: str) -> bytes:
    """The bytes with this hash.

    Raises:
        NotFoundError: there are none.
    """
    blob = session.get(Blob, sha256)
    if blob is None:
        raise NotFoundError(f"There is no blob {sha256!r} in the store.")
    return blob.data
