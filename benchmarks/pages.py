"""How far do processes that measure at the same time differ, with small pages of memory and with huge ones?

Three processes take turns of about two seconds each, so that whatever the machine does meets all of them: what then
still differs belongs to the processes. See docs/adr/0053-memory-in-huge-pages.md. Runs on a CPU.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from math import log
from statistics import fmean, median
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch

from nas.evaluate.latency import Settings, device_record
from nas.evaluate.latency.heap import huge_pages_mb, keep_freed_memory, with_huge_pages
from nas.evaluate.latency.plan import Plan
from nas.evaluate.latency.shapes import area_quantiles
from nas.evaluate.latency.statistics import paired_ratio
from nas.evaluate.latency.timers import timer_for
from nas.evaluate.latency.warmup import prepare
from nas.language import load_architecture
from nas.networks import build

SYSTEMS = ("EMSR", "SPAN", "Davinci", "ShannonLab", "TSSR")
PROCESSES = 3
MODES = {"small": "0", "huge": "1"}

Rows = list[list[float]]


def network(name: str) -> torch.nn.Module:
    return build(load_architecture(f"system:{name}")).eval()


def take_turns() -> None:
    """A process: one round of all systems for every line it reads; its samples at the end."""
    keep_freed_memory()
    torch.set_num_threads(1)
    plan = Plan("cpu", sizes=None, settings=Settings(), threads=1)
    shapes, timer = area_quantiles(plan.shapes), timer_for(plan.device)
    samples: dict[str, tuple[Rows, Rows]] = {name: ([[] for _ in shapes], [[] for _ in shapes]) for name in SYSTEMS}
    with plan.settings.applied():
        ready = {}
        for name in SYSTEMS:
            ready[name] = prepare(
                network(name), network("EFDN"), settings=plan.settings, shapes=shapes, device=plan.device
            ).rivals
        for rivals in ready.values():
            for image in rivals.images:
                for one in (rivals.candidate, rivals.baseline, rivals.candidate, rivals.baseline):
                    one(image)
        for turn, _ in enumerate(iter(sys.stdin.readline, "end\n")):
            for name, rivals in ready.items():
                for row, image in enumerate(rivals.images):
                    both = [(0, rivals.candidate), (1, rivals.baseline)]
                    for who, one in both if turn % 2 else both[::-1]:
                        samples[name][who][row].append(timer.time(one, image).ms)
            print("done", flush=True)
    weights = [float(shape.count) for shape in shapes]
    ratios = {name: paired_ratio(*rows, weights).value for name, rows in samples.items()}
    baseline = median(ms for _, rows in samples.values() for ms in rows[-1])
    print(json.dumps({"ratios": ratios, "baseline_ms": baseline, "huge_pages_mb": huge_pages_mb()}), flush=True)


def started(mode: str) -> "subprocess.Popen[str]":
    environment = with_huge_pages({**os.environ, "GLIBC_TUNABLES": f"glibc.malloc.hugetlb={MODES[mode]}"})
    return subprocess.Popen(
        [sys.executable, __file__, "--turns"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def say(process: "subprocess.Popen[str]", word: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{word}\n")
    process.stdin.flush()
    return process.stdout.readline()


def in_turns(mode: str, seconds: float) -> list[dict[str, Any]]:
    """What every process found."""
    processes = [started(mode) for _ in range(PROCESSES)]
    try:
        for process in processes:
            say(process, "warm-up")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for process in processes:
                say(process, "turn")
        return [json.loads(say(process, "end")) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def compared(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How far processes differ: range of each ratio, and what is common to all ratios of a process."""
    logs = {name: [log(one["ratios"][name]) for one in found] for name in SYSTEMS}
    middles = {name: fmean(values) for name, values in logs.items()}
    offsets = [fmean(logs[name][process] - middles[name] for name in SYSTEMS) for process in range(len(found))]
    return {
        "median_range": round(median(max(values) - min(values) for values in logs.values()), 5),
        "offsets": [round(offset, 5) for offset in offsets],
        "range_of_offsets": round(max(offsets) - min(offsets), 5),
        "baseline_ms": [round(one["baseline_ms"], 3) for one in found],
        "huge_pages_mb": [one["huge_pages_mb"] for one in found],
        "ratios": {name: [round(one["ratios"][name], 4) for one in found] for name in SYSTEMS},
    }


def main() -> int:
    """Prints what both kinds of pages give and the RESULT line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="about a minute: too short to judge anything")
    parser.add_argument("--turns", action="store_true", help="be one of the processes")
    options = parser.parse_args()
    if options.turns:
        take_turns()
        return 0
    device = device_record("cpu")
    if device.huge_pages not in ("always", "madvise"):
        raise SystemExit(f"This system gives no huge pages ({device.huge_pages}), so there is nothing to compare.")
    load = os.getloadavg()[0]
    found = {mode: compared(in_turns(mode, 6.0 if options.quick else 120.0)) for mode in MODES}
    for mode, one in found.items():
        print(f"{mode:<6} pages: ratios differ by {one['median_range']:.2%} (median range over {PROCESSES} processes),")
        print(f"              all together by {one['range_of_offsets']:.2%}; baseline {one['baseline_ms']} ms")
    figures = {**found, "load_before": load, "load_after": os.getloadavg()[0], "system": device.huge_pages}
    smaller = found["huge"]["range_of_offsets"] < found["small"]["range_of_offsets"]
    figures["ratio"] = round(found["small"]["range_of_offsets"] / max(found["huge"]["range_of_offsets"], 1e-5), 2)
    passed = options.quick or smaller
    print("RESULT", json.dumps({"name": "pages", "device": device.name, "pass": passed, "figures": figures}))
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
