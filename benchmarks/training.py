"""Patches a second of the trainer, beside the ceiling and beside a plain PyTorch DataLoader, in one run on one device.

The ceiling is the same network, batch and recipe on random tensors that never leave the device: the faster of the
trainer's own step, captured where the device can, and of the shortest loop that can be written. The loader decodes
PNG files and crops them sample by sample in two workers. Windows of all alternate, and the ratios are medians over the
rounds, so that a neighbour's load meets all of them.
"""

import argparse
import json
import math
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

from nas.evaluate.quality.data import ImageSet, load
from nas.evaluate.quality.losses import weigh
from nas.evaluate.quality.recipes import Recipe, Stage, load_recipe
from nas.evaluate.quality.stages import RunningStage
from nas.evaluate.quality.training import Trainer
from nas.language import load_architecture
from nas.networks import build, start

REQUIRED_OF_CEILING = 0.95
REQUIRED_OF_LOADER_ON_GPU = 10.0

Window = Callable[[int], None]
"""Trains for a number of steps and returns when the device has finished."""


class PngCrops(Dataset[tuple[Tensor, Tensor]]):
    """What most training scripts do: open a random pair of files, decode both, cut one crop, flip it."""

    def __init__(self, folder: Path, data: ImageSet, patch: int) -> None:
        self.files = [(folder / f"{pair.name}-lr.png", folder / f"{pair.name}-hr.png") for pair in data.train]
        for pair, files in zip(data.train, self.files, strict=True):
            for image, file in zip((pair.lr, pair.hr), files, strict=True):
                Image.fromarray(image.numpy()).save(file)
        self.scale, self.patch = data.scale, patch

    def __len__(self) -> int:
        return 10**9

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        lr, hr = (np.array(Image.open(file)) for file in random.choice(self.files))
        y, x = (random.randrange(side - self.patch + 1) for side in lr.shape[:2])
        crops = []
        for image, factor in ((lr, 1), (hr, self.scale)):
            side = self.patch * factor
            crop = image[y * factor : y * factor + side, x * factor : x * factor + side]
            crops.append(torch.from_numpy(crop.copy()).permute(2, 0, 1).float() / 255)
        return (crops[0].flip(2), crops[1].flip(2)) if random.random() < 0.5 else (crops[0], crops[1])


def plain_training(network: nn.Module, stage: Stage, batches: Iterator[tuple[Tensor, Tensor]]) -> Window:
    """The shortest loop on ``batches`` that does what the stage asks for."""
    device = next(network.parameters()).device
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, fused=True)
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(stage.ema))  # type: ignore[no-untyped-call]

    def window(steps: int) -> None:
        for _ in range(steps):
            lr, hr = (part.to(device, non_blocking=True) for part in next(batches))
            loss = weigh(stage.loss, network(lr), hr)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), stage.grad_clip or math.inf)
            optimizer.step()
            average.update_parameters(network)
        finish(device)

    return window


def bare_stage(network: nn.Module, stage: Stage, scale: int, device: torch.device) -> Window:
    """The recipe's step on one random batch: no photographs, no chunks, no loss read back."""
    running, batches = RunningStage(network, stage), resident(stage, scale, device)

    def window(steps: int) -> None:
        for step in range(steps):
            running.train(*next(batches), step)
        finish(device)

    return window


def resident(stage: Stage, scale: int, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """One random batch, again and again."""
    lr = torch.rand(stage.batch, 3, stage.patch, stage.patch, device=device).contiguous(
        memory_format=torch.channels_last
    )
    hr = torch.rand(stage.batch, 3, scale * stage.patch, scale * stage.patch, device=device)
    while True:
        yield lr, hr


def finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def our_training(network: nn.Module, recipe: Recipe, data: ImageSet, device: torch.device) -> Window:
    trainer = Trainer(network, recipe, data, device=device)

    def window(steps: int) -> None:
        result = trainer.run(trainer.step + steps)
        if result.diverged:
            raise SystemExit("The training diverged, so its speed says nothing.")

    return window


def timed(window: Window, steps: int) -> float:
    began = time.perf_counter()
    window(steps)
    return time.perf_counter() - began


def measure(windows: dict[str, Window], *, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Steps a second of each window in each round."""
    for window in windows.values():
        window(3)
    steps = {name: max(3, int(seconds * 3 / timed(window, 3))) for name, window in windows.items()}
    rates: dict[str, list[float]] = {name: [] for name in windows}
    for _ in range(rounds):
        for name, window in windows.items():
            rates[name].append(steps[name] / timed(window, steps[name]))
    return rates


def long_recipe(name: str) -> tuple[Recipe, Stage]:
    """The first stage of a recipe, without an end that a fast device could reach, at a rate that cannot diverge."""
    stage = load_recipe(name).stages[0].model_dump(mode="json")
    stage |= {"steps": 10**7, "schedule": {"kind": "constant"}, "optimizer": {"kind": "adam", "lr": 1e-4}}
    recipe = load_recipe({"name": "long", "rungs": [10**7], "stages": [stage]})
    return recipe, recipe.stages[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--system", default="EMSR")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--quick", action="store_true", help="under a minute")
    options = parser.parse_args()
    device = torch.device(options.device)
    recipe, stage = long_recipe("demo" if device.type == "cpu" else "proxy")
    data = load("embedded")
    architecture = load_architecture(f"system:{options.system}")

    def network() -> nn.Module:
        built = build(architecture, form="training")
        start(built, architecture, 0)
        return built.to(device).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload, no-any-return]

    with tempfile.TemporaryDirectory() as folder:
        crops = PngCrops(Path(folder), data, stage.patch)
        loader = iter(DataLoader(crops, stage.batch, num_workers=2, pin_memory=device.type == "cuda"))
        rates = measure(
            {
                "trainer": our_training(network(), recipe, data, device),
                "step": bare_stage(network(), stage, data.scale, device),
                "loop": plain_training(network(), stage, resident(stage, data.scale, device)),
                "loader": plain_training(network(), stage, loader),
            },
            rounds=5 if options.quick else 15,
            seconds=1.5 if options.quick else 3.0,
        )
    return report(options.system, device, stage, rates)


def report(system: str, device: torch.device, stage: Stage, rates: dict[str, list[float]]) -> int:
    """Print the table and the result line; the exit status says whether the promise holds."""
    rates["ceiling"] = max(rates["step"], rates["loop"], key=statistics.median)
    of = {name: statistics.median(a / b for a, b in zip(rates["trainer"], rates[name], strict=True)) for name in rates}
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu, {torch.get_num_threads()} threads"
    print(f"{system}, {stage.batch} patches of {stage.patch}x{stage.patch}, on {name}, load {os.getloadavg()[0]:.2f}")
    print(f"{'':10} {'patches/s':>10} {'trainer / it':>13}")
    for key, values in rates.items():
        print(f"{key:10} {statistics.median(values) * stage.batch:10.0f} {of[key]:13.3f}")
    enough = of["ceiling"] >= REQUIRED_OF_CEILING
    if device.type == "cuda":
        enough = enough and of["loader"] >= REQUIRED_OF_LOADER_ON_GPU
    figures = {f"{key}_patches_per_second": statistics.median(rates[key]) * stage.batch for key in rates}
    figures |= {"of_ceiling": of["ceiling"], "of_loader": of["loader"]}
    print("RESULT " + json.dumps({"name": "training", "device": name, "pass": enough, "figures": figures}))
    return 0 if enough else 1


if __name__ == "__main__":
    if "OMP_WAIT_POLICY" not in os.environ:  # read before torch is imported; ``nas`` sets it as well
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | {"OMP_WAIT_POLICY": "passive"})
    sys.exit(main())
