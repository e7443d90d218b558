"""What changed of a network's latency from one session to the next, by the rows of the very same key."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, aliased

from nas.store.tables import Measurement
from nas.verdicts import Verdict, verdict


@dataclass(frozen=True)
class Change:
    """How a network's latency differs from that of an earlier session with the very same key."""

    since: datetime
    measurement: int
    """The earlier one, by its id."""
    ratio: float
    """Relative change of the ratio to the baseline; positive when it became slower."""
    latency: float
    """The same of the latency in ms, in which a device that was slower on that day shows too."""
    verdict: Verdict
    """By the intervals of the ratios."""

    @property
    def drifted(self) -> bool:
        """True when the two sessions contradict each other."""
        return self.verdict != "cannot tell"

    @property
    def text(self) -> str:
        """The change in words."""
        day = f"{self.since:%Y-%m-%d}"
        if not self.drifted:
            return f"not to be told from {day} (ratio to the baseline {self.ratio:+.1%}): intervals overlap"
        amount = f"{abs(self.ratio):.1%} {self.verdict}"
        return f"{amount} than on {day} (as a ratio to the baseline): intervals do not overlap"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "since": self.since.isoformat(),
            "measurement": self.measurement,
            "ratio": self.ratio,
            "latency": self.latency,
            "verdict": self.verdict,
            "drifted": self.drifted,
            "text": self.text,
        }


def change(now: Measurement, before: Measurement) -> Change | None:
    """What changed from one sound row to a later one of its key; None when one of them lacks the numbers."""
    if not (now.ratio and before.ratio and now.latency_ms and before.latency_ms):
        return None
    return Change(
        since=before.created_at,
        measurement=before.id,
        ratio=now.ratio / before.ratio - 1.0,
        latency=now.latency_ms / before.latency_ms - 1.0,
        verdict=_verdict(now.record.get("ratio_interval"), before.record.get("ratio_interval")),
    )


def of(session: Session, rows: Iterable[Measurement]) -> dict[int, Change]:
    """What changed to each of these rows from the newest sound one before it, by the row's id.

    The first of a key, and a row that is not sound itself, have none.
    """
    sound = {row.id: row for row in rows if row.status == "ok"}
    numbers = _numbers_before(session, sound)
    query = select(Measurement).where(Measurement.id.in_(set(numbers.values())))
    earlier = {row.id: row for row in session.execute(query).scalars()}
    found = {number: change(sound[number], earlier[before]) for number, before in numbers.items()}
    return {number: one for number, one in found.items() if one is not None}


def _numbers_before(session: Session, numbers: Iterable[int]) -> dict[int, int]:
    before = aliased(Measurement)
    of_the_same = and_(before.key == Measurement.key, before.id < Measurement.id, before.status == "ok")
    query = select(Measurement.id, func.max(before.id)).join(before, of_the_same)
    query = query.where(Measurement.id.in_(list(numbers))).group_by(Measurement.id)
    return {row[0]: row[1] for row in session.execute(query)}


def _verdict(now: list[float] | None, before: list[float] | None) -> Verdict:
    if now is None or before is None:
        return "cannot tell"
    return verdict((now[0], now[1]), (before[0], before[1]))
