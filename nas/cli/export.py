"""``nas export``: a network as files that stand by themselves."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nas.cli import architectures, watch
from nas.cli.options import Database, Json
from nas.cli.output import emit
from nas.errors import NotFoundError, RequestError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nas.store import Quality

commands = typer.Typer()
What = Annotated[
    str, typer.Argument(metavar="SEARCH|ARCH", help="A search, or a network: a file, system:NAME, a candidate's hash.")
]
TrialName = Annotated[str, typer.Option("--trial", help="Of a search: best, or the hash of a finished trial.")]
MaybeWeights = Annotated[
    Path | None,
    typer.Option("--weights", metavar="FILE", help="Weights of the deployed form; those of the search without it."),
]
Format = Annotated[Literal["pytorch"], typer.Option("--format", help="What kind of files.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the files.")]
BEST = "best"


@commands.command("export")
def export(
    *,
    database: Database,
    what: What,
    out: Out,
    trial: TrialName = BEST,
    weights: MaybeWeights = None,
    file_format: Format = "pytorch",
    as_json: Json = False,
) -> None:
    """Write a network as one readable file of PyTorch, its weights and its provenance."""
    from nas.cli.stores import opened

    with opened(database) as store, store.reading() as session:
        if is_architecture(what):
            architecture, facts = architectures.find(what, database), {}
        else:
            search_id = watch.find(session, what).id
            chosen = finished(session, search_id, trial)
            architecture, facts = architectures.stored(chosen, database), found_by(session, search_id, chosen)
        source = weights if weights is not None else trained_weights(session, architecture.hash)
    from nas.export import export_pytorch

    files = {"pytorch": export_pytorch}[file_format](architecture, source, out, facts)
    document = {"hash": architecture.hash, "format": file_format, "files": [str(file) for file in files]}
    emit(document, as_json=as_json, table=lambda: "\n".join(str(file) for file in files))


def is_architecture(text: str) -> bool:
    """Whether ``text`` names a network and not a search."""
    return text.startswith((architectures.HASH, architectures.SYSTEM)) or Path(text).suffix != "" or "/" in text


def finished(session: "Session", search_id: str, trial: str) -> str:
    """The hash of the best network of a search, or of the finished trial whose hash begins so.

    Raises:
        NotFoundError: the search has no such trial.
        RequestError: several of its hashes begin so, or none is finished yet.
    """
    from nas import report
    from nas.store import trials

    if trial == BEST:
        return report.best(session, search_id)
    found = {one.hash for one in trials.every(session, search_id, state="complete") if one.hash.startswith(trial)}
    if not found or not trial:
        raise NotFoundError(f"Search {search_id} has no finished trial {trial!r}. Use best, or a hash of its front.")
    if len(found) > 1:
        raise RequestError(f"Several trials of search {search_id} begin with {trial!r}. Write more of the hash.")
    return found.pop()


def found_by(session: "Session", search_id: str, architecture_hash: str) -> dict[str, Any]:
    """How a network was found and measured, for ``model.json``."""
    from nas import report

    document = report.front(session, search_id)
    points = [point for point in document["points"] if point["hash"] == architecture_hash]
    figures = {name: value for point in points for name, value in point.items() if name not in {"hash", "architecture"}}
    where = {name: document[name] for name in ("search", "device", "protocol", "gate_psnr_db", "baseline")}
    return {**figures, **where}


def trained_weights(session: "Session", architecture_hash: str) -> "dict[str, Any]":
    """The weights of the longest training of a network that the store holds.

    Raises:
        RequestError: it holds none.
    """
    from safetensors.torch import load

    from nas.store import blobs, qualities

    kept: list[Quality] = [one for one in qualities.of_architecture(session, architecture_hash) if one.weights]
    if not kept:
        raise RequestError(f"The store holds no weights of {architecture_hash[:15]}; give them with --weights FILE.")
    return load(blobs.get(session, str(kept[-1].weights)))
