"""``/v1/measurements``: every latency that was measured, with its provenance."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import Cursor, Limit, Reading
from api.schemas import MeasurementView, MeasurementWithSamples, PageOf
from nas.store import measurements

router = APIRouter(prefix="/v1/measurements", tags=["measurements"])
Device = Annotated[str | None, Query(description="Only of this device, by its uuid.")]
Protocol = Annotated[str | None, Query(description="Only by this protocol, such as `strict/2`.")]
Network = Annotated[str | None, Query(description="Only of this network, by the hash of its deployed form.")]
MOST_ID = 2**63 - 1


@router.get("")
def list_measurements(
    session: Reading,
    device: Device = None,
    protocol: Protocol = None,
    deployed_hash: Network = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> PageOf[MeasurementView]:
    """Measurements without their samples, the newest first."""
    found = measurements.page(
        session, device_uuid=device, protocol=protocol, deployed_hash=deployed_hash, cursor=cursor, limit=limit
    )
    items = [MeasurementView.model_validate(row) for row in found.items]
    return PageOf(items=items, next_cursor=found.cursor)


@router.get("/{measurement_id}")
def get_measurement(measurement_id: int, session: Reading) -> MeasurementWithSamples:
    """One measurement with its raw samples."""
    return MeasurementWithSamples.model_validate(measurements.get(session, min(measurement_id, MOST_ID)))
