"""What ``nas measure`` and ``nas predict`` share: how to measure, and beside which baseline."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nas.cli.architectures import SYSTEM, find
from nas.cli.data import located
from nas.cli.options import Device, Edition
from nas.cli.output import say
from nas.errors import DataError, NasError, RequestError

if TYPE_CHECKING:
    from nas.evaluate.latency import LatencyProtocol, Shape
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
DataSet = Annotated[
    str | None,
    typer.Option("--data", metavar="NAME|DIR", help="Measure at the sizes that a search with this data set does."),
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
    data: DataSet = None
    seconds: Seconds = None
    edition: Edition = "ntire2025"
    baseline: BaselineName = None

    def measured_by(self, database: str, scale: int, lease: "LeaseOf | None" = None) -> "LatencyProtocol":
        """The protocol that the options name.

        Args:
            database: URL of the store that knows data sets by name.
            scale: By which photographs of a data set are reduced.
            lease: Of the device, from a caller that holds it; None has the protocol take it.

        Raises:
            RequestError: the device cannot measure so.
            DataError: the folder holds no picture.
        """
        sides = self._sides(database, scale)
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

    def _sides(self, database: str, scale: int) -> list[tuple[int, int]] | None:
        if self.data is None:
            return None if self.images is None else sizes(self.images)
        if self.images is not None:
            raise RequestError("Sizes come from --images or from --data; give one of them.")
        return searched(located(database, self.data), scale, self.device)

    def known_sizes(
        self, protocol: str, database: str, scale: int, names: Sequence[str]
    ) -> Iterator[tuple[str, "Sequence[Shape]"]]:
        """What a protocol would measure on, by the option that says so: none at all, or one of the data sets."""
        from nas.evaluate.latency import PROTOCOLS

        kind = next((one for one in PROTOCOLS if one == protocol), self.protocol)
        plain = Setup(kind, device=self.device)
        yield "", plain.measured_by(database, scale).plan.shapes
        for name in names:
            with suppress(NasError):  # its folder is gone: nothing is known of its sizes
                yield f"--data {name}", replace(plain, data=name).measured_by(database, scale).plan.shapes

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


def searched(data: str, scale: int, device: str) -> list[tuple[int, int]]:
    """Height and width of the images that a search with this data set measures on.

    Raises:
        DataError: there are none.
    """
    from nas.evaluate.latency.device import resolve
    from nas.evaluate.latency.shapes import in_small
    from nas.evaluate.quality.data_sources import reduced_sizes

    return in_small(reduced_sizes(data, scale), resolve(device).type)


def sizes(folder: Path) -> list[tuple[int, int]]:
    """Height and width of every picture in ``folder``.

    Raises:
        DataError: there is none.
    """
    if not folder.is_dir():
        raise DataError(f"There is no folder {str(folder)!r}; give one that holds PNG, JPEG or WebP pictures.")
    from nas.evaluate.quality.photographs import size

    found: list[tuple[int, int]] = []
    for file in sorted(folder.iterdir()):
        sides = size(file)
        if min(sides) > 0:
            found.append(sides)
        else:
            say(f"Left out {file.name}: it is no picture.")
    if not found:
        raise DataError(f"The folder {str(folder)!r} holds no readable picture; give one of PNG, JPEG or WebP files.")
    return found
