"""Insert a row or leave, or change, the one that is there, in one statement."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from nas.store.tables import Table

Insert = sqlite.Insert | postgresql.Insert


def _insert(session: Session, table: type[Table], row: Mapping[str, Any]) -> Insert:
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table).values(**row)
    return postgresql.insert(table).values(**row)


def insert_unless_there(session: Session, table: type[Table], row: Mapping[str, Any]) -> bool:
    """Insert ``row``; False when one with the same unique value is there."""
    statement = _insert(session, table, row).on_conflict_do_nothing()
    key = table.__mapper__.primary_key[0]
    return session.execute(statement.returning(key)).first() is not None


def replace(session: Session, table: type[Table], row: Mapping[str, Any]) -> None:
    """Insert ``row``, or put it in the place of the one with its primary key."""
    keys = [column.name for column in table.__mapper__.primary_key]
    values = {name: value for name, value in row.items() if name not in {*keys, "created_at"}}
    statement = _insert(session, table, row)
    session.execute(statement.on_conflict_do_update(index_elements=keys, set_=values))
