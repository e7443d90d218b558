"""Latencies: every measurement is a row and none is ever replaced; only the very same key answers for another one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, undefer

from nas.errors import NotFoundError, RequestError
from nas.store.clock import now
from nas.store.page import Page, cut
from nas.store.tables import Architecture, Measurement
from nas.store.types import Document

SAMPLES = "samples_ms"
"""Part of a record that is kept in a column of its own, because lists of records do without it."""


def add(
    session: Session,
    key: str,
    *,
    setup: str,
    deployed_hash: str,
    device_uuid: str,
    protocol: str,
    status: str,
    latency_ms: float | None,
    ratio: float | None,
    record: Document,
) -> Measurement:
    """Keep a measurement beside the earlier ones of its key.

    Args:
        session: A transaction that may write.
        key: All that the latency depends on.
        setup: The same without the network: rows of one setup can be compared.
        deployed_hash: The network in its deployed form.
        device_uuid: The device.
        protocol: Id and version.
        status: ``ok``, ``unstable`` or ``failed``.
        latency_ms: None when it failed.
        ratio: To the baseline in the same window.
        record: Everything else, raw samples under ``samples_ms``.
    """
    row = Measurement(
        key=key,
        setup=setup,
        deployed_hash=deployed_hash,
        device_uuid=device_uuid,
        protocol=protocol,
        status=status,
        latency_ms=latency_ms,
        ratio=ratio,
        record={name: value for name, value in record.items() if name != SAMPLES},
        samples=record.get(SAMPLES, {}),
        created_at=now(session),
    )
    session.add(row)
    session.flush()
    return row


def get(session: Session, measurement_id: int) -> Measurement:
    """One measurement with its samples.

    Raises:
        NotFoundError: there is none of this id.
    """
    query = select(Measurement).where(Measurement.id == measurement_id).options(undefer(Measurement.samples))
    row = session.execute(query).scalar_one_or_none()
    if row is None:
        raise NotFoundError(f"There is no measurement {measurement_id} in the store.")
    return row


def newest(session: Session, key: str) -> Measurement | None:
    """The measurement that answers for this key: the newest sound one; unstable and failed ones never do."""
    query = select(Measurement).where(Measurement.key == key, Measurement.status == "ok")
    query = query.order_by(Measurement.id.desc()).limit(1).options(undefer(Measurement.samples))
    return session.execute(query).scalar_one_or_none()


def answered(session: Session, keys: Iterable[str]) -> frozenset[str]:
    """Those of these keys that a sound measurement answers for."""
    query = select(Measurement.key).where(Measurement.key.in_(list(keys)), Measurement.status == "ok").distinct()
    return frozenset(session.execute(query).scalars())


def of_architecture(session: Session, deployed_hash: str) -> Sequence[Measurement]:
    """All measurements of one deployed architecture, oldest first, without samples."""
    query = select(Measurement).where(Measurement.deployed_hash == deployed_hash).order_by(Measurement.id)
    return session.execute(query).scalars().all()


def page(
    session: Session,
    *,
    key: str | None = None,
    device_uuid: str | None = None,
    protocol: str | None = None,
    deployed_hash: str | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Measurement]:
    """Measurements, newest first, without samples.

    Raises:
        RequestError: the cursor is not one that this list gave.
    """
    query = select(Measurement).order_by(Measurement.id.desc()).limit(limit + 1)
    wanted = {
        Measurement.key: key,
        Measurement.device_uuid: device_uuid,
        Measurement.protocol: protocol,
        Measurement.deployed_hash: deployed_hash,
    }
    query = query.where(*(column == value for column, value in wanted.items() if value is not None))
    if cursor is not None:
        query = query.where(Measurement.id < _id(cursor))
    return cut(session.execute(query).scalars().all(), limit, "id")


def _id(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise RequestError(f"The cursor {cursor!r} belongs to no page of measurements. Start without one.")
    return int(cursor)


@dataclass(frozen=True)
class Measured:
    """A network with its ratio, for whoever learns from many."""

    deployed_hash: str
    document: Document
    ratio: float


def comparable(session: Session, setup: str, *, most: int = 2000) -> list[Measured]:
    """What was measured soundly with one setup, each network once (its newest), by hash; at most the newest ``most``.

    Networks whose document the store does not hold are left out.
    """
    newest_ids = select(func.max(Measurement.id)).where(Measurement.setup == setup, Measurement.status == "ok")
    newest_ids = newest_ids.group_by(Measurement.deployed_hash)
    rows = select(Measurement.deployed_hash, Measurement.ratio).where(Measurement.id.in_(newest_ids))
    rows = rows.where(Measurement.ratio.is_not(None)).order_by(Measurement.id.desc()).limit(most)
    ratios = {deployed_hash: float(ratio) for deployed_hash, ratio in session.execute(rows) if ratio is not None}
    documents = _documents(session, ratios)
    return [Measured(one, documents[one], ratios[one]) for one in sorted(ratios) if one in documents]


@dataclass(frozen=True)
class Setup:
    """A way to measure that was used on some device."""

    setup: str
    networks: int
    """How many were measured soundly, each once."""
    record: Document
    """Of its newest measurement."""


def setups(session: Session, device_uuid: str) -> list[Setup]:
    """Every known setup that something was measured soundly with on a device, the one with the most networks first."""
    networks = func.count(Measurement.deployed_hash.distinct()).label("networks")
    counted = select(Measurement.setup, networks, func.max(Measurement.id).label("newest"))
    counted = counted.where(Measurement.device_uuid == device_uuid, Measurement.status == "ok", Measurement.setup != "")
    groups = counted.where(Measurement.ratio.is_not(None)).group_by(Measurement.setup).subquery()
    rows = select(groups.c.setup, groups.c.networks, Measurement.record).join(
        Measurement, Measurement.id == groups.c.newest
    )
    rows = rows.order_by(groups.c.networks.desc(), groups.c.newest.desc())
    return [Setup(*row) for row in session.execute(rows)]


def _documents(session: Session, deployed_hashes: Iterable[str]) -> dict[str, Document]:
    """A document for each deployed form; which of several training forms does not matter."""
    query = select(Architecture.deployed_hash, Architecture.document)
    query = query.where(Architecture.deployed_hash.in_(list(deployed_hashes))).order_by(Architecture.hash.desc())
    return {row.deployed_hash: row.document for row in session.execute(query)}


@dataclass(frozen=True)
class Device:
    """What was measured on one device."""

    uuid: str
    counts: dict[str, dict[str, int]]
    """Measurements by protocol and status."""
    first_at: datetime
    last_at: datetime
    record: Document
    """The device as the newest measurement saw it; empty when that record does not hold it."""


def devices(session: Session) -> list[Device]:
    """Every device that something was measured on, by uuid."""
    group = (Measurement.device_uuid, Measurement.protocol, Measurement.status)
    at, number = Measurement.created_at, Measurement.id
    counted = select(
        *group, func.count().label("rows"), func.min(at).label("first"), func.max(at).label("last"), func.max(number)
    )
    found: dict[str, list[Any]] = {}
    for row in session.execute(counted.group_by(*group).order_by(*group)):
        found.setdefault(row.device_uuid, []).append(row)
    return [_device(session, uuid, rows) for uuid, rows in found.items()]


def _device(session: Session, uuid: str, rows: Sequence[Any]) -> Device:
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        counts.setdefault(row.protocol, {})[row.status] = row.rows
    newest_row = session.get_one(Measurement, max(row[-1] for row in rows))
    first_at, last_at = min(row.first for row in rows), max(row.last for row in rows)
    return Device(uuid, counts, first_at, last_at, newest_row.record.get("device", {}))
