"""Column types that read the same on SQLite and PostgreSQL."""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from nas.errors import StoreError

Document = dict[str, Any]


def to_json(value: object) -> str:
    """Write ``value`` as JSON text, keys in the order they have.

    Raises:
        StoreError: the value holds a NaN, an infinity, or something that JSON has no word for.
    """
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise StoreError(f"A document with NaN, infinity or an unknown type cannot be stored: {error}.") from error


class JsonText(TypeDecorator[Document]):
    """A document as text: key order, 1 and 1.0 come back as they were, which JSONB does not promise."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Document | None, _dialect: Dialect) -> str | None:
        """Write the document."""
        return None if value is None else to_json(value)

    def process_result_value(self, value: str | None, _dialect: Dialect) -> Document | None:
        """Read the document."""
        return None if value is None else json.loads(value)


class UtcTime(TypeDecorator[datetime]):
    """An aware time in UTC; SQLite keeps no zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Turn the time to UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Put the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class BigId(TypeDecorator[int]):
    """A 64-bit number counted up by the database (SQLite counts up INTEGER columns only)."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[int]:
        """Choose the type that the database counts up."""
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else BigInteger())
