"""What the quality tests share: a small network and short recipes."""

import torch
from torch import Tensor, nn

from nas.evaluate.quality.recipes import Recipe, load_recipe


class SmallNetwork(nn.Module):
    """Learns what nearest upsampling leaves out; has buffers as well as parameters."""

    def __init__(self, width: int = 8, scale: int = 4) -> None:
        super().__init__()
        self.scale = scale
        self.head = nn.Conv2d(3, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.tail = nn.Conv2d(width, 3 * scale**2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        detail = self.tail(torch.relu(self.norm(self.head(x))))
        base = nn.functional.interpolate(x, scale_factor=self.scale)
        return base + 0.1 * nn.functional.pixel_shuffle(detail, self.scale)


def small_network(seed: int = 0) -> SmallNetwork:
    torch.manual_seed(seed)
    return SmallNetwork()


def stage(**changes: object) -> dict[str, object]:
    plain: dict[str, object] = {
        "steps": 12,
        "patch": 8,
        "batch": 4,
        "loss": {"l1": 1.0},
        "optimizer": {"kind": "adam", "lr": 2e-3},
        "schedule": {"kind": "constant"},
    }
    return plain | changes


def recipe(*stages: dict[str, object]) -> Recipe:
    chosen = stages or (stage(),)
    steps = sum(int(str(item["steps"])) for item in chosen)
    return load_recipe({"name": "test", "rungs": [steps], "stages": list(chosen)})
