"""``nas front`` and ``nas leaderboard``: what a search found, as a table or a plot."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.options import Database, Json
from nas.cli.output import columns, emit, fixed, rows, say
from nas.cli.watch import SearchId, find
from nas.errors import RequestError

if TYPE_CHECKING:
    from rich.table import Table

commands = typer.Typer()
Plot = Annotated[Path | None, typer.Option("--plot", metavar="FILE", help="Draw it into FILE.html or FILE.png.")]
NOTHING_YET = "No network is on the front yet: none has been measured and trained to the end."
SUFFIXES = (".html", ".png")


@commands.command("front")
def front(database: Database, search: SearchId, plot: Plot = None, as_json: Json = False) -> None:
    """Every network of a search that no other beats in all objectives, with scores and ranks here."""
    if plot is not None and plot.suffix.lower() not in SUFFIXES:
        raise RequestError(f"--plot {str(plot)!r} must end in {' or '.join(SUFFIXES)}.")
    from nas import report
    from nas.cli.stores import opened
    from nas.store import trials

    with opened(database) as store, store.reading() as session:
        search_id = find(session, search).id
        document = report.front(session, search_id)
        tried = [trial.metrics for trial in trials.every(session, search_id)]
    if plot is not None:
        from nas.cli.plot import draw

        draw(document, tried, plot)
        say(f"Drawn into {plot}.")
    emit(document, as_json=as_json, table=lambda: table(document))
    if not document["points"] and not as_json:
        say(NOTHING_YET)


@commands.command("leaderboard")
def leaderboard(database: Database, search: SearchId, as_json: Json = False) -> None:
    """The front among the published systems, all measured on the same device."""
    from nas import report
    from nas.cli.stores import opened

    with opened(database) as store, store.reading() as session:
        document = report.leaderboard(session, find(session, search).id)
    emit(document, as_json=as_json, table=lambda: board(document))


def table(document: dict[str, Any]) -> "Table":
    """The front of ``nas front --json`` as a table."""
    shown = columns("rank here", "network", *FIGURES, "eligible", left=2, title=caption(document))
    return rows(
        shown, ((place(one), one["hash"][:15], *figures(one), yes(one["eligible"])) for one in document["points"])
    )


def board(document: dict[str, Any]) -> "Table":
    """The rows of ``nas leaderboard --json`` as a table."""
    shown = columns("rank here", "network", "", *FIGURES, "eligible", left=3, title=caption(document))
    named = ((one, one["name"] if one["kind"] == "published" else one["hash"][:15]) for one in document["rows"])
    return rows(shown, ((place(one), name, one["kind"], *figures(one), yes(one["eligible"])) for one, name in named))


FIGURES = ("PSNR dB", "ms, paired", "95 %", "of baseline", "parameters", "FLOPs", "score")


def figures(one: dict[str, Any]) -> tuple[str | None, ...]:
    """The figures of one network, in the order of ``FIGURES``."""
    bounds = one.get("latency_paired_interval")
    doubt = ", unstable" if one.get("latency_status") == "unstable" else ""
    return (
        fixed(one.get("psnr_db"), 3),
        fixed(one.get("latency_paired_ms"), 2),
        f"{bounds[0]:.2f} to {bounds[1]:.2f}{doubt}" if bounds else None,
        fixed(one.get("latency_ratio"), 3),
        f"{one['params']:,}" if one.get("params") is not None else None,
        f"{one['flops'] / 1e9:.2f} G" if one.get("flops") is not None else None,
        fixed(one.get("score"), 3),
    )


def caption(document: dict[str, Any]) -> str:
    """Where and against what everything was measured; a paired latency is the ratio times the baseline's."""
    device, gate = document.get("device") or {}, document.get("gate_psnr_db")
    where = f"Measured on {device.get('name', 'no device yet')} by {document.get('protocol') or 'no protocol yet'}"
    return f"{where}; gate {gate:.3f} dB (one paired baseline seed)" if gate is not None else where


def place(one: dict[str, Any]) -> str | None:
    """A rank, always with what it is a rank among."""
    from nas.scoring import Rank

    return None if one.get("rank_here") is None else f"{Rank(one['rank_here'], one['of'])} here"


def yes(value: bool | None) -> str | None:
    """A truth in a word."""
    return None if value is None else "yes" if value else "no"
