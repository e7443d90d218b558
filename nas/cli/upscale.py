"""``nas upscale``: a picture through a network."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli.architectures import Arch, find
from nas.cli.evaluate import Tile
from nas.cli.options import Database, Device, Weights
from nas.cli.output import say
from nas.errors import DataError, RequestError

if TYPE_CHECKING:
    from torch import Tensor

commands = typer.Typer()
Picture = Annotated[Path, typer.Argument(metavar="IMAGE", help="The picture to enlarge.")]
Target = Annotated[Path, typer.Argument(metavar="OUT", help="Where to write the result; the suffix says how.")]


@commands.command("upscale")
def upscale(
    *,
    database: Database,
    arch: Arch,
    weights: Weights,
    image: Picture,
    out: Target,
    tile: Tile = None,
    device: Device = "auto",
) -> None:
    """Enlarge a picture."""
    architecture = find(arch, database)
    from PIL import Image

    from nas import networks
    from nas.evaluate.latency.device import resolve
    from nas.evaluate.quality.metrics import quantise
    from nas.evaluate.quality.metrics_tiles import measure, restore, restore_where_it_fits, sentence

    if out.suffix.lower() not in Image.registered_extensions():
        raise RequestError(f"{str(out)!r} has no suffix of a picture; write OUT.png.")
    target = resolve(device)
    low = picture(image).to(target)
    network = networks.build(architecture, weights=weights).to(target).eval()
    if tile is None:
        high = restore_where_it_fits(network, low, warn=lambda words: say(f"The picture was {words}."))
    else:
        tiling = measure(network, tile, target)
        high = restore(network, low, tiling=tiling)
        say(f"The picture was {sentence(tiling)}.")
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
