"""Keeps a search claimed while its worker works, and hears what users wish."""

import logging
import threading
from types import TracebackType
from typing import Self

from nas.errors import LeaseLostError, StoreError
from nas.search.records import Stopped
from nas.store import Claim, Store, searches

LOG = logging.getLogger(__name__)
BEATS_PER_LEASE = 5


class Heartbeat:
    """Renews a claim from a thread of its own until the block ends.

    Args:
        store: The store.
        claim: What is claimed.
        lease_s: For how long each beat keeps it.
        stopping: Set when the worker itself shall end.
    """

    def __init__(self, store: Store, claim: Claim, lease_s: float, stopping: threading.Event) -> None:
        self._store, self._claim, self._lease_s, self._stopping = store, claim, lease_s, stopping
        self._over = threading.Event()
        self._wish = ""
        self._lost: LeaseLostError | None = None
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def check(self) -> None:
        """Return at once, or raise what ends the search.

        Raises:
            Stopped: A user, or whoever runs the worker, wants it to stop.
            LeaseLostError: Another worker has the search now.
        """
        if self._lost is not None:
            raise self._lost
        if self._wish:
            raise Stopped(self._wish)
        if self._stopping.is_set():
            raise Stopped("release")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        # Ten wishes a lease at least: whoever cancels should not have to wait for the lease's pace.
        pause_s = min(0.5, self._lease_s / BEATS_PER_LEASE)
        while not self._over.wait(pause_s):
            try:
                with self._store.session() as session:
                    self._wish = searches.renew(session, self._claim, self._lease_s).wish
            except LeaseLostError as error:
                self._lost = error
                return
            except StoreError as error:
                # The lease may outlive a short trouble; if it does not, the next beat or write says so.
                LOG.warning("%s", error)
