"""A search's journal in the store: rows written as results come, each write fenced by the claim."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from nas.search.records import Trial
from nas.search.rows import COLUMNS, from_row, to_row
from nas.store import Claim, Store, architectures, searches, trials
from nas.store.trials import Changes, NewTrial

COST_KEYS = ("params", "flops", "activations", "convs")


class StoreJournal:
    """See ``nas.search.records.Journal``.

    Args:
        store: The store.
        claim: Shown with every write.
        check: Raises when the search has to stop.
    """

    def __init__(self, store: Store, claim: Claim, check: Callable[[], None]) -> None:
        self._store, self._claim = store, claim
        self._written: dict[int, dict[str, Any]] = {}
        self.check = check

    def trials(self) -> Sequence[Trial]:
        """All trials so far; those of a worker that died become this one's."""
        with self._store.session() as session:
            trials.take_over(session, self._claim)
            rows = trials.every(session, self._claim.id)
        found = [from_row({name: getattr(row, name) for name in COLUMNS}) for row in rows]
        self._written = {trial.number: to_row(trial) for trial in found}
        return found

    def add(self, asked: Sequence[Trial]) -> None:
        """Write new trials, and the architectures that were not met before."""
        rows = [to_row(trial) for trial in asked]
        with self._store.session() as session:
            for trial in asked:
                if trial.architecture is not None and trial.state != "duplicate":
                    cost = {name: trial.metrics[name] for name in COST_KEYS}
                    architectures.put(session, trial.architecture, cost)
            trials.add(session, self._claim, [cast(NewTrial, row) for row in rows])
        self._written |= {row["number"]: row for row in rows}

    def update(self, changed: Sequence[Trial]) -> None:
        """Write the columns that changed."""
        rows = [to_row(trial) for trial in changed]
        changes = {row["number"]: self._difference(row) for row in rows}
        changes = {number: change for number, change in changes.items() if change}
        if not changes:
            return
        with self._store.session() as session:
            trials.update_many(session, self._claim, cast(dict[int, Changes], changes))
        self._written |= {row["number"]: row for row in rows}

    def _difference(self, row: dict[str, Any]) -> dict[str, Any]:
        known = self._written[row["number"]]
        change = {name: value for name, value in row.items() if known[name] != value}
        if "sampler" in change:  # The store merges it; what the sampler left there once need not be sent again.
            change["sampler"] = {"told": row["sampler"]["told"]}
        return change

    def baseline(self) -> Mapping[str, Any]:
        """What was measured of the baseline so far."""
        with self._store.reading() as session:
            return dict(searches.get(session, self._claim.id).baseline)

    def set_baseline(self, baseline: Mapping[str, Any], reference: Mapping[str, float]) -> None:
        """Write what was measured of the baseline."""
        with self._store.session() as session:
            searches.set_baseline(session, self._claim, dict(baseline))
            if reference:
                searches.set_reference(session, self._claim, dict(reference))
