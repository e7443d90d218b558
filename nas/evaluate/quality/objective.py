"""What a stage minimises: the loss of a batch, with all that its teachers and its deeper network add."""

from collections.abc import Mapping
from contextlib import nullcontext

from torch import Tensor, nn

from nas.evaluate.quality.distilling import Distiller, Taps
from nas.evaluate.quality.extra import DeeperNetwork
from nas.evaluate.quality.losses import weigh
from nas.evaluate.quality.stage import Stage


class Objective:
    """The loss of a stage as a function of a batch.

    Args:
        network: What is trained.
        stage: Its stage.
        teachers: Networks by the names that the stage uses.
        deeper: The network with extra blocks, where the stage has some.

    Raises:
        RecipeError: a layer that the stage names is not there.
    """

    def __init__(
        self, network: nn.Module, stage: Stage, teachers: Mapping[str, nn.Module], deeper: DeeperNetwork | None
    ) -> None:
        self._network, self._stage, self._deeper = network, stage, deeper
        self._distillers = [Distiller(item, network, teachers[item.teacher]) for item in stage.distil]
        names = dict.fromkeys(own for distiller in self._distillers for own, _ in distiller.pairs)
        self._taps = Taps(network, list(names)) if names else None

    def __call__(self, lr_bchw: Tensor, hr_bchw: Tensor) -> Tensor:
        """The loss of one batch, a scalar on the device."""
        with self._taps.open() if self._taps is not None else nullcontext():
            sr_bchw = self._network(lr_bchw)
            loss = weigh(self._stage.loss, sr_bchw, hr_bchw)
            features = dict(self._taps.seen) if self._taps is not None else {}
        for distiller in self._distillers:
            loss = loss + distiller(lr_bchw, sr_bchw, features)
        if self._deeper is not None:
            loss = loss + self._deeper.loss(self._network, self._stage, lr_bchw, sr_bchw, hr_bchw)
        return loss
