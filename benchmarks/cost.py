"""Closed-form cost beside building the network and counting with fvcore, in one run.

Prints the ratio of the times, whether both agree as integers, and how many architectures one core costs a second.
Times are the processor's, on one thread: other work on the machine changes them less than those of a clock.
"""

import argparse
import json
import logging
import platform
import random
import statistics
import sys
import time
from typing import Any

import torch
from fvcore.nn import FlopCountAnalysis

from nas.costing import cost
from nas.language import Architecture, load_space, space_names, system_document, system_names
from nas.language.expressions import computed
from nas.networks import build
from nas.ops.base import bound, outcome

REQUIRED_RATIO = 200
REQUIRED_RATE = 5000
ROUTED = {"AiMF_SR", "SCMSR"}
"""Systems whose FLOPs depend on what they see: they have no single figure to equal."""

UNION = "esr"
"""The space whose architectures are costed by the thousand (the largest there is, while this one is not)."""


def seconds(document: dict[str, Any]) -> float:
    """Median time from a document to its cost, with nothing remembered from before."""
    times = []
    for _ in range(7):
        for memory in (outcome, bound, computed):
            memory.cache_clear()
        start = time.process_time()
        cost(Architecture(document))
        times.append(time.process_time() - start)
    return statistics.median(times)


def counted(architecture: Architecture, height: int, width: int) -> tuple[int, int]:
    """Params and FLOPs as fvcore counts them on the deployed network."""
    network = build(architecture).eval()
    with torch.no_grad():
        flops = FlopCountAnalysis(network, torch.rand(1, 3, height, width))
        flops.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        total = int(flops.total())
    return sum(item.numel() for item in network.parameters()), total


def systems(names: list[str]) -> tuple[list[float], list[str]]:
    """Print one line a system; return the ratios and the systems whose counts differ."""
    ratios, different = [], []
    print(f"{'system':24} {'params':>9} {'FLOPs':>15} {'tree ms':>9} {'fvcore ms':>10} {'ratio':>7}  equal")
    for name in names:
        document = system_document(name)["architecture"]
        own = seconds(document)
        found = cost(Architecture(document))
        start = time.process_time()
        params, flops = counted(Architecture(document), 256, 256)
        theirs = time.process_time() - start
        equal = (found.params, found.flops) == (params, flops)
        ratios.append(theirs / own)
        different += [] if equal else [name]
        print(
            f"{name:24} {found.params:9,} {found.flops:15,} {own * 1e3:9.2f} {theirs * 1e3:10.1f} {ratios[-1]:7.0f}"
            f"  {'yes' if equal else f'no: fvcore counts {params:,} and {flops:,}'}{' (routed)' * (name in ROUTED)}"
        )
    return ratios, different


def rate(name: str, count: int) -> float:
    """Random architectures of a space costed in a second of one core."""
    space, rng = load_space(name), random.Random(0)
    drawn = [space.sample(rng) for _ in range(count)]
    start = time.process_time()
    for item in drawn:
        cost(item)
    return count / (time.process_time() - start)


def thorough(name: str, count: int) -> list[str]:
    """Compare random architectures of a space with fvcore at a small size; return the hashes that differ."""
    space, rng, different = load_space(name), random.Random(1), []
    for _ in range(count):
        drawn = space.sample(rng)
        found = cost(drawn, 48, 64)
        if (found.params, found.flops) != counted(drawn, 48, 64):
            different.append(drawn.hash)
    print(f"{name}: {count} random architectures, {len(different)} differ from fvcore")
    return different


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="five systems and 2,000 architectures")
    parser.add_argument(
        "--thorough", action="store_true", help="also 2,000 random architectures a space against fvcore"
    )
    arguments = parser.parse_args()
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    names = ["EFDN", "EMSR", "XiaomiMM", "ShannonLab", "TSSR"] if arguments.quick else system_names()
    ratios, different = systems(names)
    space = UNION if UNION in space_names() else max(space_names(), key=lambda name: load_space(name).size())
    count = 2000 if arguments.quick else 10_000
    per_second = rate(space, count)
    print(f"{count} random architectures of {space}: {per_second:,.0f} a second on one core")
    broken = [item for name in space_names() for item in thorough(name, 2000)] if arguments.thorough else []
    unequal = set(different) - ROUTED
    passed = min(ratios) >= REQUIRED_RATIO and per_second >= REQUIRED_RATE and not (broken or unequal)
    figures = {
        "ratio_min": min(ratios),
        "ratio_median": statistics.median(ratios),
        "systems": len(names),
        "systems_that_differ": different,
        "space": space,
        "costed_per_second": per_second,
        "random_that_differ": broken,
    }
    device = platform.processor() or platform.machine()
    print("RESULT " + json.dumps({"name": "cost", "device": device, "pass": passed, "figures": figures}))
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
