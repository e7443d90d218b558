"""Measurements, each with what changed since the session before."""

from typing import TypeVar

from sqlalchemy.orm import Session

from api.schemas import ChangeView, MeasurementView, MeasurementWithSamples, PageOf
from nas.store import Measurement, changes, measurements
from nas.store.changes import Change

View = TypeVar("View", bound=MeasurementView)


def page(session: Session, *, cursor: str | None, limit: int, **wanted: str | None) -> PageOf[MeasurementView]:
    """Measurements without their samples, the newest first.

    Args:
        session: A transaction.
        cursor: Where the page begins.
        limit: Items on it.
        wanted: Values of columns, as in ``nas.store.measurements.page``.

    Raises:
        RequestError: the cursor is not one that this list gave.
    """
    found = measurements.page(session, cursor=cursor, limit=limit, **wanted)
    changed = changes.of(session, found.items)
    items = [_view(MeasurementView, row, changed.get(row.id)) for row in found.items]
    return PageOf(items=items, next_cursor=found.cursor)


def get(session: Session, measurement_id: int) -> MeasurementWithSamples:
    """One measurement with its raw samples.

    Raises:
        NotFoundError: there is none of this id.
    """
    row = measurements.get(session, measurement_id)
    return _view(MeasurementWithSamples, row, changes.of(session, [row]).get(row.id))


def _view(kind: type[View], row: Measurement, change: Change | None) -> View:
    told = None if change is None else ChangeView.model_validate(change)
    return kind.model_validate(row).model_copy(update={"change": told})
