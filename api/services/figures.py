"""Numbers of what the store holds, and the devices of its workers."""

from collections import defaultdict

from sqlalchemy.orm import Session

from api.schemas import DeviceView
from nas.store import searches, workers


def searches_by_status(session: Session) -> dict[str, int]:
    """How many searches are in each status."""
    return searches.by_status(session)


def live_workers(session: Session) -> int:
    """How many workers were seen in the last minute."""
    return len(workers.alive(session))


def devices(session: Session) -> list[DeviceView]:
    """The devices of living workers, by uuid."""
    names, records = defaultdict(list), {}
    for worker in workers.alive(session):
        for uuid, record in worker.devices.items():
            names[uuid].append(worker.name)
            records[uuid] = record
    return [DeviceView(uuid=uuid, workers=names[uuid], record=records[uuid]) for uuid in sorted(records)]
