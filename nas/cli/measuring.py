"""What ``nas measure`` and ``nas predict`` share: options, the protocol that they name, and the baseline."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nas.cli.output import say
from nas.errors import DataError

if TYPE_CHECKING:
    from nas.evaluate.latency import LatencyProtocol

BASELINE = "system:EFDN"
Protocol = Annotated[Literal["screen", "strict", "challenge"], typer.Option("--protocol", help="How to measure.")]
Precision = Annotated[Literal["fp32", "tf32", "fp16", "bf16"], typer.Option("--precision", help="Number format.")]
MemoryFormat = Annotated[
    Literal["contiguous", "channels_last"], typer.Option("--memory-format", help="Order of the axes in memory.")
]
Engine = Annotated[
    Literal["eager", "cuda_graph", "compile", "onnxruntime", "tensorrt"],
    typer.Option("--engine", help="What runs the network."),
]
Threads = Annotated[int | None, typer.Option("--threads", help="Of the processor.", show_default="torch's")]
Images = Annotated[
    Path | None,
    typer.Option("--images", metavar="DIR", help="Measure at the sizes of these low-resolution pictures."),
]


def protocol_for(
    protocol: Protocol,
    *,
    device: str,
    precision: Precision,
    memory_format: MemoryFormat,
    engine: Engine,
    threads: Threads,
    images: Images,
) -> "LatencyProtocol":
    """The protocol that the options name.

    Raises:
        RequestError: the device cannot measure so.
        DataError: the folder holds no picture.
    """
    sides = None if images is None else sizes(images)
    from nas.evaluate.latency import Settings, protocol_of

    settings = Settings(precision=precision, memory_format=memory_format, engine=engine)
    return protocol_of(protocol, device=device, settings=settings, sizes=sides, threads=threads)


def sizes(folder: Path) -> list[tuple[int, int]]:
    """Height and width of every picture in ``folder``.

    Raises:
        DataError: there is none.
    """
    from nas.evaluate.quality.photographs import size

    found: list[tuple[int, int]] = []
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        sides = size(file)
        if min(sides) > 0:
            found.append(sides)
        else:
            say(f"Left out {file.name}: it is no picture.")
    if not found:
        raise DataError(f"The folder {str(folder)!r} holds no readable picture; give one of PNG, JPEG or WebP files.")
    return found
