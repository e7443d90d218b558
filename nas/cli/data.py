"""``nas data``: data sets by name."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.options import Database, Device, Json
from nas.cli.output import columns, emit, fixed, rows

if TYPE_CHECKING:
    import torch

    from nas.evaluate.quality.data import ImageSet, Pairs

MOST_SKIPPED = 20
KEPT = {
    "device": "on the device ({megabytes:.0f} MB)",
    "pinned": "in the host's memory ({megabytes:.0f} MB); batches reach the device through pinned memory",
    "mapped": "mapped from files in {folder} ({megabytes:.0f} MB)",
}

commands = typer.Typer(help="Data sets by name; requests over HTTP use names only.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Name of the data set.")]
Scale = Annotated[int, typer.Option("--scale", min=2, max=4, help="How much smaller the reductions are.")]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of PNG, JPEG or WebP photographs.")]


@commands.command("add")
def add(*, database: Database, name: Name, folder: Folder, device: Device = "auto", as_json: Json = False) -> None:
    """Register a folder of photographs under a name, after reading all of them."""
    from nas.cli.stores import opened
    from nas.evaluate.latency.device import resolve
    from nas.evaluate.quality.data import load
    from nas.store import datasets

    datasets.check_name(name)
    images = load(folder)
    with opened(database) as store, store.session() as session:
        datasets.add(session, name, folder.resolve())
    show(name, images, resolve(device), as_json=as_json)


@commands.command("list")
def list_sets(database: Database, as_json: Json = False) -> None:
    """List the registered data sets."""
    from nas.cli.stores import opened
    from nas.store import datasets

    with opened(database) as store, store.reading() as session:
        found = [(datasets.EMBEDDED, None), *((row.name, row.path) for row in datasets.registered(session))]
    documents = [{"name": name, "path": path, "files": files(path)} for name, path in found]
    values = [
        (one["name"], one["path"] or "inside installed packages", "missing" if one["files"] is None else one["files"])
        for one in documents
    ]
    emit(documents, as_json=as_json, table=lambda: rows(columns("name", "folder", "files", left=2), values))


def files(path: str | None) -> int | None:
    """How many photographs a folder seems to hold, none of them opened; None where it is gone or holds none."""
    from nas.errors import DataError
    from nas.evaluate.quality import data_sources

    try:
        return len(data_sources.embedded() if path is None else data_sources.folder(Path(path), 4))
    except DataError:
        return None


@commands.command("check")
def check(*, database: Database, name: Name, scale: Scale = 4, device: Device = "auto", as_json: Json = False) -> None:
    """Read every photograph of a data set and say what cannot be used, who judges, and where it would be kept."""
    from nas.evaluate.latency.device import resolve
    from nas.evaluate.quality.data import load

    show(name, load(located(database, name), scale), resolve(device), as_json=as_json)


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


def show(name: str, images: "ImageSet", device: "torch.device", *, as_json: bool) -> None:
    """Print what a data set holds."""
    from nas.evaluate.quality.metrics import bicubic_psnr_db

    document = {
        "name": name,
        "scale": images.scale,
        "train": [pair.name for pair in images.train],
        "validation": [pair.name for pair in images.validation],
        "split": images.split,
        "skipped": [{"name": one.name, "reason": one.reason} for one in images.skipped],
        "sizes": {"train": sizes(images.train), "validation": sizes(images.validation)},
        "bytes": images.bytes,
        "tier": images.tier(device),
        "mapped": None if images.mapped is None else str(images.mapped),
        "fingerprint": images.fingerprint,
        "bicubic_psnr_db": finite(bicubic_psnr_db(images)),
    }
    emit(document, as_json=as_json, table=lambda: rows(columns("", "", left=2), facts(document)))


def finite(value: float) -> float | None:
    """What JSON can say of a figure: the PSNR of an image restored without a fault is null."""
    return value if math.isfinite(value) else None


def sizes(pairs: "Pairs") -> dict[str, Any]:
    """The smallest and the largest photograph of a part, height and width, and the pixels of all."""
    shapes = sorted(([*pair.hr.shape[:2]] for pair in pairs), key=lambda shape: shape[0] * shape[1])
    pixels = sum(height * width for height, width in shapes)
    return {"smallest": shapes[0] if shapes else None, "largest": shapes[-1] if shapes else None, "pixels": pixels}


def facts(document: dict[str, Any]) -> list[tuple[str, str]]:
    """What a data set holds, as rows of words."""
    skipped = document["skipped"]
    return [
        ("data set", document["name"]),
        ("to train on", extent(document["train"], document["sizes"]["train"])),
        ("to judge by", extent(document["validation"], document["sizes"]["validation"])),
        ("split by", {"list": "a list or folders of the data set", "content": "content"}[document["split"]]),
        ("left out", str(len(skipped))),
        *((f"  {one['name']}", one["reason"]) for one in skipped[:MOST_SKIPPED]),
        *([("  ...", f"{len(skipped) - MOST_SKIPPED} more; --json names them all")] * (len(skipped) > MOST_SKIPPED)),
        ("kept", KEPT[document["tier"]].format(megabytes=document["bytes"] / 1e6, folder=document["mapped"])),
        ("fingerprint", document["fingerprint"][:16]),
        ("bicubic", f"{fixed(document['bicubic_psnr_db']) or '–'} dB"),
    ]


def extent(names: list[str], found: dict[str, Any]) -> str:
    """How many photographs, and how large."""
    if not names:
        return "0"
    smallest, largest = (f"{width}x{height}" for height, width in (found["smallest"], found["largest"]))
    return f"{len(names)}, {smallest} to {largest}, {found['pixels'] / 1e6:.1f} megapixels"
