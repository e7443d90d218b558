"""``nas score``: the challenge's formula, on your figures and on its own table."""

from dataclasses import asdict
from typing import Annotated

import typer

from nas.cli.options import Json
from nas.cli.output import columns, emit, rows, say
from nas.errors import RequestError

commands = typer.Typer()
Runtime = Annotated[float | None, typer.Option("--runtime-ms", help="Mean runtime of one image.")]
Params = Annotated[int | None, typer.Option("--params", help="Parameters of the deployed form.")]
Flops = Annotated[int | None, typer.Option("--flops", help="Multiply-accumulates of one 3x256x256 image.")]
Baseline = Annotated[
    float | None,
    typer.Option(
        "--baseline-runtime-ms", help="Runtime of the baseline on the same device; the published one without it."
    ),
]
Edition = Annotated[str, typer.Option("--edition", help="The challenge whose baseline and weights count.")]
Table1 = Annotated[bool, typer.Option("--table1", help="Recompute every score cell of the report's Table 1.")]


@commands.command("score")
def score(
    *,
    runtime_ms: Runtime = None,
    params: Params = None,
    flops: Flops = None,
    baseline_runtime_ms: Baseline = None,
    edition: Edition = "ntire2025",
    table1: Table1 = False,
    as_json: Json = False,
) -> None:
    """Score a network: exp(2 x / x of the baseline) for runtime, parameters and FLOPs, weighted; lower is better."""
    if table1:
        show_table(edition, as_json=as_json)
        return
    if runtime_ms is None or params is None or flops is None:
        raise RequestError("nas score needs --runtime-ms, --params and --flops, or --table1.")
    from nas import scoring

    found = asdict(scoring.score(runtime_ms, params, flops, baseline_runtime_ms, edition))
    values = [(name, f"{value:.4g}") for name, value in found.items()]
    emit(found, as_json=as_json, table=lambda: rows(columns("", ""), values))


def show_table(edition: str, *, as_json: bool) -> None:
    """Print every score cell of an edition, recomputed, beside the printed one."""
    from nas import scoring

    document = scoring.table1(edition)
    parts = ("runtime", "params", "flops", "final")
    table = columns("system", *(f"{part}, printed" for part in parts), "rank, printed")
    values = (
        (
            row["team"],
            *(pair(row[f"score_{part}"], row.get(f"printed_score_{part}")) for part in parts),
            pair(row.get("rank_final"), row.get("printed_rank_final")),
        )
        for row in document["rows"]
    )
    summary = f"{document['equal']} of {document['cells']} score cells come out as printed."
    emit(document, as_json=as_json, table=lambda: rows(table, values))
    if not as_json:
        say(summary)


def pair(found: float | None, printed: float | None) -> str | None:
    """A recomputed cell beside the printed one."""
    return None if found is None and printed is None else f"{shown(found)}  {shown(printed)}"


def shown(value: float | None) -> str:
    """A cell, or a dash where there is none."""
    return "–" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)
