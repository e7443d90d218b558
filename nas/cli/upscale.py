"""``nas upscale``: a picture through a network."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli.architectures import Arch, find
from nas.cli.options import Database, Device, Weights
from nas.cli.output import say
from nas.errors import DataError, RequestError

if TYPE_CHECKING:
    from torch import Tensor

commands = typer.Typer()
Picture = Annotated[Path, typer.Argument(metavar="IMAGE", help="The picture to enlarge.")]
Target = Annotated[Path, typer.Argument(metavar="OUT", help="Where to write the result; the suffix says how.")]
Tile = Annotated[int, typer.Option("--tile", min=16, help="Side of the tiles that a large picture is worked in.")]


@commands.command("upscale")
def upscale(
    *,
    database: Database,
    arch: Arch,
    weights: Weights,
    image: Picture,
    out: Target,
    tile: Tile = 512,
    device: Device = "auto",
) -> None:
    """Enlarge a picture."""
    architecture = find(arch, database)
    from PIL import Image

    from nas import networks
    from nas.evaluate.latency.device import resolve
    from nas.evaluate.quality.metrics import quantise
    from nas.export.running import enlarge

    if out.suffix.lower() not in Image.registered_extensions():
        raise RequestError(f"{str(out)!r} has no suffix of a picture; write OUT.png.")
    low = picture(image)
    network = networks.build(architecture, weights=weights).to(resolve(device))
    high = enlarge(network, low, architecture.scale, tile=tile)
    Image.fromarray(quantise(high[0]).numpy()).save(out)
    say(f"{out}: {high.shape[3]} x {high.shape[2]} pixels.")


def picture(path: Path) -> "Tensor":
    """Read a picture as (1, 3, H, W) in [0, 1].

    Raises:
        DataError: it is not there, or is no picture.
    """
    import torch

    from nas.evaluate.quality.photographs import read

    try:
        pixels = read(path)
    except (OSError, ValueError, SyntaxError) as error:
        what = "does not exist" if not path.exists() else f"cannot be read ({type(error).__name__})"
        raise DataError(f"The picture {str(path)!r} {what}; give a PNG, JPEG or WebP file.") from error
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
