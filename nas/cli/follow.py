"""Following a search until it ends: its events from the store, shown as one bar."""

import time
from collections.abc import Callable
from typing import Any

from nas.cli.output import Bar, bar
from nas.store import Event, Store, events, searches, trials

POLL_S = 0.3
OVER = frozenset({"done", "failed", "cancelled", "paused"})


def follow(store: Store, search_id: str, *, check: Callable[[], None] = lambda: None) -> str:
    """Show the progress of a search and return the status it ends in.

    Args:
        store: Where it is.
        search_id: Which one.
        check: Called at every look; raises when there is nothing left to wait for.
    """
    seen = 0
    with store.reading() as session:
        total = searches.get(session, search_id).request["trials"]
    with bar(f"Search {search_id}", total=total) as progress:
        while True:
            check()
            with store.reading() as session:
                fresh = events.after(session, search_id, seen)
                counts = trials.counts(session, [search_id])[search_id]
                status = searches.get(session, search_id).status
            for event in fresh:
                seen = event.id
                tell(progress, event)
            progress.to(sum(count for state, count in counts.items() if state != "running"))
            if status in OVER and not fresh:
                return status
            time.sleep(0 if fresh else POLL_S)


def tell(progress: Bar, event: Event) -> None:
    """Put an event into the words beside the bar."""
    words = sentence(event.kind, event.payload)
    if words:
        progress.note(words)


def sentence(kind: str, payload: dict[str, Any]) -> str:
    """What an event says, in a few words; empty where it says nothing new."""
    if kind == "progress":
        speed = payload.get("patches_per_second")
        rate = f", {speed:.0f} patches/s" if speed else ""
        who = "baseline" if payload.get("number") is None else f"trial {payload['number']}"
        return f"{who}: step {payload['step']} of {payload['steps']}{rate}"
    if kind == "baseline":
        return f"baseline: {figures(payload)}"
    if kind == "trial" and payload["state"] != "running":
        return f"trial {payload['number']} {payload['state']}: {figures(payload['metrics'])}".rstrip(": ")
    return ""


def figures(metrics: dict[str, Any]) -> str:
    """PSNR and latency, as far as known."""
    psnr, latency = metrics.get("psnr_db"), metrics.get("latency_ms")
    parts = [f"{psnr:.2f} dB" if psnr is not None else "", f"{latency:.2f} ms" if latency is not None else ""]
    return ", ".join(part for part in parts if part)
