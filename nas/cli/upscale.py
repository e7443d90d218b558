"""``nas upscale``: a picture through a network."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli.architectures import Arch, find
from nas.cli.options import Database, Device, Weights
from nas.cli.output import bar, say
from nas.errors import RequestError

if TYPE_CHECKING:
    from torch import Tensor, nn

commands = typer.Typer()
Picture = Annotated[Path, typer.Argument(metavar="IMAGE", help="The picture to enlarge.")]
Target = Annotated[Path, typer.Argument(metavar="OUT", help="Where to write the result; the suffix says how.")]
Tile = Annotated[int, typer.Option("--tile", min=0, help="Side of the tiles to work in, for little memory; 0: whole.")]
MARGIN = 24
"""Pixels around a tile that are computed and cut off, so that seams do not show."""


@commands.command("upscale")
def upscale(
    *,
    database: Database,
    arch: Arch,
    weights: Weights,
    image: Picture,
    out: Target,
    tile: Tile = 0,
    device: Device = "auto",
) -> None:
    """Enlarge a picture."""
    architecture = find(arch, database)
    import torch
    from PIL import Image

    from nas import networks
    from nas.evaluate.latency.device import resolve
    from nas.evaluate.quality.metrics import quantise
    from nas.evaluate.quality.photographs import read

    if out.suffix.lower() not in Image.registered_extensions():
        raise RequestError(f"{str(out)!r} has no suffix of a picture; write OUT.png.")
    target = resolve(device)
    network = networks.build(architecture, weights=weights).to(target)
    low = torch.from_numpy(read(image)).permute(2, 0, 1)[None].float().to(target) / 255
    with torch.inference_mode():
        high = tiled(network, low, tile, architecture.scale) if tile else network(low)
    Image.fromarray(quantise(high[0]).numpy()).save(out)
    say(f"{out}: {high.shape[3]} x {high.shape[2]} pixels.")


def tiled(network: "nn.Module", image: "Tensor", tile: int, scale: int) -> "Tensor":
    """Enlarge tile by tile; each sees ``MARGIN`` pixels more on every side than it keeps.

    Shapes:
        image: (1, 3, H, W)
        returns: (1, 3, scale * H, scale * W)
    """
    height, width = image.shape[-2:]
    result = image.new_empty(1, 3, scale * height, scale * width)
    corners = [(top, left) for top in range(0, height, tile) for left in range(0, width, tile)]
    with bar("Enlarging", total=len(corners)) as progress:
        for done, (top, left) in enumerate(corners, 1):
            bottom, right = min(top + tile, height), min(left + tile, width)
            above, before = min(MARGIN, top), min(MARGIN, left)
            seen = image[..., top - above : bottom + MARGIN, left - before : right + MARGIN]
            kept = network(seen)[..., above * scale :, before * scale :]
            patch = kept[..., : (bottom - top) * scale, : (right - left) * scale]
            result[..., top * scale : bottom * scale, left * scale : right * scale] = patch
            progress.to(done)
    return result
