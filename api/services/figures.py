"""Numbers of what the store holds, and the devices of its workers."""

from collections import defaultdict

from sqlalchemy.orm import Session

from api.schemas import DeviceView, Document
from nas.store import measurements, searches, workers


def searches_by_status(session: Session) -> dict[str, int]:
    """How many searches are in each status."""
    return searches.by_status(session)


def live_workers(session: Session) -> int:
    """How many workers were seen in the last minute."""
    return len(workers.alive(session))


def devices(session: Session) -> list[DeviceView]:
    """The devices of living workers, and those that something was measured on, by uuid."""
    names, records = defaultdict(list), {}
    for worker in workers.alive(session):
        for uuid, record in worker.devices.items():
            names[uuid].append(worker.name)
            records[uuid] = record
    measured = {device.uuid: device for device in measurements.devices(session)}
    records = {uuid: device.record for uuid, device in measured.items()} | records
    return [_device(uuid, names[uuid], records[uuid], measured.get(uuid)) for uuid in sorted(records)]


def _device(uuid: str, names: list[str], record: Document, measured: measurements.Device | None) -> DeviceView:
    return DeviceView(
        uuid=uuid,
        workers=names,
        record=record,
        measurements=measured.counts if measured else {},
        first_measured_at=measured.first_at if measured else None,
        last_measured_at=measured.last_at if measured else None,
    )
