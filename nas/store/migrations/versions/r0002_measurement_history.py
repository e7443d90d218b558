"""Every measurement is a row of its own: they get ids, their setup, and a column for raw samples."""

from collections.abc import Callable
from typing import Any

from alembic import op
from sqlalchemy import Column, Double, MetaData, Select, String, Table, Text, func, insert, select

from nas.store.types import BigId, JsonText, UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OLD = "measurements_of_before"
SAMPLES = "samples_ms"
BATCH = 100
INDEXES = {
    "ix_measurements_deployed_hash": ["deployed_hash"],
    "ix_measurements_device_uuid_protocol": ["device_uuid", "protocol"],
}
NEW_INDEXES = {"ix_measurements_key_id": ["key", "id"], "ix_measurements_setup_id": ["setup", "id"]}
Row = dict[str, Any]


def upgrade() -> None:
    """Give every row an id, and its samples a column; which setup a row is of was not written down."""
    _put_aside(INDEXES)
    made = op.create_table("measurements", *_new_columns(), sqlite_autoincrement=True)
    _index({**INDEXES, **NEW_INDEXES})
    old = Table(OLD, MetaData(), *_columns())
    _copy(select(old).order_by(old.c.created_at, old.c.key), _split, made)
    op.drop_table(OLD)


def downgrade() -> None:
    """Keep the newest row of each key: the tables of before have room for one."""
    _put_aside({**INDEXES, **NEW_INDEXES})
    made = op.create_table("measurements", *_columns(primary_key=True))
    _index(INDEXES)
    old = Table(OLD, MetaData(), *_new_columns())
    newest = select(func.max(old.c.id)).group_by(old.c.key)
    _copy(select(old).where(old.c.id.in_(newest)).order_by(old.c.id), _joined, made)
    op.drop_table(OLD)


def _put_aside(indexes: dict[str, list[str]]) -> None:
    """Rename the table, and what of its names would stand in the way of the new one's."""
    for index in indexes:
        op.drop_index(index, "measurements")
    op.rename_table("measurements", OLD)
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {OLD} RENAME CONSTRAINT pk_measurements TO pk_{OLD}")
        op.execute("ALTER SEQUENCE IF EXISTS measurements_id_seq RENAME TO measurements_of_before_id_seq")


def _copy(rows: Select[Any], change: Callable[[Row], Row], target: Table) -> None:
    """Copy batch by batch: a row holds thousands of samples."""
    read = op.get_bind().execute(rows)
    while batch := [change(dict(row._mapping)) for row in read.fetchmany(BATCH)]:
        op.get_bind().execute(insert(target), batch)


def _split(row: Row) -> Row:
    record = dict(row["record"])
    return {**row, "setup": "", "samples": record.pop(SAMPLES, {}), "record": record}


def _joined(row: Row) -> Row:
    kept = {name: value for name, value in row.items() if name not in ("id", "setup", "samples")}
    return {**kept, "record": {**row["record"], SAMPLES: row["samples"]}}


def _columns(*, primary_key: bool = False) -> list[Column[Any]]:
    return [
        Column("key", Text, primary_key=primary_key, nullable=False),
        *(Column(name, Text, nullable=False) for name in ("deployed_hash", "device_uuid", "protocol")),
        Column("status", String(16), nullable=False),
        Column("latency_ms", Double),
        Column("ratio", Double),
        Column("record", JsonText(), nullable=False),
        Column("created_at", UtcTime(), nullable=False),
    ]


def _new_columns() -> list[Column[Any]]:
    return [
        Column("id", BigId(), primary_key=True, autoincrement=True),
        *_columns(),
        Column("setup", Text, nullable=False),
        Column("samples", JsonText(), nullable=False),
    ]


def _index(indexes: dict[str, list[str]]) -> None:
    for name, columns in indexes.items():
        op.create_index(name, "measurements", columns)
