"""``nas score``: the challenge's formula, on your figures and on its own table."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from nas.cli.options import Edition, Json
from nas.cli.output import columns, emit, fixed, rows, say
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
Psnr = Annotated[float | None, typer.Option("--psnr-db", help="PSNR on the validation set, for the gate.")]
Table1 = Annotated[bool, typer.Option("--table1", help="Recompute every score cell of the report's Table 1.")]


@commands.command("score")
def score(
    *,
    runtime_ms: Runtime = None,
    params: Params = None,
    flops: Flops = None,
    baseline_runtime_ms: Baseline = None,
    psnr_db: Psnr = None,
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

    rules = scoring.load_edition(edition)
    own = scoring.score(runtime_ms, params, flops, baseline_runtime_ms, rules)
    found = scoring.standing(own, psnr_db, rules)
    document = {**asdict(own), "edition": rules.name, "psnr_db": psnr_db, **asdict(found)}
    emit(document, as_json=as_json, table=lambda: rows(columns("", "", left=2), facts(document)))


def facts(document: dict[str, Any]) -> list[tuple[str, str]]:
    """The scores, the gate and the would-be rank, as rows of words."""
    rank, of, eligible = document["would_be_rank"], document["of"], document["eligible"]
    verdict = {None: "; give --psnr-db to see whether it is reached", True: ", reached", False: ", missed"}[eligible]
    place = "none" if rank is None else f"{rank} of {of}, had it run on the organisers' device"
    return [
        *((part, f"{document[part]:.4g}") for part in ("final", "runtime", "params", "flops")),
        ("gate", f"{document['gate_psnr_db']:.2f} dB on the validation set{verdict}"),
        (f"rank in {document['edition']}", place),
        *([("why not", document["why"])] if document["why"] else []),
    ]


def show_table(edition: str, *, as_json: bool) -> None:
    """Print every score cell of an edition, recomputed, beside the printed one."""
    from nas import scoring

    document = scoring.table1(edition)
    parts = ("runtime", "params", "flops", "final")
    table = columns("system", *(f"{part}  printed" for part in parts), "rank  printed")
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
        for row in document["rows"]:
            if "why" in row:
                say(f"{row['team']} is not ranked. {row['why']}")


def pair(found: float | None, printed: float | None) -> str | None:
    """A recomputed cell beside the printed one."""
    return None if found is None and printed is None else f"{shown(found)}  {shown(printed)}"


def shown(value: float | None) -> str:
    """A cell, or a dash where there is none."""
    return str(value) if isinstance(value, int) else fixed(value) or "–"
