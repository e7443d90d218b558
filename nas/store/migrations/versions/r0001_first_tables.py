"""First tables."""

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Column, Double, ForeignKey, Integer, LargeBinary, String, Text
from sqlalchemy.types import TypeEngine

from nas.store.types import BigId, JsonText, UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Columns = list[Column[Any]]


def upgrade() -> None:
    """Create everything; constraints take their names from the naming rule of the tables."""
    _create_leaves()
    op.create_table("searches", *_search_columns(), *_lease())
    op.create_index("ix_searches_status_created_at", "searches", ["status", "created_at"])
    op.create_table("trials", *_trial_columns(), *_lease())
    op.create_index("ix_trials_search_id_hash", "trials", ["search_id", "hash"])
    op.create_table("exports", *_export_columns(), *_lease())
    _index("exports", "search_id", "status")
    op.create_table(
        "events",
        Column("id", BigId(), primary_key=True, autoincrement=True),
        _of_search("events"),
        *_texts("kind"),
        _json("payload"),
        _time("at"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_search_id_id", "events", ["search_id", "id"])


def downgrade() -> None:
    """Drop everything."""
    for table in ("events", "exports", "trials", "searches", "qualities", "measurements"):
        op.drop_table(table)
    for table in ("architectures", "blobs", "datasets", "api_keys", "workers"):
        op.drop_table(table)


def _create_leaves() -> None:
    op.create_table(
        "api_keys",
        Column("id", BigId(), primary_key=True, autoincrement=True),
        *_texts("name"),
        Column("prefix", String(16), nullable=False, unique=True),
        Column("sha256", String(64), nullable=False, unique=True),
        _time("created_at"),
        _time("revoked_at", nullable=True),
    )
    op.create_table("datasets", _key("name", String(64)), *_texts("path"), _time("created_at"))
    op.create_table("workers", _key("name"), _json("devices"), _time("started_at"), _time("seen_at"))
    op.create_table(
        "blobs",
        _key("sha256", String(64)),
        Column("size", BigInteger, nullable=False),
        Column("data", LargeBinary, nullable=False),
        _time("created_at"),
    )
    op.create_table(
        "architectures",
        _key("hash"),
        *_texts("deployed_hash"),
        _json("document"),
        _json("cost"),
        _time("created_at"),
    )
    _index("architectures", "deployed_hash")
    op.create_table("measurements", *_measurement_columns())
    _index("measurements", "deployed_hash")
    op.create_index("ix_measurements_device_uuid_protocol", "measurements", ["device_uuid", "protocol"])
    op.create_table("qualities", *_quality_columns())
    _index("qualities", "hash")


def _measurement_columns() -> Columns:
    return [
        _key("key"),
        *_texts("deployed_hash", "device_uuid", "protocol"),
        _word("status"),
        Column("latency_ms", Double),
        Column("ratio", Double),
        _json("record"),
        _time("created_at"),
    ]


def _quality_columns() -> Columns:
    return [
        _key("key"),
        *_texts("hash", "recipe_hash", "data_fingerprint"),
        Column("seed", BigInteger, nullable=False),
        _number("step"),
        *_texts("code_version"),
        Column("psnr_db", Double),
        _json("record"),
        Column("weights", String(64), ForeignKey("blobs.sha256", name="fk_qualities_weights")),
        _time("created_at"),
    ]


def _search_columns() -> Columns:
    return [
        _key("id", String(12)),
        *_texts("name"),
        _word("status"),
        _word("wish"),
        _json("request"),
        Column("request_hash", String(64), nullable=False),
        Column("idempotency_key", Text, unique=True),
        *_texts("error"),
        _json("baseline"),
        _json("reference"),
        _time("created_at"),
        _time("started_at", nullable=True),
        _time("finished_at", nullable=True),
    ]


def _trial_columns() -> Columns:
    search = ForeignKey("searches.id", name="fk_trials_search_id", ondelete="CASCADE")
    return [
        Column("search_id", String(12), search, primary_key=True),
        Column("number", Integer, primary_key=True, autoincrement=False),
        _word("state"),
        *_texts("hash", "deployed_hash", "error"),
        *(_json(name) for name in ("assignment", "values", "metrics", "constraints", "sampler")),
        _number("rung"),
        _number("attempt"),
        _number("duplicate_of", nullable=True),
        _time("created_at"),
        _time("finished_at", nullable=True),
    ]


def _export_columns() -> Columns:
    return [
        _key("id", String(12)),
        _of_search("exports"),
        *_texts("trial", "hash", "error"),
        _word("format"),
        _word("status"),
        Column("blob", String(64), ForeignKey("blobs.sha256", name="fk_exports_blob")),
        _time("created_at"),
        _time("finished_at", nullable=True),
    ]


def _lease() -> Columns:
    return [*_texts("worker"), _number("fence"), _time("lease_expires_at", nullable=True)]


def _of_search(table: str) -> Column[Any]:
    search = ForeignKey("searches.id", name=f"fk_{table}_search_id", ondelete="CASCADE")
    return Column("search_id", String(12), search, nullable=False)


def _key(name: str, kind: TypeEngine[str] | None = None) -> Column[Any]:
    return Column(name, kind or Text(), primary_key=True)


def _texts(*names: str) -> Columns:
    return [Column(name, Text, nullable=False) for name in names]


def _word(name: str) -> Column[Any]:
    return Column(name, String(16), nullable=False)


def _json(name: str) -> Column[Any]:
    return Column(name, JsonText(), nullable=False)


def _number(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, Integer, nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, UtcTime(), nullable=nullable)


def _index(table: str, *columns: str) -> None:
    for column in columns:
        op.create_index(f"ix_{table}_{column}", table, [column])
