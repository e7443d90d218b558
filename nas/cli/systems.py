"""``nas systems``: the published systems."""

from dataclasses import asdict
from typing import Annotated

import typer

from nas.cli.options import Json
from nas.cli.output import columns, emit, rows

commands = typer.Typer(help="The published systems of the challenge.", no_args_is_help=True)


@commands.command("list")
def list_systems(as_json: Json = False) -> None:
    """List the systems with their exact costs and the report's row."""
    from nas import published

    documents = [asdict(system) for system in published.systems()]
    values = (
        (
            one["name"],
            one["model"],
            one["rank"] or "baseline",
            f"{one['params']:,}",
            f"{one['flops']:,}",
            one["table"].get("runtime_ms"),
            one["table"].get("score"),
        )
        for one in documents
    )
    table = columns("system", "model", "rank", "parameters", "FLOPs", "ms in the report", "score there", left=2)
    emit(documents, as_json=as_json, table=lambda: rows(table, values))


@commands.command("show")
def show(
    name: Annotated[str, typer.Argument(help="The team's name, spaces as underscores.")], as_json: Json = False
) -> None:
    """Print a system as its document."""
    from importlib import resources

    from nas import published
    from nas.language import system_document

    document = {**asdict(published.system(name)), "architecture": system_document(name)["architecture"]}
    text = (resources.files("search_spaces") / "systems" / f"{name}.yaml").read_text(encoding="utf-8")
    emit(document, as_json=as_json, table=text.rstrip)
