"""Latencies, answered again only for the very same key."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from nas.store.clock import now
from nas.store.tables import Measurement
from nas.store.types import Document
from nas.store.upsert import replace


def put(
    session: Session,
    key: str,
    *,
    deployed_hash: str,
    device_uuid: str,
    protocol: str,
    status: str,
    latency_ms: float | None,
    ratio: float | None,
    record: Document,
) -> None:
    """Keep a measurement; a later one of the same key takes its place."""
    row = {
        "key": key,
        "deployed_hash": deployed_hash,
        "device_uuid": device_uuid,
        "protocol": protocol,
        "status": status,
        "latency_ms": latency_ms,
        "ratio": ratio,
        "record": record,
        "created_at": now(session),
    }
    replace(session, Measurement, row)


def get(session: Session, key: str) -> Measurement | None:
    """The measurement of exactly this key."""
    return session.get(Measurement, key)


def on_device(session: Session, device_uuid: str, protocol: str) -> Sequence[Measurement]:
    """All sound measurements of one device and protocol, oldest first; numbers of others never mix with them."""
    query = select(Measurement).where(
        Measurement.device_uuid == device_uuid, Measurement.protocol == protocol, Measurement.status == "ok"
    )
    return session.execute(query.order_by(Measurement.created_at, Measurement.key)).scalars().all()


def of_architecture(session: Session, deployed_hash: str) -> Sequence[Measurement]:
    """All measurements of one deployed architecture, oldest first."""
    query = select(Measurement).where(Measurement.deployed_hash == deployed_hash)
    return session.execute(query.order_by(Measurement.created_at, Measurement.key)).scalars().all()
