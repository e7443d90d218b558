"""``nas measure``: latency beside the baseline in the same window."""

from math import ceil
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.architectures import find
from nas.cli.measuring import Setup
from nas.cli.options import Database, Json, options_of
from nas.cli.output import Bar, bar, columns, emit, fixed, rows, say
from nas.errors import MeasurementError

if TYPE_CHECKING:
    from rich.table import Table

    from nas.cli.measured import Bench, Entry, Progress
    from nas.language import Architecture

commands = typer.Typer()
Archs = Annotated[list[str], typer.Argument(metavar="ARCH...", help="Files, system:NAME, or hashes of candidates.")]
CONFIDENCE = 0.95
"""What intervals are worth once a window has rounds enough."""
ENOUGH = 12
"""Rounds that a window should have time for: twice the least that give such an interval."""
Fresh = Annotated[bool, typer.Option("--fresh", help="Measure again what the store knows already.")]


@commands.command("measure")
@options_of(Setup, "setup")
def measure(*, database: Database, archs: Archs, setup: Setup, fresh: Fresh = False, as_json: Json = False) -> None:
    """Measure the latency of networks, each as a ratio to the baseline in the same window.

    What the store holds of the very same key answers at once; every new measurement is kept beside the earlier ones.
    The ratio is the median of samples taken in pairs, so it times the baseline's latency is not exactly the latency.
    """
    wanted = [(text, find(text, database)) for text in archs]
    baseline = setup.beside(database)
    from nas.cli.alone import Alone
    from nas.cli.measured import Bench, described
    from nas.cli.stores import opened

    alone = Alone(setup.device)
    protocol = setup.measured_by(database, baseline.architecture.scale, alone.lease)
    with opened(database) as store:
        entries = every(wanted, Bench(store, protocol, baseline, alone=alone, fresh=fresh))
    documents = described(entries, baseline)
    emit(documents, as_json=as_json, table=lambda: table(documents))
    comment(entries)
    failed = [one for one in entries if one.status == "failed"]
    if failed:
        raise MeasurementError(f"{len(failed)} of {len(entries)} networks could not be measured.")


def every(wanted: "list[tuple[str, Architecture]]", bench: "Bench") -> "list[Entry]":
    """Measure one after the other, with a bar that also moves within a measurement of several processes."""
    entries: list[Entry] = []
    with bar("Measuring", total=len(wanted)) as progress:
        for text, architecture in wanted:
            progress.note(text)
            part = part_of(progress, text, len(entries))
            entries.append(bench.entry(text, architecture, part, progress.held_up))
            progress.to(len(entries))
    return entries


def part_of(progress: Bar, name: str, done: int) -> "Progress":
    """Moves the bar within the network that follows ``done`` others, and counts its processes."""

    def moved(part: int, total: int) -> None:
        progress.to(done + part / total)
        progress.note(f"{name}: {part} of {total} processes done" if total > 1 else name)

    return moved


def comment(entries: "list[Entry]") -> None:
    """Say on stderr why numbers are missing or doubtful, what changed, and what was not measured now."""
    for one in entries:
        if one.reason:
            say(f"{one.name}: {hurried(one) or one.reason}")
        if one.found is not None and one.found.voided and not one.cached:
            say(f"{one.name}: {voided(one.found.voided)} because the baseline drifted meanwhile.")
        if one.change is not None and one.change.drifted:
            say(f"{one.name}: {one.change.text}.")
    cached = sum(one.cached for one in entries)
    if cached:
        say(f"{cached} of {len(entries)} answered from the store; --fresh measures again.")


def voided(windows: int) -> str:
    """How many windows took time and count for nothing."""
    return "1 window was thrown away" if windows == 1 else f"{windows} windows were thrown away"


def hurried(one: "Entry") -> str:
    """How long windows have to be, where the time ended them before they could tell anything; else empty."""
    found = one.found
    if found is None or found.stopped != "time" or (found.confidence or 1.0) >= CONFIDENCE:
        return ""
    round_s = sum(sum(row) / len(row) for rows in found.samples_ms.values() for row in rows) / 1e3
    return (
        f"Too few rounds fitted into the time, since one takes {round_s:.2g} s at these sizes now; "
        f"measure again with --seconds {ceil(ENOUGH * round_s)}, with smaller images, or when the machine is quieter."
    )


def table(documents: list[dict[str, Any]]) -> "Table":
    """The document of ``nas measure --json`` as a table."""
    told = {one.get("confidence") or CONFIDENCE for one in documents if one.get("interval_ms")} or {CONFIDENCE}
    each = len(told) > 1 and min(told) < CONFIDENCE
    sure = percent(*told) if len(told) == 1 else "interval" if each else f"{percent(CONFIDENCE)} or more"
    titles = ("network", "ms", sure, "of baseline", sure, "than baseline", "than the best", "MB", "load", "flags")
    values = (shown(one, each=each) for one in documents)
    return rows(columns(*titles, title=caption(documents)), values)


def percent(confidence: float) -> str:
    """A share as people read it."""
    return f"{100 * confidence:.4g} %"


def caption(documents: list[dict[str, Any]]) -> str | None:
    """Where and how all of it was measured."""
    one = next((one for one in documents if "device" in one), None)
    if one is None:
        return None
    how = one["settings"]
    words = [one["protocol"], how["precision"], how["memory_format"], how["engine"]]
    threads = [f"{one['threads']} thread{'s' * (one['threads'] > 1)}"] if one["device"]["kind"] == "cpu" else []
    return f"On {one['device']['name']}: {', '.join([*words, *threads])}; as a ratio to {one['baseline']['name']}"


def shown(one: dict[str, Any], *, each: bool) -> tuple[str | None, ...]:
    """One measurement as a row, ``each`` interval with what it is worth."""
    sure = f" ({percent(one.get('confidence') or CONFIDENCE)})" if each else ""
    return (
        one["name"],
        fixed(one.get("latency_ms"), 3),
        interval(one.get("interval_ms"), sure),
        fixed(one.get("ratio"), 3),
        interval(one.get("ratio_interval"), sure),
        one["than_baseline"],
        one["than_best"],
        fixed(one.get("memory_mb"), 1),
        fixed(one.get("load"), 1),
        ", ".join(one["flags"]) or "ok",
    )


def interval(bounds: list[float] | None, sure: str) -> str | None:
    """An interval as people read it."""
    return None if bounds is None else f"{bounds[0]:.3f} to {bounds[1]:.3f}{sure}"
