"""``/v1/measurements``: every latency that was measured, with its provenance."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import Cursor, Limit, Reading
from api.schemas import MeasurementView, MeasurementWithSamples, PageOf
from api.services import measurements

router = APIRouter(prefix="/v1/measurements", tags=["measurements"])
Key = Annotated[str | None, Query(description="Only of this key: the history of one network in one setup.")]
Device = Annotated[str | None, Query(description="Only of this device, by its uuid.")]
Protocol = Annotated[str | None, Query(description="Only by this protocol, such as `strict/3`.")]
Network = Annotated[str | None, Query(description="Only of this network, by the hash of its deployed form.")]
MOST_ID = 2**63 - 1


@router.get("")
def list_measurements(
    session: Reading,
    key: Key = None,
    device: Device = None,
    protocol: Protocol = None,
    deployed_hash: Network = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> PageOf[MeasurementView]:
    """Measurements without their samples, the newest first, each with what changed since the session before."""
    wanted = {"key": key, "device_uuid": device, "protocol": protocol, "deployed_hash": deployed_hash}
    return measurements.page(session, cursor=cursor, limit=limit, **wanted)


@router.get("/{measurement_id}")
def get_measurement(measurement_id: int, session: Reading) -> MeasurementWithSamples:
    """One measurement with its raw samples, and what changed since the session before."""
    return measurements.get(session, min(measurement_id, MOST_ID))
