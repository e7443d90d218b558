"""Workers, and the devices they have."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from nas.store.clock import now
from nas.store.tables import Worker
from nas.store.types import Document
from nas.store.upsert import insert_unless_there


def beat(session: Session, name: str, devices: Document | None = None) -> None:
    """Say that a worker lives; ``devices`` (records by uuid) stay as they were when left out."""
    at = now(session)
    row = {"name": name, "devices": devices or {}, "started_at": at, "seen_at": at}
    if insert_unless_there(session, Worker, row):
        return
    worker = session.execute(select(Worker).where(Worker.name == name)).scalar_one()
    worker.seen_at = at
    worker.devices = worker.devices if devices is None else devices


def alive(session: Session, within_s: float = 60.0) -> Sequence[Worker]:
    """Workers that were seen in the last ``within_s`` seconds, by name."""
    since = now(session) - timedelta(seconds=within_s)
    return session.execute(select(Worker).where(Worker.seen_at > since).order_by(Worker.name)).scalars().all()


def remove(session: Session, name: str) -> None:
    """Forget a worker that ends."""
    session.execute(delete(Worker).where(Worker.name == name))
