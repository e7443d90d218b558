"""``nas measure``: latency beside the baseline in the same window."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nas.cli.architectures import find
from nas.cli.options import Database, Device, Json
from nas.cli.output import bar, columns, emit, rows, say
from nas.errors import DataError, MeasurementError

if TYPE_CHECKING:
    from nas.evaluate.latency import Screen
    from nas.language import Architecture

commands = typer.Typer()
BASELINE = "system:EFDN"
Archs = Annotated[list[str], typer.Argument(metavar="ARCH...", help="Files, system:NAME, or hashes of candidates.")]
Protocol = Annotated[Literal["screen"], typer.Option("--protocol", help="How to measure.")]
Precision = Annotated[Literal["fp32", "tf32", "fp16", "bf16"], typer.Option("--precision", help="Number format.")]
Images = Annotated[
    Path | None,
    typer.Option("--images", metavar="DIR", help="Measure at the sizes of these low-resolution pictures."),
]


@commands.command("measure")
def measure(
    *,
    database: Database,
    archs: Archs,
    protocol: Protocol = "screen",
    device: Device = "auto",
    precision: Precision = "fp32",
    images: Images = None,
    as_json: Json = False,
) -> None:
    """Measure the latency of networks, each as a ratio to the baseline in the same window."""
    wanted = [(text, find(text, database)) for text in archs]
    from nas.evaluate.latency import Screen, Settings

    sides = None if images is None else sizes(images)
    screen = {"screen": Screen}[protocol](device, sizes=sides, settings=Settings(precision))
    documents: list[dict[str, Any]] = []
    with bar("Measuring", total=len(wanted)) as progress:
        for text, architecture in wanted:
            progress.note(text)
            documents.append({"name": text, **measured(architecture, screen)})
            progress.to(len(documents))
    table = columns("network", "ms", "95 %", "of baseline", "95 %", "MB", "load", "status")
    emit(documents, as_json=as_json, table=lambda: rows(table, (shown(one) for one in documents)))
    failed = [one for one in documents if one["status"] == "failed"]
    if failed:
        raise MeasurementError(f"{failed[0]['name']} could not be measured: {failed[0]['reason']}")


def measured(architecture: "Architecture", screen: "Screen") -> dict[str, Any]:
    """The measurement of one network, with its hashes."""
    from nas import networks
    from nas.language import load_architecture

    baseline = networks.build(load_architecture(BASELINE))
    found = screen.measure(networks.build(architecture), baseline)
    return {"hash": architecture.hash, "deployed_hash": architecture.deployed_hash, **found.to_dict()}


def sizes(folder: Path) -> list[tuple[int, int]]:
    """Height and width of every picture in ``folder``."""
    from PIL import Image, UnidentifiedImageError

    found: list[tuple[int, int]] = []
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        try:
            with Image.open(file) as picture:
                found.append((picture.height, picture.width))
        except (UnidentifiedImageError, IsADirectoryError):
            say(f"Left out {file.name}: it is no picture.")
    if not found:
        raise DataError(f"The folder {str(folder)!r} holds no readable picture; give one of PNG, JPEG or WebP files.")
    return found


def shown(one: dict[str, Any]) -> tuple[str | None, ...]:
    """One measurement as a row."""
    return (
        one["name"],
        number(one["latency_ms"]),
        interval(one["interval_ms"]),
        number(one["ratio"]),
        interval(one["ratio_interval"]),
        number(one["memory_mb"], 1),
        number(one["load"], 1),
        one["status"],
    )


def number(value: float | None, digits: int = 3) -> str | None:
    """A figure to so many digits after the point."""
    return None if value is None else f"{value:.{digits}f}"


def interval(bounds: list[float] | None) -> str | None:
    """An interval as people read it."""
    return None if bounds is None else f"{bounds[0]:.3f} to {bounds[1]:.3f}"
