"""Can a latency be repeated, and does the cheap protocol order systems as the careful one does?

Strict: every repeat is one fresh process that measures all systems, each beside the baseline, again and again in
seeded orders. Screen and A/A: the resident process that a search uses. Every step is kept in ``--out`` when it is done,
the most important first, so that a second call goes on where the first one stopped. ``--markdown`` prints what a file
holds, for docs/latency.md, and measures nothing.
"""

import argparse
import itertools
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import correlation, median
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch

from nas.evaluate.latency import Challenge, Measurement, Screen, Settings, StopRule, device_record, lease
from nas.evaluate.latency.conditions import conditions_of
from nas.evaluate.latency.heap import huge_pages_mb, keep_freed_memory, with_huge_pages
from nas.evaluate.latency.plan import Plan
from nas.evaluate.latency.report import bounds, of_processes, pooled
from nas.evaluate.latency.shapes import area_quantiles
from nas.evaluate.latency.statistics import Estimate, Interval
from nas.evaluate.latency.timers import timer_for
from nas.evaluate.latency.warmup import prepare, warm_up
from nas.evaluate.latency.window import Window, run_window
from nas.evaluate.quality.files import write_whole
from nas.language import load_architecture
from nas.networks import build
from nas.published import System, systems

FORMAT = 2
"""Of the file of results; rises when a step holds something else."""
MOST_RANK = 11
SHAPES = 6
ROUNDS_A_TURN = 2
LEAST_TURNS = 3
MOST_SPREAD = {"cpu": 0.02, "cuda": 0.01}
STRICT_S = {"cpu": 180.0, "cuda": 45.0}
MOST_SECONDS = {"cpu": 1200.0, "cuda": 600.0}
MOST_SCREEN_S = {"cpu": float("inf"), "cuda": 4.0}
LEAST_CANNOT_TELL = 0.95
BASELINE = "EFDN"
KEPT = (
    "status", "reason", "ratio", "ratio_interval", "latency_ms", "graph_ms", "host_ms", "launch_bound", "noise",
    "drift", "voided", "rounds", "stopped", "cpu_share", "huge_pages_mb", "probe_before_mhz", "probe_after_mhz",
    "seconds", "load", "runs_ratio", "without_first_ms", "unavailable",
)  # fmt: skip

Bounds = tuple[float, float]
Done = dict[str, dict[str, Any]]


def ranked(most_rank: int = MOST_RANK) -> list[System]:
    """The baseline and the best systems that can be built here, the best first."""
    return [one for one in systems() if one.name == BASELINE or (one.rank or 99) <= most_rank]


def network(name: str) -> torch.nn.Module:
    return build(load_architecture(f"system:{name}")).eval()


def repeat(seed: int, names: Sequence[str], options: argparse.Namespace) -> dict[str, Any]:
    """All systems in this process, turn by turn in orders of the seed: ratio and interval of each.

    What a machine does for half a minute meets some turns of every system, and not all turns of one.
    """
    keep_freed_memory()
    plan = Plan(options.device, sizes=None, settings=settings(options), threads=options.threads)
    plan.shapes = area_quantiles(plan.shapes, SHAPES)
    torch.set_num_threads(plan.threads)
    draws, turn = random.Random(seed), StopRule(relative_width=0.0, cap_s=5.0, most_rounds=ROUNDS_A_TURN)
    timer, conditions = timer_for(plan.device), conditions_of(plan.device)
    turns: dict[str, list[Window]] = {name: [] for name in names}
    with plan.lease(), plan.settings.applied():
        ready = {}
        for name in names:
            ready[name] = prepare(
                network(name), network(BASELINE), settings=plan.settings, shapes=plan.shapes, device=plan.device
            )
            warm_up(timer, ready[name])
        end = time.monotonic() + options.strict_s
        while time.monotonic() < end or len(turns[names[0]]) < LEAST_TURNS:
            for name in draws.sample(names, len(names)):
                turns[name].append(run_window(timer, ready[name].rivals, turn, conditions))
    return {name: of_turns(found) | {"huge_pages_mb": huge_pages_mb()} for name, found in turns.items()}


def of_turns(turns: Sequence[Window]) -> dict[str, Any]:
    """The ratio of all turns together, and its interval, which grows when early and late turns differ."""
    drops = [reason for turn in turns for reason in turn.drops]
    if not any(turn.rounds for turn in turns):
        raise SystemExit(f"Nothing could be measured: {drops[-1]}")
    whole = Window(
        turns[0].weights,
        candidate_ms=pooled([turn.candidate_ms for turn in turns]),
        baseline_ms=pooled([turn.baseline_ms for turn in turns]),
        host_ms=pooled([turn.host_ms for turn in turns]),
    )
    return {
        "ratio": whole.ratio.value,
        "interval": list(bounds(whole.ratio)),
        "latency_ms": whole.latency.value,
        "rounds": whole.rounds,
        "drift": whole.drift,
        "drops": drops,
        "load": os.getloadavg()[0],
        "candidate_ms": rounded(whole.candidate_ms),
        "baseline_ms": rounded(whole.baseline_ms),
    }


def rounded(rows: list[list[float]]) -> list[list[float]]:
    return [[round(ms, 4) for ms in row] for row in rows]


def settings(options: argparse.Namespace) -> Settings:
    return Settings("tf32" if options.device.startswith("cuda") else "fp32")


def screened(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """As a search does it; only ``--quick`` stops earlier."""
    rule = StopRule(cap_s=0.5) if options.quick else None
    protocol = Screen(options.device, rule=rule, settings=settings(options), threads=options.threads)
    return kept(protocol.measure(network(name), network(BASELINE)))


def challenged(name: str, options: argparse.Namespace) -> dict[str, Any]:
    protocol = Challenge(options.device, settings=settings(options), threads=options.threads)
    return kept(protocol.measure(network(name), network(BASELINE)))


def kept(found: Measurement) -> dict[str, Any]:
    return {key: getattr(found, key) for key in KEPT} | {"verdict": found.verdict()}


def beside_a_trainer(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """A screen while a trainer on the same device is paused by the lease."""
    command = [sys.executable, __file__, "--device", options.device, "--train"]
    trainer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert trainer.stdout is not None
    try:
        if trainer.stdout.readline().strip() != "trains":
            raise SystemExit("The trainer next door did not start, so nothing was measured beside it.")
        return screened(name, options)
    finally:
        trainer.kill()
        trainer.communicate()


def train(device: str) -> None:
    """Trains the baseline in chunks of 0.2 s under the lease, for ever."""
    plan, rival = Plan(device, sizes=None, settings=None), network(BASELINE).train()
    torch.set_num_threads(1)
    rival, image = rival.to(plan.device), torch.rand(4, 3, 48, 48, device=plan.device)
    optimizer = torch.optim.SGD(rival.parameters(), lr=1e-9)
    uuid = device_record(device).uuid
    for chunk in itertools.count():
        with lease.shared(uuid, settle=torch.cuda.synchronize if plan.device.type == "cuda" else None):
            begin = time.monotonic()
            while time.monotonic() - begin < 0.2:
                optimizer.zero_grad()
                rival(image).square().mean().backward()
                optimizer.step()
        if chunk == 0:
            print("trains", flush=True)


def steps(options: argparse.Namespace) -> dict[str, Callable[[], dict[str, Any]]]:
    """Everything to measure, by name, the most important first."""
    names = [one.name for one in ranked()][: 3 if options.quick else None]
    todo: dict[str, Callable[[], dict[str, Any]]] = {}
    for seed in range(options.repeats):
        todo[f"strict {seed}"] = lambda seed=seed: in_fresh_process(seed, options)  # type: ignore[misc]
    for name in names:
        todo[f"screen {name}"] = lambda name=name: screened(name, options)  # type: ignore[misc]
    for trial in range(options.trials):
        todo[f"a/a {trial}"] = lambda: screened(BASELINE, options)
    return todo


def extras(options: argparse.Namespace) -> dict[str, Callable[[], dict[str, Any]]]:
    """What the page tells beyond the claims: a trainer next door, the challenge's protocol, all other systems."""
    first = next(one.name for one in ranked() if one.rank == 1)
    todo: dict[str, Callable[[], dict[str, Any]]] = {
        f"alone {first}": lambda: screened(first, options),
        f"trainer {first}": lambda: beside_a_trainer(first, options),
        f"challenge {first}": lambda: challenged(first, options),
    }
    for one in ranked(99):
        todo.setdefault(f"screen {one.name}", lambda name=one.name: screened(name, options))  # type: ignore[misc]
    return todo


def collect(options: argparse.Namespace) -> tuple[Done, bool]:
    """What is done, and whether all that the claims need is; steps that ``--out`` holds are not done again."""
    done = kept_before(options)
    core = steps(options)
    todo = core | ({step: work for step, work in extras(options).items() if step not in core} if options.extras else {})
    end = time.monotonic() + options.seconds
    for step, work in todo.items():
        if step in done or time.monotonic() > end:
            continue
        print(f"{step} (load {os.getloadavg()[0]:.1f})", file=sys.stderr)
        begin = time.monotonic()
        done[step] = work()
        done[step]["took_s"] = round(time.monotonic() - begin, 1)
        if options.out:
            keep(options, done)
    return done, all(step in done for step in core)


def kept_before(options: argparse.Namespace) -> Done:
    """The steps that ``--out`` holds; those of another device, command or number of threads are refused."""
    if not (options.out and options.out.exists()):
        return {}
    document, now = results(options.out), heading(options)
    if document["device"]["uuid"] != now["device"]["uuid"] or any(
        document[k] != now[k] for k in ("command", "threads")
    ):
        raise SystemExit(f"{options.out} holds what another device or command found; name another file by --out.")
    done: Done = document["steps"]
    return done


def results(path: Path) -> dict[str, Any]:
    """What a file of results holds."""
    document: dict[str, Any] = json.loads(path.read_text())
    if document.get("format") != FORMAT:
        raise SystemExit(f"{path} was written by another version of this benchmark; measure into a new file.")
    return document


def heading(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "date": time.strftime("%Y-%m-%d"),
        "command": f"python benchmarks/latency.py --device {options.device}" + (" --quick" if options.quick else ""),
        "device": device_record(options.device).to_dict(),
        "threads": options.threads,
    }


def keep(options: argparse.Namespace, done: Done) -> None:
    document = {**heading(options), "steps": done}
    write_whole(options.out, (json.dumps(document, separators=(",", ":")).replace('},"', '},\n"') + "\n").encode())


def in_fresh_process(seed: int, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, "--device", options.device, "--seed", str(seed)]
    command += ["--quick"] if options.quick else []
    command += ["--threads", str(options.threads)] if options.threads else []
    environment = with_huge_pages(os.environ)
    finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    found: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return found


def ranks(values: Sequence[float]) -> list[int]:
    order = sorted(range(len(values)), key=values.__getitem__)
    return [order.index(place) for place in range(len(values))]


def interval(runs: Sequence[dict[str, Any]]) -> Bounds:
    """The interval of a ratio over processes, as the strict protocol states it."""
    bounds = [Interval(low, high, confidence=0.95) for low, high in (run["interval"] for run in runs)]
    return of_processes([Estimate(run["ratio"], each) for run, each in zip(runs, bounds, strict=True)])


def figures(done: Done) -> dict[str, Any]:
    """The claims, in numbers."""
    repeats = [found for step, found in done.items() if step.startswith("strict ")]
    published = [one for one in ranked() if repeats and one.name in repeats[0]]
    ratios = {one.name: [run[one.name]["ratio"] for run in repeats] for one in published}
    strict = {one.name: interval([run[one.name] for run in repeats]) for one in published}
    screens = {one.name: done[f"screen {one.name}"] for one in published if f"screen {one.name}" in done}
    failed = {step: one["reason"] for step, one in done.items() if one.get("status") == "failed"}
    screens = {name: one for name, one in screens.items() if one["status"] != "failed"}
    disjoint = [(fast, slow) for fast, slow in itertools.permutations(screens, 2) if strict[fast][1] < strict[slow][0]]
    wrong = [pair for pair in disjoint if screens[pair[0]]["ratio"] >= screens[pair[1]]["ratio"]]
    itself = [one for step, one in done.items() if step.startswith("a/a ") and one["status"] != "failed"]
    verdicts = [one["verdict"] for one in itself]
    spreads = {name: (max(values) - min(values)) / median(values) for name, values in ratios.items()}
    middles = [median(values) for values in ratios.values()]
    loads = [one["load"] for found in done.values() for one in (found, *found.values()) if has_load(one)]
    widths = [relative_width(one["ratio_interval"], one["ratio"]) for one in itself]
    told = [name for name, (low, high) in strict.items() if name in screens and not low <= 1.0 <= high]
    also = [name for name in told if screens[name]["verdict"] == ("faster" if strict[name][1] < 1.0 else "slower")]
    claimed = [found for step, found in done.items() if step.split()[0] in ("strict", "screen", "a/a")]
    return {
        "systems": len(published),
        "repeats": len(repeats),
        "median_spread": median(spread for name, spread in spreads.items() if name != BASELINE),
        "spreads": {name: round(value, 5) for name, value in spreads.items()},
        "pairs_apart": len(disjoint),
        "pairs_in_wrong_order": wrong,
        "trials": len(verdicts),
        "trials_unstable": sum(one["status"] == "unstable" for one in itself),
        "trials_precise": sum(one["stopped"] == "precise" for one in itself),
        "trials_median_width": median(widths) if widths else None,
        "told_from_baseline_by_strict_and_by_screen": [len(told), len(also)],
        "cannot_tell": verdicts.count("cannot tell") / len(verdicts) if verdicts else None,
        "rank_correlation_with_table1": correlation(ranks(middles), ranks([o.table["runtime_ms"] for o in published])),
        "screen_seconds": median(one["seconds"] for one in screens.values()) if screens else None,
        "screen_seconds_most": max(one["seconds"] for one in screens.values()) if screens else None,
        "failed": failed,
        "seconds_of_all_steps": round(sum(one["took_s"] for one in claimed), 1),
        "load_least_and_most": [min(loads), max(loads)],
        "ratios": {name: [round(value, 4) for value in values] for name, values in ratios.items()},
        "strict_intervals": {name: [round(bound, 4) for bound in bounds] for name, bounds in strict.items()},
        "screen_ratios": {name: one["ratio"] for name, one in screens.items()},
    }


def relative_width(bounds: Bounds, value: float) -> float:
    return (bounds[1] - bounds[0]) / value


def has_load(one: Any) -> bool:
    return isinstance(one, dict) and one.get("load") is not None


def table(found: dict[str, Any]) -> None:
    """Prints the ratios for people."""
    print(f"{'system':<18}{'screen':>8}  strict: interval, then one column for each process")
    for name, values in found["ratios"].items():
        low, high = found["strict_intervals"][name]
        cells = "  ".join(f"{value:.4f}" for value in values)
        print(f"{name:<18}{found['screen_ratios'].get(name, float('nan')):>8.4f}  {low:.4f} to {high:.4f}  {cells}")
    names = ("median_spread", "pairs_apart", "pairs_in_wrong_order", "cannot_tell", "trials_unstable", "screen_seconds")
    for name in names:
        print(f"{name:>28}  {found[name]}")
    print(f"{'rank_correlation_with_table1':>28}  {found['rank_correlation_with_table1']}")


def markdown(document: dict[str, Any]) -> None:
    """Prints what a file of results says, question by question."""
    done: Done = document["steps"]
    found = figures(done)
    device, screens = document["device"], {s[7:]: one for s, one in done.items() if s.startswith("screen ")}
    print(f"Measured on {document['date']} on {device['name']} ({device['cores']} cores or multiprocessors, threads:")
    print(f"{document['threads'] or 'as torch chooses'}, torch {device['torch']}) with `{document['command']}`.\n")
    print("| system | strict: ratio to the baseline, 95 % | spread over processes | screen |\n|---|---|---|---|")
    for name, values in found["ratios"].items():
        low, high = found["strict_intervals"][name]
        spread = found["spreads"][name]
        print(f"| {name} | {median(values):.4f} ({low:.4f} to {high:.4f}) | {spread:.2%} |", end="")
        print(f" {found['screen_ratios'].get(name, float('nan')):.4f} |")
    print(f"\nMedian spread {found['median_spread']:.2%}; {found['pairs_apart']} pairs with disjoint intervals,")
    print(f"{len(found['pairs_in_wrong_order'])} of them in another order in the screen; the baseline against itself:")
    print(f'"cannot tell" in {found["cannot_tell"] or 0:.0%} of {found["trials"]} trials; one screen takes')
    print(f"{found['screen_seconds'] or 0:.1f} s; load {found['load_least_and_most']}; rank correlation with")
    print(f"Table 1's runtimes {found['rank_correlation_with_table1']:.2f}.\n")
    told, also = found["told_from_baseline_by_strict_and_by_screen"]
    print(
        f"Of {found['trials']} trials {found['trials_precise']} ended precise and {found['trials_unstable']} unstable;"
    )
    print(f"their intervals are {found['trials_median_width'] or 0:.1%} wide in the median. The screen tells {also} of")
    print(f"the {told} systems from the baseline that strict tells from it. All steps took")
    print(f"{found['seconds_of_all_steps']} s.")
    graphs = {name: one for name, one in screens.items() if one["graph_ms"]}
    if graphs:
        print("\n| system | eager ms | CUDA graph ms | host ms | launch-bound |\n|---|---|---|---|---|")
    for name, one in graphs.items():
        bound = "yes" if one["launch_bound"] else "no"
        print(f"| {name} | {one['latency_ms']:.3f} | {one['graph_ms']:.3f} | {one['host_ms']:.3f} | {bound} |")
    for step in (s for s in done if s.split()[0] in ("alone", "trainer", "challenge")):
        one = done[step]
        if one["ratio"] is not None:
            low, high = one["ratio_interval"]
            print(f"\n{step}: {one['latency_ms']:.3f} ms, ratio {one['ratio']:.4f} ({low:.4f} to {high:.4f})")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, help="of the processor; 1 on the CPU unless given")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="about a minute: 3 systems, 2 repeats, 3 A/A trials; only the order is judged",
    )
    parser.add_argument("--extras", action="store_true", help="also a trainer next door, the challenge, all systems")
    parser.add_argument("--out", type=Path, help="JSON file to keep every step in and to go on from")
    parser.add_argument("--markdown", action="store_true", help="print what --out holds as Markdown, measure nothing")
    parser.add_argument("--seed", type=int, help="do one strict repeat and print its JSON")
    parser.add_argument("--train", action="store_true", help="be the trainer next door")
    options = parser.parse_args()
    kind = "cuda" if options.device.startswith("cuda") else "cpu"
    options.threads = options.threads or (1 if kind == "cpu" else None)
    options.repeats, options.trials = (2, 3) if options.quick else (3, 40)
    options.strict_s = 3.0 if options.quick else STRICT_S[kind]
    options.seconds = 90.0 if options.quick else MOST_SECONDS[kind] - 30.0
    return options


def main() -> int:
    """Prints the table and the RESULT line."""
    options = parsed()
    if options.train:
        train(options.device)
    if options.markdown:
        markdown(results(options.out))
        return 0
    if options.seed is not None:
        names = [one.name for one in ranked()][: 3 if options.quick else None]
        print(json.dumps(repeat(options.seed, names, options)))
        return 0
    begin, load = time.monotonic(), os.getloadavg()[0]
    done, complete = collect(options)
    if not any(step.startswith("strict ") for step in done):
        raise SystemExit("No strict repeat was finished, so there is nothing to tell.")
    found = figures(done)
    device = device_record(options.device)
    table(found)
    found |= {"load_before": load, "load_after": os.getloadavg()[0], "seconds": round(time.monotonic() - begin, 1)}
    found |= {"threads": options.threads, "complete": complete}
    print(f"{'load':>28}  {load:.1f} before, {found['load_after']:.1f} after; {found['seconds']} s")
    passed = complete and not found["failed"] and not found["pairs_in_wrong_order"]
    if not options.quick:  # too short for the others
        passed = passed and found["median_spread"] <= MOST_SPREAD[device.kind]
        passed = passed and (found["cannot_tell"] or 0.0) >= LEAST_CANNOT_TELL
        passed = passed and (found["screen_seconds_most"] or 0.0) <= MOST_SCREEN_S[device.kind]
        passed = passed and found["seconds_of_all_steps"] <= MOST_SECONDS[device.kind]
    print("RESULT", json.dumps({"name": "latency", "device": device.name, "pass": passed, "figures": found}))
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
