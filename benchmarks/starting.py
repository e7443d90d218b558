"""PSNR of untrained networks in both forms, beside what enlarging to the nearest pixel and bicubic enlarging give.

All published systems, and random architectures of every ready-made space, on a crop of each photograph that judges.
"""

import argparse
import json
import random
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial

import torch
from torch import Tensor
from torch.nn import functional

from nas.evaluate.quality.data import load
from nas.evaluate.quality.metrics import psnr_db
from nas.language import Architecture, load_architecture, load_space, space_names, system_names
from nas.networks import build, deploy, start

SIDE = 64
"""Of a crop, in LR pixels."""

SLACK_DB = 0.1
"""How far below the nearest pixel a start may be."""

QUICK = ("EFDN", "SPAN", "EMSR", "HannahSR", "VPEG_C", "AiMF_SR")


@lru_cache
def crops(scale: int) -> list[tuple[Tensor, Tensor]]:
    """LR (1, 3, h, w) in [0, 1] and HR (H, W, 3) as bytes, from the middle of each photograph that judges."""
    found = []
    for pair in load("embedded", scale).validation:
        top, left = ((side - SIDE) // 2 for side in pair.lr.shape[:2])
        lr = pair.lr[top : top + SIDE, left : left + SIDE].permute(2, 0, 1)[None].float() / 255
        hr = pair.hr[scale * top : scale * (top + SIDE), scale * left : scale * (left + SIDE)]
        found.append((lr, hr))
    return found


@torch.no_grad()
def judged(enlarge: Callable[[Tensor], Tensor], scale: int) -> float:
    """Mean PSNR in dB of what ``enlarge`` makes of the crops."""
    made = [(enlarge(lr).clamp(0, 1) * 255).round().to(torch.uint8)[0].permute(1, 2, 0) for lr, _ in crops(scale)]
    return statistics.mean(psnr_db(sr, hr) for sr, (_, hr) in zip(made, crops(scale), strict=True))


@lru_cache
def plain(mode: str, scale: int) -> float:
    """PSNR in dB of enlarging without a network."""
    return judged(partial(functional.interpolate, scale_factor=scale, mode=mode), scale)


@dataclass(frozen=True)
class Row:
    """One untrained network."""

    group: str
    name: str
    training_db: float
    deployed_db: float
    nearest_db: float
    sentence: str

    @property
    def carried(self) -> bool:
        """Whether it is at least about as good as the nearest pixel, in both forms."""
        return min(self.training_db, self.deployed_db) > self.nearest_db - SLACK_DB


def measured(group: str, name: str, architecture: Architecture) -> Row:
    network = build(architecture, form="training")
    found = start(network, architecture, 0)
    training, deployed = (judged(form.eval(), architecture.scale) for form in (network, deploy(network)))
    return Row(group, name, training, deployed, plain("nearest", architecture.scale), found.sentence)


def cases(systems: tuple[str, ...], draws: int) -> Iterator[tuple[str, str, Architecture]]:
    for name in systems:
        yield "systems", name, load_architecture(f"system:{name}")
    for name in space_names():
        for seed in range(draws):
            yield name, f"{name}/{seed}", load_space(name).sample(random.Random(seed))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=12, help="architectures of every space")
    parser.add_argument("--quick", action="store_true", help="under a minute: six systems, one draw of every space")
    options = parser.parse_args()
    torch.set_num_threads(1)
    systems = QUICK if options.quick else tuple(system_names())
    rows = []
    print(f"{'':26}{'training':>9}{'deployed':>9}{'nearest':>9}")
    for case in cases(systems, 1 if options.quick else options.draws):
        row = measured(*case)
        rows.append(row)
        figures = f"{row.training_db:9.2f}{row.deployed_db:9.2f}{row.nearest_db:9.2f}"
        print(f"{row.name:26}{figures}  {row.sentence}", flush=True)
    return report(rows)


def report(rows: list[Row]) -> int:
    """Print how many of each group start as enlargers, and the result line."""
    figures: dict[str, object] = {"nearest_db": plain("nearest", 4), "bicubic_db": plain("bicubic", 4)}
    for group in dict.fromkeys(row.group for row in rows):
        own = [row for row in rows if row.group == group]
        carried = sum(row.carried for row in own)
        middle = statistics.median(row.deployed_db for row in own)
        print(f"{group:16} {carried} of {len(own)} are no worse than the nearest pixel; median {middle:.2f} dB")
        figures[group] = {"carried": carried, "of": len(own), "median_db": middle}
    passed = all(row.carried for row in rows if row.group == "systems")
    print("RESULT " + json.dumps({"name": "starting", "device": "cpu", "pass": passed, "figures": figures}))
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
