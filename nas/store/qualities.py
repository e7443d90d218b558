"""Qualities: PSNR after training, answered again only for the very same key."""

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from nas.store.clock import now
from nas.store.tables import Quality
from nas.store.types import Document
from nas.store.upsert import replace


def put(
    session: Session,
    key: str,
    *,
    architecture_hash: str,
    recipe_hash: str,
    data_fingerprint: str,
    seed: int,
    step: int,
    code_version: str,
    psnr_db: float | None,
    record: Document,
    weights: str | None = None,
) -> None:
    """Keep a quality; a later one of the same key takes its place. ``weights`` is the sha256 of a blob."""
    row = {
        "key": key,
        "hash": architecture_hash,
        "recipe_hash": recipe_hash,
        "data_fingerprint": data_fingerprint,
        "seed": seed,
        "step": step,
        "code_version": code_version,
        "psnr_db": psnr_db,
        "record": record,
        "weights": weights,
        "created_at": now(session),
    }
    replace(session, Quality, row)


def get(session: Session, key: str) -> Quality | None:
    """The quality of exactly this key."""
    return session.get(Quality, key)


def of_architecture(session: Session, architecture_hash: str, *, recipe_hash: str | None = None) -> Sequence[Quality]:
    """What one architecture reached, the longest trained last."""
    query = select(Quality).where(Quality.hash == architecture_hash)
    if recipe_hash is not None:
        query = query.where(Quality.recipe_hash == recipe_hash)
    return session.execute(query.order_by(Quality.step, Quality.created_at, Quality.key)).scalars().all()


def of_architectures(session: Session, hashes: Collection[str]) -> Sequence[Quality]:
    """What several architectures reached in all trainings, the shortest first."""
    query = select(Quality).where(Quality.hash.in_(hashes))
    return session.execute(query.order_by(Quality.step, Quality.created_at, Quality.key)).scalars().all()
