"""``nas score``: the challenge's formula, on your figures and on its own table."""

from dataclasses import asdict
from typing import Annotated

import typer

from nas.cli.options import Json
from nas.cli.output import columns, emit, rows
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

    known = scoring.load_edition(edition)
    baseline_ms = known.baseline.runtime_ms if baseline_runtime_ms is None else baseline_runtime_ms
    found = scoring.score(runtime_ms, params, flops, baseline_ms, edition=known)
    values = [(name, f"{value:.4f}") for name, value in asdict(found).items()]
    emit(asdict(found), as_json=as_json, table=lambda: rows(columns("", "score"), values))
