"""API keys: shown once, kept as a hash."""

import hashlib
import secrets
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from nas.errors import NotFoundError
from nas.store.clock import now
from nas.store.tables import ApiKey

MARK = "nas_"
PREFIX_LENGTH = len(MARK) + 8


def create(session: Session, name: str = "") -> tuple[ApiKey, str]:
    """Make a key; the second value is its secret, which cannot be had again.

    256 random bits need no slow hash: there is nothing to guess from a word list.
    """
    secret = MARK + secrets.token_urlsafe(32)
    key = ApiKey(name=name, prefix=secret[:PREFIX_LENGTH], sha256=_digest(secret), created_at=now(session))
    session.add(key)
    session.flush()
    return key, secret


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def verify(session: Session, secret: str) -> ApiKey | None:
    """The key with this secret, unless it was revoked."""
    query = select(ApiKey).where(ApiKey.sha256 == _digest(secret), ApiKey.revoked_at.is_(None))
    return session.execute(query).scalar_one_or_none()


def every(session: Session) -> Sequence[ApiKey]:
    """All keys, revoked ones too, oldest first."""
    return session.execute(select(ApiKey).order_by(ApiKey.id)).scalars().all()


def any_stored(session: Session) -> bool:
    """Whether a key was ever made: revoking the last one must not open the service to all."""
    return session.execute(select(ApiKey.id).limit(1)).first() is not None


def any_usable(session: Session) -> bool:
    """Whether there is a key that is not revoked."""
    return session.execute(select(ApiKey.id).where(ApiKey.revoked_at.is_(None)).limit(1)).first() is not None


def revoke(session: Session, prefix: str) -> ApiKey:
    """Make the key with this prefix worthless; twice does no harm.

    Raises:
        NotFoundError: there is none.
    """
    key = session.execute(select(ApiKey).where(ApiKey.prefix == prefix)).scalar_one_or_none()
    if key is None:
        raise NotFoundError(f"There is no key {prefix!r}. Run nas keys list to see their prefixes.")
    key.revoked_at = key.revoked_at or now(session)
    session.flush()
    return key
