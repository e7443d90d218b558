"""Checkpoints with the names and shapes that teams published, and random numbers; and a way to compute with them."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

GOLDEN = Path(__file__).parents[3] / "golden" / "published"
SYSTEMS = sorted(path.stem for path in GOLDEN.glob("*.txt"))
FACTORS = {
    "NJUPCA": ("conv_1.", 1 / 255),
    "Rochester": ("block_7.", 1e5),
    "XiaomiMM": ("block_1.c3_r.", 30),
    "mbga": ("conv_1.", 100),
    "LZ": ("head.", 30),
}
"""Numbers that would drown all else, or be drowned: small features vanish in parameter-free attention."""

RANGE = re.compile(r"\{([\d,-]+)\}")


def wrapper(system: str) -> str | None:
    """What the tensors lie under in the published file."""
    found = re.search(r"wrapper (\w+)", (GOLDEN / f"{system}.txt").read_text())
    assert found is not None
    return None if found[1] == "none" else found[1]


def shapes(system: str) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    """Shape and type of every published tensor."""
    return dict(_lines(system))


def _lines(system: str) -> Iterator[tuple[str, tuple[tuple[int, ...], torch.dtype]]]:
    for line in (GOLDEN / f"{system}.txt").read_text().splitlines()[1:]:
        pattern, shape, *kind = line.split()
        size = () if shape == "scalar" else tuple(map(int, shape.split("x")))
        for indices in product(*(_numbers(text) for text in RANGE.findall(pattern))):
            numbers = iter(indices)
            yield RANGE.sub(lambda _: str(next(numbers)), pattern), (size, torch.int64 if kind else torch.float32)  # noqa: B023


def _numbers(text: str) -> list[int]:
    bounds = [list(map(int, part.split("-"))) for part in text.split(",")]
    return [number for first, *last in bounds for number in range(first, (last or [first])[0] + 1)]


def checkpoint(system: str, seed: int = 0) -> dict[str, Tensor]:
    """A published file's tensors, with random numbers that keep features of a moderate size."""
    draw = torch.Generator().manual_seed(seed)
    begin, factor = FACTORS.get(system, ("-", 1.0))
    numbers = {name: _numbers_of(name, *rest, draw) for name, rest in sorted(shapes(system).items())}
    return {name: tensor * factor if name.startswith(begin) else tensor for name, tensor in numbers.items()}


def _numbers_of(name: str, shape: tuple[int, ...], kind: torch.dtype, draw: torch.Generator) -> Tensor:
    if kind == torch.int64:
        return torch.zeros(shape, dtype=kind)
    noise = torch.randn(shape, generator=draw)
    if name.endswith("running_var"):
        return 1 + noise.abs()
    if name.endswith(("bias", "running_mean", "table")):
        return 0.1 * noise
    if name.endswith("weight") and len(shape) > 1:
        return noise / math.sqrt(math.prod(shape[1:]))
    return 1 + 0.3 * noise


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


class Weights:
    """Published tensors; calling them convolves."""

    def __init__(self, tensors: Mapping[str, Tensor], prefix: str = "") -> None:
        self.tensors, self.prefix = tensors, prefix

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[self.prefix + name]

    def __contains__(self, name: str) -> bool:
        return self.prefix + name in self.tensors

    def at(self, name: str) -> "Weights":
        """The tensors under ``name``."""
        return Weights(self.tensors, f"{self.prefix}{name}.")

    def bias(self, name: str) -> Tensor | None:
        """A bias, where there is one."""
        return self.tensors.get(f"{self.prefix}{name}.bias")

    def __call__(self, name: str, x: Tensor, *, padding: Any = None, **options: Any) -> Tensor:
        """Convolve, by default padded with zeros to the same size; groups follow from the shapes."""
        weight = self[f"{name}.weight"]
        steps = _pair(options.get("dilation", 1))
        same = tuple(step * (side - 1) // 2 for step, side in zip(steps, weight.shape[2:], strict=True))
        groups = x.shape[1] // weight.shape[1]
        return F.conv2d(
            x, weight, self.bias(name), padding=same if padding is None else padding, groups=groups, **options
        )

    def several(self, names: list[str], x: Tensor, activation: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Convolve again and again, each activated."""
        for name in names:
            x = self(name, x)
            x = x if activation is None else activation(x)
        return x

    def linear(self, name: str, x: Tensor) -> Tensor:
        """A linear layer."""
        return F.linear(x, self[f"{name}.weight"], self.bias(name))
