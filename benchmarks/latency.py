"""Can a latency be repeated, and does the cheap protocol order systems as the careful one does?

Strict: every repeat is one fresh process that measures all systems in a seeded order, each beside the baseline. Screen
and A/A: the resident process. What is done is kept in ``--out`` after every step, so that a second call goes on.
"""

import argparse
import itertools
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import correlation, median
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch

from nas.evaluate.latency import Screen, Settings, StopRule, device_record
from nas.evaluate.latency.child import window
from nas.evaluate.latency.fresh import Job
from nas.evaluate.latency.plan import Plan
from nas.evaluate.latency.shapes import area_quantiles
from nas.evaluate.latency.window import Window
from nas.language import load_architecture
from nas.networks import build
from nas.published import System, systems

MOST_RANK = 11
SHAPES = 12
MOST_SPREAD = {"cpu": 0.02, "cuda": 0.01}
LEAST_CANNOT_TELL = 0.95
BASELINE = "EFDN"

Bounds = tuple[float, float]


def ranked(quick: bool) -> list[System]:
    """The baseline and the best systems that can be built here, the best first."""
    found = [one for one in systems() if one.name == BASELINE or (one.rank or 99) <= MOST_RANK]
    return found[:3] if quick else found


def network(name: str) -> torch.nn.Module:
    return build(load_architecture(f"system:{name}")).eval()


def repeat(seed: int, *, names: Sequence[str], device: str, cap_s: float) -> dict[str, Any]:
    """All systems once, in the order of the seed: ratio and interval of each."""
    plan = Plan(device, sizes=None, settings=Settings(), lease=None)
    shapes = area_quantiles(plan.shapes, SHAPES)
    rule = StopRule(relative_width=0.0025, cap_s=cap_s)
    job = Job("window", str(plan.device), plan.settings, shapes, torch.get_num_threads(), limit_s=600.0, rule=rule)
    found: dict[str, Any] = {}
    with plan.lease(), plan.settings.applied():
        for name in random.Random(seed).sample(names, len(names)):
            seen = Window(**window(job, [network(name), network(BASELINE)])["window"])
            interval = seen.ratio.interval
            found[name] = {
                "ratio": seen.ratio.value,
                "interval": [interval.low, interval.high],
                "latency_ms": seen.latency.value,
                "rounds": seen.rounds,
                "load": os.getloadavg()[0],
            }
    return found


def screened(name: str, device: str, rule: StopRule) -> dict[str, Any]:
    found = Screen(device, rule=rule).measure(network(name), network(BASELINE))
    kept = ("status", "reason", "ratio", "ratio_interval", "latency_ms", "seconds", "load", "launch_bound", "graph_ms")
    return {key: getattr(found, key) for key in kept} | {"verdict": found.verdict()}


def collect(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that is measured; steps that ``--out`` holds already are not done again."""
    done: dict[str, Any] = json.loads(options.out.read_text()) if options.out and options.out.exists() else {}
    names = [one.name for one in ranked(options.quick)]
    steps: dict[str, Any] = {
        f"strict {seed}": lambda seed=seed: in_fresh_process(seed, options) for seed in range(options.repeats)
    }
    rule = StopRule(cap_s=options.screen_s)
    steps |= {f"screen {name}": lambda name=name: screened(name, options.device, rule) for name in names}
    steps |= {f"a/a {n}": lambda: screened(BASELINE, options.device, rule) for n in range(options.trials)}
    for step, work in steps.items():
        if step not in done:
            print(f"{step} (load {os.getloadavg()[0]:.1f})", file=sys.stderr)
            done[step] = work()
            if options.out:
                options.out.write_text(json.dumps(done, indent=1))
    return {step: done[step] for step in steps}


def in_fresh_process(seed: int, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, "--device", options.device, "--seed", str(seed)]
    command += ["--quick"] if options.quick else []
    finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return found


def ranks(values: Sequence[float]) -> list[int]:
    order = sorted(range(len(values)), key=values.__getitem__)
    return [order.index(place) for place in range(len(values))]


def span(intervals: Sequence[Bounds]) -> Bounds:
    return min(low for low, _ in intervals), max(high for _, high in intervals)


def figures(done: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """The claims, in numbers."""
    published = ranked(options.quick)
    repeats = [done[f"strict {seed}"] for seed in range(options.repeats)]
    ratios = {one.name: [run[one.name]["ratio"] for run in repeats] for one in published}
    strict = {one.name: span([run[one.name]["interval"] for run in repeats]) for one in published}
    screen = {one.name: done[f"screen {one.name}"]["ratio"] for one in published}
    disjoint = [(fast, slow) for fast, slow in itertools.permutations(strict, 2) if strict[fast][1] < strict[slow][0]]
    wrong = [pair for pair in disjoint if screen[pair[0]] >= screen[pair[1]]]
    verdicts = [done[f"a/a {n}"]["verdict"] for n in range(options.trials)]
    middles = [median(ratios[one.name]) for one in published]
    runtimes = [one.table["runtime_ms"] for one in published]
    others = {name: values for name, values in ratios.items() if name != BASELINE}
    return {
        "systems": len(published),
        "median_spread": median((max(v) - min(v)) / median(v) for v in others.values()),
        "pairs_apart": len(disjoint),
        "pairs_in_wrong_order": wrong,
        "cannot_tell": verdicts.count("cannot tell") / len(verdicts),
        "rank_correlation_with_table1": correlation(ranks(middles), ranks(runtimes)),
        "screen_seconds": median(done[f"screen {one.name}"]["seconds"] for one in published),
        "ratios": {name: [round(value, 4) for value in values] for name, values in ratios.items()},
        "screen_ratios": screen,
    }


def table(found: dict[str, Any]) -> None:
    """Prints the ratios for people."""
    print(f"{'system':<18}{'screen':>8}  strict, one column for each process")
    for name, values in found["ratios"].items():
        print(f"{name:<18}{found['screen_ratios'][name]:>8.3f}  " + "  ".join(f"{v:.3f}" for v in values))
    for name in ("median_spread", "pairs_apart", "pairs_in_wrong_order", "cannot_tell", "screen_seconds"):
        print(f"{name:>22}  {found[name]}")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quick", action="store_true", help="under a minute: 3 systems, 2 repeats, 3 A/A trials")
    parser.add_argument("--out", type=Path, help="JSON file to keep every step in and to go on from")
    parser.add_argument("--seed", type=int, help="do one strict repeat and print its JSON")
    options = parser.parse_args()
    options.repeats, options.trials = (2, 3) if options.quick else (3, 40)
    options.cap_s, options.screen_s = (1.0, 1.0) if options.quick else (15.0, 2.0)
    return options


def main() -> int:
    """Prints the table and the RESULT line."""
    options = parsed()
    names = [one.name for one in ranked(options.quick)]
    if options.seed is not None:
        print(json.dumps(repeat(options.seed, names=names, device=options.device, cap_s=options.cap_s)))
        return 0
    begin, load = time.monotonic(), os.getloadavg()[0]
    found = figures(collect(options), options)
    device = device_record(options.device)
    table(found)
    found |= {"load_before": load, "load_after": os.getloadavg()[0], "seconds": round(time.monotonic() - begin, 1)}
    kept = MOST_SPREAD[device.kind]
    passed = found["median_spread"] <= kept and not found["pairs_in_wrong_order"]
    passed = passed and found["cannot_tell"] >= LEAST_CANNOT_TELL
    print("RESULT", json.dumps({"name": "latency", "device": device.name, "pass": passed, "figures": found}))
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
