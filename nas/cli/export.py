"""``nas export``: a network as files that stand by themselves."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nas.cli import architectures, watch
from nas.cli.options import Database, Json
from nas.cli.output import emit
from nas.errors import NotFoundError, RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session
    from torch import Tensor

    from nas.language import Architecture
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
Found = tuple["Architecture", "Path | Mapping[str, Tensor]", dict[str, Any]]
"""A network, its weights and how it was found."""
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
    found = given(database, what, weights) if is_architecture(what) else searched(database, what, trial, weights)
    from nas.export import export_pytorch

    files = {"pytorch": export_pytorch}[file_format](*found[:2], out, found[2])
    document = {"hash": found[0].hash, "format": file_format, "files": [str(file) for file in files]}
    emit(document, as_json=as_json, table=lambda: "\n".join(str(file) for file in files))


def searched(database: str, search: str, trial: str, weights: Path | None) -> Found:
    """A network of a search, its weights unless others are given, and how it was found."""
    from nas.cli.stores import opened
    from workers import exports

    with opened(database) as store, store.reading() as session:
        search_id = watch.find(session, search).id
        chosen = finished(session, search_id, trial)
        own = exports.weights(session, search_id, chosen) if weights is None else weights
        facts = exports.facts(session, search_id, chosen)
    return architectures.stored(chosen, database), own, facts


def given(database: str, what: str, weights: Path | None) -> Found:
    """A network by itself; without given weights, those of its longest training in the store."""
    from nas.cli.stores import opened

    architecture = architectures.find(what, database)
    if weights is not None:
        return architecture, weights, {}
    with opened(database) as store, store.reading() as session:
        return architecture, trained_weights(session, architecture.hash), {}


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


def trained_weights(session: "Session", architecture_hash: str) -> "dict[str, Tensor]":
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
