"""The walk over validation images: what a network makes of each, with a lease point before and after every one."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from nas.evaluate.quality.data import ImageSet
from nas.evaluate.quality.data_pairs import Pair
from nas.evaluate.quality.metrics_tiles import Warn, measure, restore, restore_where_it_fits, sentence
from nas.evaluate.quality.precision import Precision
from nas.evaluate.quality.turns import Point, undisturbed


def restored(
    network: nn.Module,
    data: ImageSet,
    device: torch.device,
    *,
    tile: int | None = None,
    warn: Warn = lambda _: None,
    point: Point = undisturbed,
) -> Iterator[tuple[Pair, Tensor]]:
    """Every validation pair and its restoration in true fp32: (3, scale * h, scale * w).

    Args:
        network: In eval mode, on ``device``.
        data: Its validation part is walked through.
        device: Where to compute.
        tile: Side of tiles in LR pixels, to force them.
        warn: Told of tiles.
        point: Called before and after every image, and before every tile.
    """
    tiling = None
    if tile:
        point()
        tiling = measure(network, tile, device, point=point)
        warn(sentence(tiling))
    for pair in data.validation:
        point()
        lr_bchw = pair.lr.to(device).permute(2, 0, 1)[None].float() / 255
        with Precision("fp32", device).applied():
            if tiling is not None:
                image = restore(network, lr_bchw, tiling=tiling, point=point)
            else:
                image = restore_where_it_fits(network, lr_bchw, warn=warn, point=point)
        point()
        yield pair, image[0]
