"""One clock for all who share a database, so that leases do not depend on the clocks of machines."""

from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nas.store.types import UtcTime


def now(session: Session) -> datetime:
    """The time by the database's clock (an SQLite database is on this machine anyway)."""
    if session.get_bind().dialect.name == "sqlite":
        return datetime.now(UTC)
    return session.execute(select(func.clock_timestamp(type_=UtcTime()))).scalar_one()
