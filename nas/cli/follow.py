"""Following a search until it ends: its events from the store, shown as one bar."""

import time
from collections.abc import Callable
from typing import Any

from nas.cli.output import Bar, bar
from nas.store import Store, events, searches

POLL_S = 0.3
MEASURED = 0.2
"""What measuring a trial is of its work, roughly; the rest is training."""
TURNED_AWAY = frozenset({"infeasible", "duplicate"})
STATUSES = {
    "queued": "waiting for a worker",
    "running": "measuring the baseline",
}
"""What happens before the first trial, by the status that was told last."""
OVER = frozenset({"done", "failed", "cancelled", "paused"})


class Tally:
    """How many trials are done, those in work counted by how far they are."""

    def __init__(self) -> None:
        self._parts: dict[int, float] = {}

    @property
    def done(self) -> float:
        """Trials done."""
        return sum(self._parts.values())

    def take(self, kind: str, payload: dict[str, Any]) -> None:
        """Count an event in."""
        number = payload.get("number")
        if number is None or kind not in {"trial", "progress"}:
            return
        self._parts[number] = max(_part(kind, payload), self._parts.get(number, 0.0))


def _part(kind: str, payload: dict[str, Any]) -> float:
    """How much of a trial is done; one that was turned away before it was measured is not of the budget."""
    if kind == "progress":
        return float(MEASURED + (1 - MEASURED) * payload["step"] / payload["steps"])
    state, metrics = payload["state"], payload["metrics"]
    if state == "running":
        return MEASURED if "latency_ms" in metrics else 0.0
    turned_away = state in TURNED_AWAY and not {"latency_ms", "latency_predicted"} & metrics.keys()
    return 0.0 if turned_away or not metrics else 1.0


def follow(store: Store, search_id: str, *, check: Callable[[], None] = lambda: None) -> str:
    """Show the progress of a search and return the status it ends in.

    Args:
        store: Where it is.
        search_id: Which one.
        check: Called at every look; raises when there is nothing left to wait for.
    """
    seen, tally = 0, Tally()
    with store.reading() as session:
        total = searches.get(session, search_id).request["trials"]
    with bar("Searching", total=total) as progress:
        while True:
            check()
            with store.reading() as session:
                fresh = events.after(session, search_id, seen)
                status = searches.get(session, search_id).status
            for event in fresh:
                seen = event.id
                tell(progress, tally, event.kind, event.payload)
            if status in OVER and not fresh:
                return status
            time.sleep(0 if fresh else POLL_S)


def tell(progress: Bar, tally: Tally, kind: str, payload: dict[str, Any]) -> None:
    """Move the bar by an event, and put what it says beside it."""
    tally.take(kind, payload)
    progress.to(tally.done)
    if words := sentence(kind, payload):
        progress.note(words)


def sentence(kind: str, payload: dict[str, Any]) -> str:
    """What an event says, in a few words; empty where it says nothing new."""
    if kind == "status":
        return STATUSES.get(payload["status"], "")
    if kind == "progress":
        speed = payload.get("patches_per_second")
        rate = f", {speed:.0f} patches/s" if speed else ""
        who = "baseline" if payload.get("number") is None else f"trial {payload['number']}"
        return f"{who}: step {payload['step']} of {payload['steps']}{rate}"
    if kind == "baseline":
        return told_of_baseline(payload)
    if kind == "trial" and payload["state"] != "running":
        return f"trial {payload['number']} {payload['state']}: {figures(payload['metrics'])}".rstrip(": ")
    return ""


def told_of_baseline(payload: dict[str, Any]) -> str:
    """The newest of the baseline and the published systems, which are measured between trials."""
    if systems := payload.get("systems"):
        return f"{systems[-1]['name']}: {figures(systems[-1])}"
    then = "" if "psnr_db" in payload else "; training it by the same recipe"
    return f"baseline: {figures(payload)}{then}"


def figures(metrics: dict[str, Any]) -> str:
    """PSNR and latency, as far as known."""
    psnr, latency = metrics.get("psnr_db"), metrics.get("latency_ms")
    parts = [f"{psnr:.2f} dB" if psnr is not None else "", f"{latency:.2f} ms" if latency is not None else ""]
    return ", ".join(part for part in parts if part)
