"""The tables: what a search did, in rows from which it can be replayed.

Rows leave their session readable (nothing expires, nothing loads lazily) and are changed through the
repositories of this package only, because those check the fence of whoever writes.
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from nas.store.claim import Claim
from nas.store.types import BigId, Document, JsonText, UtcTime

NAMES = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Table(DeclarativeBase):
    """Base of all tables; constraints have the same names on every database, so that migrations find them."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcTime(),
        dict[str, Any]: JsonText(),
        str: Text(),
        bytes: LargeBinary(),
    }


class Leased:
    """Columns of a row that one worker at a time may work on.

    The fence grows with every claim. A writer whose fence is older than the row's has lost it.
    """

    worker: Mapped[str] = mapped_column(default="")
    fence: Mapped[int] = mapped_column(default=0)
    lease_expires_at: Mapped[datetime | None]


class Search(Leased, Table):
    """One run of a study, from the request to its end."""

    __tablename__ = "searches"
    __table_args__ = (Index("ix_searches_status_created_at", "status", "created_at"),)

    id: Mapped[str] = mapped_column(String(12), primary_key=True)
    name: Mapped[str]
    status: Mapped[str] = mapped_column(String(16))
    """queued, running, paused, cancelled, done or failed."""
    wish: Mapped[str] = mapped_column(String(16), default="")
    """What a user asked a running search to do: cancel, pause, or nothing."""
    request: Mapped[Document]
    request_hash: Mapped[str] = mapped_column(String(64))
    idempotency_key: Mapped[str | None] = mapped_column(unique=True)
    error: Mapped[str] = mapped_column(default="")
    baseline: Mapped[Document] = mapped_column(default=dict)
    """Empty until it is measured."""
    reference: Mapped[Document] = mapped_column(default=dict)
    """The reference point of the hypervolume, fixed once for the whole search; empty until then."""
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    @property
    def claim(self) -> Claim:
        """What its worker shows with every write."""
        return Claim(self.id, self.worker, self.fence)


class Trial(Leased, Table):
    """One architecture that a search asked for, with all the sampler needs to be rebuilt."""

    __tablename__ = "trials"
    __table_args__ = (Index("ix_trials_search_id_hash", "search_id", "hash"),)

    search_id: Mapped[str] = mapped_column(ForeignKey("searches.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(String(16))
    """running, complete, pruned, infeasible, failed or duplicate."""
    assignment: Mapped[Document]
    hash: Mapped[str] = mapped_column(default="")
    deployed_hash: Mapped[str] = mapped_column(default="")
    values: Mapped[Document] = mapped_column(default=dict)
    """Objective values by name; empty unless it is complete."""
    metrics: Mapped[Document] = mapped_column(default=dict)
    constraints: Mapped[Document] = mapped_column(default=dict)
    """Violation by requirement; at most 0 is feasible."""
    rung: Mapped[int] = mapped_column(default=0)
    attempt: Mapped[int] = mapped_column(default=1)
    """How often its work was taken up."""
    duplicate_of: Mapped[int | None]
    sampler: Mapped[Document] = mapped_column(default=dict)
    error: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class Architecture(Table):
    """A canonical architecture that some search met."""

    __tablename__ = "architectures"

    hash: Mapped[str] = mapped_column(primary_key=True)
    deployed_hash: Mapped[str] = mapped_column(index=True)
    document: Mapped[Document]
    cost: Mapped[Document]
    created_at: Mapped[datetime]


class Measurement(Table):
    """A latency with its provenance. Rows are added and never changed: those of one key are its history."""

    __tablename__ = "measurements"
    __table_args__ = (
        Index("ix_measurements_key_id", "key", "id"),
        Index("ix_measurements_setup_id", "setup", "id"),
        Index("ix_measurements_device_uuid_protocol", "device_uuid", "protocol"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId(), primary_key=True, autoincrement=True)
    key: Mapped[str]
    """SHA-256 over all that could have changed it."""
    setup: Mapped[str]
    """The same without the network, so that rows of one setup can be compared; empty when it is not known."""
    deployed_hash: Mapped[str] = mapped_column(index=True)
    device_uuid: Mapped[str]
    protocol: Mapped[str]
    status: Mapped[str] = mapped_column(String(16))
    """ok, unstable or failed."""
    latency_ms: Mapped[float | None]
    ratio: Mapped[float | None]
    """Latency over the baseline's in the same window."""
    record: Mapped[Document]
    samples: Mapped[Document] = mapped_column(deferred=True, deferred_raiseload=True)
    """Raw samples in milliseconds, of the candidate and of the baseline; read only where they are asked for."""
    created_at: Mapped[datetime]


class Quality(Table):
    """PSNR of one architecture after so many steps of one recipe on one data set."""

    __tablename__ = "qualities"

    key: Mapped[str] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(index=True)
    recipe_hash: Mapped[str]
    data_fingerprint: Mapped[str]
    seed: Mapped[int] = mapped_column(BigInteger)
    step: Mapped[int]
    code_version: Mapped[str]
    psnr_db: Mapped[float | None]
    record: Mapped[Document]
    weights: Mapped[str | None] = mapped_column(ForeignKey("blobs.sha256"))
    created_at: Mapped[datetime]


class FidelityReport(Table):
    """How far the cheap rungs of a search can be trusted."""

    __tablename__ = "fidelity_reports"

    search_id: Mapped[str] = mapped_column(ForeignKey("searches.id", ondelete="CASCADE"), primary_key=True)
    document: Mapped[Document]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Export(Leased, Table):
    """An architecture of a search that somebody wants as files."""

    __tablename__ = "exports"

    id: Mapped[str] = mapped_column(String(12), primary_key=True)
    search_id: Mapped[str] = mapped_column(ForeignKey("searches.id", ondelete="CASCADE"), index=True)
    trial: Mapped[str]
    """``best``, or the hash that was asked for."""
    hash: Mapped[str] = mapped_column(default="")
    """What is exported; filled in when ``best`` is settled."""
    format: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16), index=True)
    """queued, running, done or failed."""
    blob: Mapped[str | None] = mapped_column(ForeignKey("blobs.sha256"))
    error: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    @property
    def claim(self) -> Claim:
        """What its worker shows with every write."""
        return Claim(self.id, self.worker, self.fence)


class Event(Table):
    """Something that happened in a search, in the order it was committed."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_search_id_id", "search_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId(), primary_key=True, autoincrement=True)
    search_id: Mapped[str] = mapped_column(ForeignKey("searches.id", ondelete="CASCADE"))
    kind: Mapped[str]
    payload: Mapped[Document]
    at: Mapped[datetime]


class Dataset(Table):
    """A folder of photographs under a name; requests over HTTP may use names only."""

    __tablename__ = "datasets"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    path: Mapped[str]
    created_at: Mapped[datetime]


class ApiKey(Table):
    """A key of the API; only the hash of its secret is kept."""

    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(BigId(), primary_key=True, autoincrement=True)
    name: Mapped[str]
    prefix: Mapped[str] = mapped_column(String(16), unique=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Worker(Table):
    """A worker process, and the devices it last said it has."""

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(primary_key=True)
    devices: Mapped[Document]
    """Device records by uuid."""
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class Blob(Table):
    """Bytes under their own hash: weights, and exports as zip files."""

    __tablename__ = "blobs"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    data: Mapped[bytes]
    created_at: Mapped[datetime]
