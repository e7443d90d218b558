"""Networks measured for the command line: answered from the store where it can, kept there, compared."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nas import networks
from nas.cli.alone import Alone, Waiting
from nas.cli.measuring import Reference
from nas.costing import counts
from nas.errors import NasError
from nas.evaluate.latency import LatencyProtocol, Measurement
from nas.evaluate.latency.keeping import columns_of, measurement_of
from nas.language import Architecture
from nas.store import Store, architectures, changes, measurements
from nas.store.changes import Change

if TYPE_CHECKING:
    from nas.store import Measurement as Row

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Entry:
    """One network that was asked for."""

    name: str
    architecture: Architecture
    found: Measurement | None = None
    """None when it could not even be built."""
    reason: str = ""
    """Why it failed or is unstable; empty when it is sound."""
    row: int | None = None
    """Its id in the store."""
    cached: bool = False
    """True when an earlier measurement of the very same key answers."""
    change: Change | None = None
    """From the sound measurement before this one; None when there is none."""

    @property
    def status(self) -> str:
        """ok, unstable or failed."""
        return "failed" if self.found is None else self.found.status

    @property
    def flags(self) -> list[str]:
        """What a reader has to know before the numbers are believed."""
        told = {
            self.status: self.status != "ok",
            "launch-bound": self.found is not None and bool(self.found.launch_bound),
            "cached": self.cached,
            "drifted": self.change is not None and self.change.drifted,
        }
        return [flag for flag, holds in told.items() if holds]

    def verdict(self, other: "Entry | None" = None) -> str:
        """Is it faster or slower than another entry, or than the baseline (None)?"""
        if self.found is None or (other is not None and other.found is None):
            return "cannot tell"
        return self.found.verdict(None if other is None else other.found)


class Bench:
    """Measures by one protocol, and keeps what it finds.

    Args:
        store: Where measurements are kept.
        protocol: How to measure.
        baseline: What ratios are taken to.
        alone: The device, whose lease the protocol takes from here.
        fresh: Measure again what is known.
    """

    def __init__(
        self, store: Store, protocol: LatencyProtocol, baseline: Reference, *, alone: Alone, fresh: bool
    ) -> None:
        self._store, self._protocol, self._fresh = store, protocol, fresh
        self._baseline, self._alone = baseline, alone

    @cached_property
    def _baseline_network(self) -> networks.Network:
        return networks.build(self._baseline.architecture)

    def entry(self, name: str, architecture: Architecture, progress: Progress, waiting: Waiting) -> Entry:
        """The measurement of one network; whatever is wrong with the network is its reason."""
        beside = self._baseline.architecture
        if architecture.scale != beside.scale:
            return Entry(name, architecture, reason=self._baseline.unlike(architecture))
        key = self._protocol.key(architecture.deployed_hash, beside.deployed_hash)
        if known := self._known(key):
            return self._entry(name, architecture, known, cached=True)
        try:
            built = networks.build(architecture), self._baseline_network
        except NasError as error:
            return Entry(name, architecture, reason=str(error))
        with self._alone.held(waiting):
            # Whoever had the device until now may have measured the very same.
            if known := self._known(key):
                return self._entry(name, architecture, known, cached=True)
            try:
                found = self._protocol.measure(*built, progress)
            except NasError as error:
                return Entry(name, architecture, reason=str(error))
            row = self._kept(key, architecture, found)
        return self._entry(name, architecture, row, cached=False)

    def _known(self, key: str) -> "Row | None":
        if self._fresh:
            return None
        with self._store.reading() as session:
            return measurements.newest(session, key)

    def _kept(self, key: str, architecture: Architecture, found: Measurement) -> "Row":
        """Written while the device is held: who waits for it looks into the store next."""
        with self._store.session() as session:
            architectures.put(session, architecture, counts(architecture))
            return measurements.add(
                session,
                key,
                setup=self._protocol.key("", self._baseline.architecture.deployed_hash),
                deployed_hash=architecture.deployed_hash,
                **columns_of(found, self._baseline.to_dict()),
            )

    def _entry(self, name: str, architecture: Architecture, row: "Row", *, cached: bool) -> Entry:
        found = measurement_of(row.record, row.samples)
        with self._store.reading() as session:
            change = changes.of(session, [row]).get(row.id)
        return Entry(name, architecture, found, found.reason, row.id, cached, change)


def best_of(entries: Sequence[Entry]) -> Entry | None:
    """The entry with the smallest ratio among the sound ones, where there is something to compare."""
    sound = [(one.found.ratio, index) for index, one in enumerate(entries) if one.found and one.status == "ok"]
    ranked = sorted((ratio, index) for ratio, index in sound if ratio is not None)
    return entries[ranked[0][1]] if ranked and len(entries) > 1 else None


def described(entries: Sequence[Entry], baseline: Reference) -> list[dict[str, Any]]:
    """Every entry as plain data: the whole record, where it is kept, what changed, and how it compares."""
    best = best_of(entries)
    return [
        {
            "name": one.name,
            "hash": one.architecture.hash,
            "deployed_hash": one.architecture.deployed_hash,
            "measurement": one.row,
            "cached": one.cached,
            "flags": one.flags,
            "baseline": baseline.to_dict(),
            "change": None if one.change is None else one.change.to_dict(),
            "than_baseline": one.verdict(),
            "than_best": None if best is None else "best" if one is best else one.verdict(best),
            "than": {other.name: one.verdict(other) for other in entries if other is not one},
            **_record(one),
        }
        for one in entries
    ]


def _record(one: Entry) -> dict[str, Any]:
    if one.found is None:
        return {"status": "failed", "reason": one.reason}
    return one.found.to_dict()
