"""``nas evaluate``: PSNR and SSIM of a network beside bicubic, image by image."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.architectures import Arch, find
from nas.cli.data import finite, located
from nas.cli.options import Data, Database, Device, Json, Weights
from nas.cli.output import columns, emit, fixed, rows, say

if TYPE_CHECKING:
    from rich.table import Table

    from nas.evaluate.quality.metrics import Quality

commands = typer.Typer()
Tile = Annotated[
    int | None, typer.Option("--tile", min=48, help="Work in tiles of so many LR pixels; by default only if need be.")
]
All = Annotated[bool, typer.Option("--all", help="Judge by all photographs, also those that are for training.")]


@commands.command("evaluate")
def evaluate(
    *,
    database: Database,
    arch: Arch,
    weights: Weights,
    data: Data = "embedded",
    every: All = False,
    tile: Tile = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """PSNR and SSIM of a trained network as the challenge computes them, beside bicubic."""
    architecture = find(arch, database)
    from nas import networks
    from nas.evaluate.latency.device import resolve
    from nas.evaluate.quality.data import Pairs, load
    from nas.evaluate.quality.metrics import bicubic_quality, evaluate

    target = resolve(device)
    network = networks.build(architecture, weights=weights).to(target)
    images = load(located(database, data), architecture.scale)
    if every:
        images = replace(images, validation=Pairs((*images.validation, *images.train)))
    quality = evaluate(network, images, target, tile=tile, warn=lambda words: say(f"Pictures were {words}."))
    document = {"hash": architecture.hash, "data": images.name, **figures(quality, bicubic_quality(images))}
    emit(document, as_json=as_json, table=lambda: beside_bicubic(document))


def figures(quality: "Quality", bicubic: "Quality") -> dict[str, Any]:
    """Both qualities as a document; the PSNR of an image that is restored without a fault is null."""
    return {
        "psnr_db": finite(quality.psnr_db),
        "ssim": quality.ssim,
        "bicubic_psnr_db": finite(bicubic.psnr_db),
        "bicubic_ssim": bicubic.ssim,
        "per_image": {name: finite(value) for name, value in quality.per_image.items()},
        "ssim_per_image": quality.ssim_per_image,
        "bicubic_per_image": {name: finite(value) for name, value in bicubic.per_image.items()},
        "bicubic_ssim_per_image": bicubic.ssim_per_image,
    }


def beside_bicubic(document: dict[str, Any]) -> "Table":
    """A row for every image, and the means."""
    parts = ("per_image", "bicubic_per_image", "ssim_per_image", "bicubic_ssim_per_image")
    values = [(name, *(document[part][name] for part in parts)) for name in document["per_image"]]
    values.append(("mean", *(document[name] for name in ("psnr_db", "bicubic_psnr_db", "ssim", "bicubic_ssim"))))
    table = columns("image", "PSNR dB", "bicubic", "gain", "SSIM", "bicubic")
    return rows(table, (_row(*value) for value in values))


def _row(name: str, psnr_db: float | None, floor_db: float | None, ssim: float, floor: float) -> tuple[str | None, ...]:
    gain = None if psnr_db is None or floor_db is None else f"{psnr_db - floor_db:+.2f}"
    return name, fixed(psnr_db), fixed(floor_db), gain, fixed(ssim, 4), fixed(floor, 4)
