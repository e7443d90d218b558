"""``python -m workers.main --database URL``: a worker in the foreground, until SIGTERM or Ctrl-C."""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

# Idle OpenMP threads that spin make a busy machine many times slower; it has to be said before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from nas.errors import NasError, StoreError
from nas.store import Store, searches
from workers import cluster
from workers.coordinator import Coordinator, Settings
from workers.jobs import NETWORKS
from workers.service import Service, worker_name

LOG = logging.getLogger(__name__)
LEASE_S = 10.0
IDLE_S = 0.5
TROUBLE_S = 5.0


def work(
    database: str,
    *,
    ray: str | None = None,
    evaluator: str = NETWORKS,
    lease_s: float = LEASE_S,
    scratch: Path | None = None,
    only: str | None = None,
) -> None:
    """Claim searches and exports and carry them out, until SIGTERM or SIGINT; what is in hand is then given back.

    Args:
        database: URL of the store.
        ray: Address of a Ray cluster; None starts one on this machine.
        evaluator: ``module:factory`` of what measures and trains.
        lease_s: How long after this worker's death another one may go on with its search.
        scratch: Folder for checkpoints of trainings in progress; the user's cache folder when None.
        only: Id of the one search to work on; the others are left to other workers.

    Raises:
        StoreError: The store cannot be opened.
    """
    stopping = threading.Event()
    settings = Settings(database, evaluator, lease_s, scratch or scratch_folder())
    with Store(database) as store:
        store.migrate()
        cluster.connect(ray)
        for number in (signal.SIGTERM, signal.SIGINT):  # after Ray, which has answers of its own to them
            signal.signal(number, lambda *_: stopping.set())
        try:
            name = worker_name()
            with Service(store, name):
                LOG.info("worker %s waits for searches in %s", name, store.name)
                coordinator = Coordinator(store, settings, stopping)
                _loop(lambda: _next(store, coordinator, name, only), stopping)
        finally:
            cluster.disconnect()


def _loop(work_on_one: Callable[[], bool], stopping: threading.Event) -> None:
    while not stopping.is_set():
        try:
            stopping.wait(0.0 if work_on_one() else IDLE_S)
        except StoreError as error:
            LOG.warning("%s", error)
            stopping.wait(TROUBLE_S)


def _next(store: Store, coordinator: Coordinator, name: str, only: str | None) -> bool:
    """Work on the next search; return whether there was one."""
    with store.session() as session:
        search = searches.claim(session, name, coordinator.lease_s, only=only)
    if search is not None:
        coordinator.conduct(search)
    return search is not None


def scratch_folder() -> Path:
    """Return where checkpoints of trainings in progress are kept."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "nas" / "checkpoints"


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and work; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m workers.main", description=__doc__)
    parser.add_argument("--database", required=True, help="URL of the store")
    parser.add_argument("--ray", default=None, help="address of a Ray cluster; a local one without it")
    parser.add_argument("--evaluator", default=NETWORKS, help="module:factory of what measures and trains")
    parser.add_argument("--lease-s", type=float, default=LEASE_S, help="seconds until a dead worker's search is free")
    parser.add_argument("--scratch", type=Path, default=None, help="folder for checkpoints")
    parser.add_argument("--search", default=None, help="work on this search only")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        work(
            given.database,
            ray=given.ray,
            evaluator=given.evaluator,
            lease_s=given.lease_s,
            scratch=given.scratch,
            only=given.search,
        )
    except NasError as error:
        sys.stderr.write(f"{error}\n")
        return 2 if error.wrong_request else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
