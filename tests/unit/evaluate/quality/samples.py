"""What the quality tests share: a small network and short recipes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from nas.evaluate.quality.recipes import Recipe, load_recipe
from nas.evaluate.quality.training import Trainer
from nas.language import Architecture
from nas.networks import Network, build, start


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


def recipe(*stages: dict[str, object], teachers: Sequence[str] = (), **more: object) -> Recipe:
    chosen = stages or (stage(),)
    steps = sum(int(str(item["steps"])) for item in chosen)
    named = {name: {"architecture": "self"} for name in teachers}
    return load_recipe({"name": "test", "rungs": [steps], "stages": list(chosen), "teachers": named, **more})


def taught(lesson: Mapping[str, object]) -> Recipe:
    """Two steps with a teacher named ``big``."""
    return recipe(stage(steps=2, distil=[lesson]), teachers=("big",))


def spabs(conv: object = "conv", activation: str = "silu") -> Architecture:
    """A network of two blocks of eight channels."""
    body = [{"repeat": 2, "block": {"op": "spab", "conv": conv, "activation": activation}}]
    tail = {"op": "pixelshuffle", "kernel": 3}
    return Architecture(
        {"language": 1, "scale": 4, "network": {"width": 8, "head": "conv", "body": body, "tail": tail}}
    )


def started(architecture: Architecture, seed: int = 0) -> Network:
    network = build(architecture, form="training")
    start(network, architecture, seed)
    return network


def weights(trainer: Trainer) -> list[Tensor]:
    """Of what is trained, and of the result so far."""
    return list(trainer.network.state_dict().values()) + list(trainer.trained().state_dict().values())


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


class Book:
    """A lease that keeps book of what is done on the device: an entry for each time that it is held."""

    def __init__(self) -> None:
        self.held = False
        self.holds: list[list[Any]] = []

    @contextmanager
    def shared(self) -> Iterator[None]:
        assert not self.held, "the device is held already"
        self.held = True
        self.holds.append([])
        yield
        self.held = False


class OnlyWhileHeld(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Lets nothing be computed, forwards or backwards, while the device is not held."""

    def __init__(self, book: Book) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.book = book
        self.seen: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert self.book.held, f"{func} runs while the device is not held"
        self.seen.add(str(func))
        return func(*args, **(kwargs or {}))
