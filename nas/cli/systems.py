"""``nas systems``: the published systems."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from nas.cli.options import Json
from nas.cli.output import columns, emit, fixed, rows, say
from nas.errors import RequestError

commands = typer.Typer(help="The published systems of the challenge.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The team's name, spaces as underscores.")]
Checkpoint = Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="The file as its team published it.")]
Out = Annotated[Path, typer.Option("--out", metavar="FILE.safetensors", help="Where to write the weights.")]


@commands.command("list")
def list_systems(as_json: Json = False) -> None:
    """List the systems with their exact costs and the report's row."""
    from nas import published

    documents = [asdict(system) for system in published.systems()]
    values = (
        (
            one["name"],
            one["model"],
            standing(one),
            f"{one['params']:,}",
            f"{one['flops']:,}",
            fixed(one["table"].get("runtime_ms")),
            fixed(one["table"].get("score")),
        )
        for one in documents
    )
    table = columns("system", "model", "rank", "parameters", "FLOPs", "ms in the report", "score there", left=2)
    emit(documents, as_json=as_json, table=lambda: rows(table, values))


def standing(one: dict[str, Any]) -> str:
    """The rank, or what a system without one is."""
    return str(one["rank"] or (f"baseline of {one['baseline_of']}" if one["baseline_of"] else "unranked"))


@commands.command("show")
def show(name: Name, as_json: Json = False) -> None:
    """Print a system as its document."""
    from importlib import resources

    from nas import published
    from nas.language import system_document

    document = {**asdict(published.system(name)), "architecture": system_document(name)["architecture"]}
    text = (resources.files("search_spaces") / "systems" / f"{name}.yaml").read_text(encoding="utf-8")
    emit(document, as_json=as_json, table=text.rstrip)


@commands.command("import")
def import_published(name: Name, checkpoint: Checkpoint, out: Out) -> None:
    """Turn a team's published checkpoint into weights of its network here."""
    from safetensors.torch import save_file

    from nas.networks.published import import_weights

    if out.suffix != ".safetensors":
        raise RequestError(f"--out {str(out)!r} has to end in .safetensors, which is what is written.")
    if not out.parent.is_dir():
        raise RequestError(f"There is no folder {str(out.parent)!r} to write {out.name!r} to; create it.")
    weights = import_weights(name, checkpoint)
    save_file(weights, out)
    say(f"{out}: {len(weights)} tensors; use them as --weights with system:{name}.")
