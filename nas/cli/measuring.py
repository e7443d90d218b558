"""What ``nas measure`` and ``nas predict`` share: how to measure, and beside which baseline."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nas.cli.architectures import SYSTEM, find
from nas.cli.options import Device, Edition
from nas.cli.output import say
from nas.errors import DataError

if TYPE_CHECKING:
    from nas.evaluate.latency import LatencyProtocol
    from nas.evaluate.latency.plan import LeaseOf
    from nas.language import Architecture

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
Seconds = Annotated[
    float | None,
    typer.Option(
        "--seconds",
        help="When a window ends that is not precise yet; large images need more.",
        show_default="the protocol's",
    ),
]
BaselineName = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        metavar="ARCH",
        help="What ratios are taken to: a file, system:NAME, or a hash.",
        show_default="the edition's",
    ),
]


@dataclass(frozen=True)
class Setup:
    """How to measure and beside what: one option for each field."""

    protocol: Protocol = "screen"
    device: Device = "auto"
    precision: Precision = "fp32"
    memory_format: MemoryFormat = "contiguous"
    engine: Engine = "eager"
    threads: Threads = None
    images: Images = None
    seconds: Seconds = None
    edition: Edition = "ntire2025"
    baseline: BaselineName = None

    def measured_by(self, lease: "LeaseOf | None" = None) -> "LatencyProtocol":
        """The protocol that the options name.

        Args:
            lease: Of the device, from a caller that holds it; None has the protocol take it.

        Raises:
            RequestError: the device cannot measure so.
            DataError: the folder holds no picture.
        """
        sides = None if self.images is None else sizes(self.images)
        from nas.evaluate.latency import Settings, protocol_of

        return protocol_of(
            self.protocol,
            device=self.device,
            settings=Settings(precision=self.precision, memory_format=self.memory_format, engine=self.engine),
            sizes=sides,
            threads=self.threads,
            cap_s=self.seconds,
            lease=lease,
        )

    def beside(self, database: str) -> "Reference":
        """What ratios are taken to: the network that was named, else the baseline of the edition.

        Raises:
            NasError: there is no such edition or network, or it breaks a rule.
        """
        name = self.baseline
        if name is None:
            from nas.scoring import load_edition

            name = SYSTEM + load_edition(self.edition).baseline.system
        return Reference(name.removeprefix(SYSTEM), find(name, database))


@dataclass(frozen=True)
class Reference:
    """The baseline beside which networks are measured."""

    name: str
    architecture: "Architecture"

    def to_dict(self) -> dict[str, str]:
        """Plain values for JSON, and for the record of a measurement."""
        return {
            "name": self.name,
            "hash": self.architecture.hash,
            "deployed_hash": self.architecture.deployed_hash,
        }

    def unlike(self, other: "Architecture") -> str:
        """Why a network cannot be measured beside this one, which enlarges by another factor."""
        return (
            f"It enlarges by {other.scale}, but {self.name}, the baseline, by {self.architecture.scale}; "
            f"name one that enlarges by {other.scale} with --baseline."
        )


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
