"""Switches of augmentation: which of the eight orientations occur, colours in another order, and mixed neighbours.

Like the crops, all of it follows from (seed, step) alone.
"""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
import torch
from torch import Tensor

from nas.evaluate.quality.batches import draws
from nas.evaluate.quality.features import Augmentation

ORIENTATIONS = {
    (True, True): (0, 1, 2, 3, 4, 5, 6, 7),
    (True, False): (0, 1, 2, 3),
    (False, True): (0, 3, 5, 6),
    (False, False): (0,),
}
"""By (flip, rotate), among those of ``batches``: four flips, then their transposes."""

COLOURS_SEED = 0x436F6C
MIXUP_SEED = 0x4D6978


@dataclass(frozen=True)
class Drawn:
    """What a chunk of steps drew.

    Shapes:
        crops: (steps, B, 4)
        colours: (steps, B, 3), indices of channels, or None
        shares: (steps,), the part of each patch that remains, or None
    """

    crops: Tensor
    colours: Tensor | None
    shares: Tensor | None


class Augmenter:
    """Draws for whole chunks, so that nothing is sent to the device in a step, and changes batches by them."""

    def __init__(self, augmentation: Augmentation, seed: int, device: torch.device) -> None:
        self._wanted, self._seed, self._device = augmentation, seed, device
        self._turns = torch.tensor(ORIENTATIONS[augmentation.flip, augmentation.rotate], device=device)
        self._orders = torch.tensor(list(permutations(range(3))), device=device)

    def drawn(self, crops: Tensor, step: int) -> Drawn:
        """Complete the draws ``crops`` of the steps from ``step`` on."""
        steps, batch = crops.shape[:2]
        if len(self._turns) < 8:
            crops = crops.clone()
            crops[..., 3] = self._turns.to(crops.device)[crops[..., 3] % len(self._turns)]
        colours = shares = None
        if self._wanted.colours:
            orders = draws(self._seed ^ COLOURS_SEED, step, (steps, batch, 1), self._device)[..., 0] % len(self._orders)
            colours = self._orders[orders]
        if self._wanted.mixup:
            shares = torch.tensor([self._share(step + later) for later in range(steps)], device=self._device)
        return Drawn(crops, colours, shares)

    def changed(self, lr_bchw: Tensor, hr_bchw: Tensor, drawn: Drawn, number: int) -> tuple[Tensor, Tensor]:
        """Apply the draws of step ``number`` of the chunk to its batch."""
        if drawn.colours is not None:
            places = torch.arange(len(lr_bchw), device=self._device)[:, None]
            lr_bchw, hr_bchw = (image[places, drawn.colours[number]] for image in (lr_bchw, hr_bchw))
        if drawn.shares is not None:
            share = drawn.shares[number]
            lr_bchw, hr_bchw = (torch.lerp(image.roll(1, 0), image, share) for image in (lr_bchw, hr_bchw))
        return lr_bchw, hr_bchw

    def _share(self, step: int) -> float:
        generator = np.random.default_rng((self._seed, MIXUP_SEED, step))
        return float(generator.beta(self._wanted.mixup, self._wanted.mixup))
