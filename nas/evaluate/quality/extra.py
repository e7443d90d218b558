"""Self-distillation: a deeper network on the same backbone teaches, and learns beside, the one that is kept."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from nas.errors import RecipeError
from nas.evaluate.quality.features import ExtraBlocks
from nas.evaluate.quality.losses import weigh
from nas.evaluate.quality.selecting import layers
from nas.evaluate.quality.stage import Stage


class DeeperNetwork(nn.Module):
    """Blocks that follow one layer of a network for as long as a stage lasts.

    Args:
        network: The network; it is left as it is.
        extra: Where the blocks stand, and how many.
        before: The previous stage's, whose blocks at the same place go on.

    Raises:
        RecipeError: there is no such layer, or not exactly one.
    """

    def __init__(self, network: nn.Module, extra: ExtraBlocks, before: "DeeperNetwork | None" = None) -> None:
        super().__init__()
        found = layers(network, [extra.after])
        if len(found) != 1:
            raise RecipeError(f"Extra blocks follow one layer; {extra.after!r} means {', '.join(found)}.")
        self.after = found[0]
        layer = network.get_submodule(self.after)
        known: list[nn.Module] = list(before.blocks) if before is not None and before.after == self.after else []
        new = (copy.deepcopy(layer) for _ in range(extra.blocks - len(known)))
        self.blocks: nn.ModuleList = nn.ModuleList([*known[: extra.blocks], *new])

    @contextmanager
    def on(self, network: nn.Module) -> Iterator[None]:
        """Have the blocks follow their layer while ``network`` runs."""
        hook = network.get_submodule(self.after).register_forward_hook(self._follow)
        try:
            yield
        finally:
            hook.remove()

    def loss(self, network: nn.Module, stage: Stage, lr_bchw: Tensor, sr_bchw: Tensor, hr_bchw: Tensor) -> Tensor:
        """What the deeper output adds to the loss: its own distance, and the distance of ``sr_bchw`` from it."""
        assert stage.extra is not None
        with self.on(network):
            deep_bchw = network(lr_bchw)
        return weigh(stage.loss, deep_bchw, hr_bchw) + weigh(stage.extra.distil, sr_bchw, deep_bchw.detach())

    def _follow(self, _: nn.Module, inputs: tuple[Tensor, ...], result: Any) -> Any:
        for block in self.blocks:
            feature = result[0] if isinstance(result, tuple) else result
            if len(inputs) != 1 or feature.shape != inputs[0].shape:
                raise RecipeError(f"Extra blocks cannot follow {self.after!r}: it does not return what it could read.")
            result = block(feature)
        return result
