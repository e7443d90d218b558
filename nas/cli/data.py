"""``nas data``: data sets by name."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.options import Database, Json
from nas.cli.output import columns, emit, rows

if TYPE_CHECKING:
    from nas.evaluate.quality.data import ImageSet

commands = typer.Typer(help="Data sets by name; requests over HTTP use names only.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Name of the data set.")]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of PNG, JPEG or WebP photographs.")]


@commands.command("add")
def add(database: Database, name: Name, folder: Folder, as_json: Json = False) -> None:
    """Register a folder of photographs under a name, after reading all of them."""
    from nas.cli.stores import opened
    from nas.evaluate.quality.data import load
    from nas.store import datasets

    datasets.check_name(name)
    images = load(folder)
    with opened(database) as store, store.session() as session:
        datasets.add(session, name, folder.resolve())
    show(name, images, as_json=as_json)


@commands.command("list")
def list_sets(database: Database, as_json: Json = False) -> None:
    """List the registered data sets."""
    from nas.cli.stores import opened
    from nas.store import datasets

    with opened(database) as store, store.reading() as session:
        documents: list[dict[str, Any]] = [
            {"name": datasets.EMBEDDED, "path": None},
            *({"name": row.name, "path": row.path} for row in datasets.registered(session)),
        ]
    values = [(one["name"], one["path"] or "inside installed packages") for one in documents]
    emit(documents, as_json=as_json, table=lambda: rows(columns("name", "folder", left=2), values))


@commands.command("check")
def check(database: Database, name: Name, as_json: Json = False) -> None:
    """Read every photograph of a data set and say what cannot be used."""
    from nas.evaluate.quality.data import load

    show(name, load(located(database, name)), as_json=as_json)


def is_folder(text: str) -> bool:
    """Whether ``--data`` was given a folder and not a name."""
    return "/" in text or Path(text).is_dir()


def located(database: str, name: str) -> str:
    """The folder behind a registered name, or what stands for itself: a folder, and ``embedded``."""
    from nas.cli.stores import opened
    from nas.store import datasets

    if name == datasets.EMBEDDED or is_folder(name):
        return name
    with opened(database) as store, store.reading() as session:
        return datasets.resolve(session, name)


def show(name: str, images: "ImageSet", *, as_json: bool) -> None:
    """Print what a data set holds."""
    from nas.evaluate.quality.metrics import bicubic_psnr_db

    skipped = [{"name": one.name, "reason": one.reason} for one in images.skipped]
    document = {
        "name": name,
        "scale": images.scale,
        "train": [pair.name for pair in images.train],
        "validation": [pair.name for pair in images.validation],
        "skipped": skipped,
        "fingerprint": images.fingerprint,
        "bicubic_psnr_db": bicubic_psnr_db(images),
    }
    facts = [
        ("data set", name),
        ("to train on", len(images.train)),
        ("to judge by", len(images.validation)),
        ("left out", len(skipped)),
        *((one["name"], one["reason"]) for one in skipped),
        ("bicubic", f"{document['bicubic_psnr_db']:.2f} dB"),
    ]
    emit(document, as_json=as_json, table=lambda: rows(columns("", "", left=2), facts))
