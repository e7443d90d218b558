"""How far a short training can be trusted: architectures spread over a space, trained at several lengths and seeds.

Each is trained with the interpolating start and, as an ablation, from random weights. What is finished is in the file
given by --out; the same command goes on where it stopped, a training in progress included.

    python benchmarks/fidelity.py --data DIR --device cuda --out benchmarks/results/fidelity-h100.json
    python benchmarks/fidelity.py --architectures 8 --rungs 100,400 --device cpu
"""

import argparse
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import product
from math import log
from pathlib import Path
from typing import Any

import torch

from nas.costing import cost
from nas.errors import MeasurementError
from nas.evaluate.fidelity import zero_cost
from nas.evaluate.fidelity.candidates import Candidate, Length
from nas.evaluate.fidelity.ranks import agreement
from nas.evaluate.fidelity.report import report
from nas.evaluate.quality.data import ImageSet, load
from nas.evaluate.quality.metrics import bicubic_psnr_db, evaluate
from nas.evaluate.quality.recipes import Recipe, load_recipe
from nas.evaluate.quality.training import Trainer, TrainResult
from nas.language import Architecture, load_space
from nas.networks import Network, build, deploy, start

DRAWS = 8
"""Architectures drawn for each that is trained."""

PROBE_STEPS = 5
Document = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """One training up to one length."""

    hash: str
    started: bool
    seed: int
    step: int
    psnr_db: float | None
    """None where the training diverged."""
    loss_sum: float | None
    """Mean loss of a step, summed over all steps; None where a kill came between."""
    seconds: float
    patches_per_second: float


def spread(space_name: str, count: int, seed: int) -> tuple[list[Architecture], int]:
    """Draw architectures within the space's bounds, evenly spread over the logarithm of their FLOPs.

    Those that no start can make an enlarger are left out, since no training makes much of them either; any estimate
    would tell them from the others. Returns how many these were, too.
    """
    space, rng = load_space(space_name), random.Random(seed)
    drawn: dict[str, tuple[float, Architecture]] = {}
    tries, unfit = 0, 0
    while len(drawn) < DRAWS * count and tries < 100 * DRAWS * count:
        tries += 1
        one = space.sample(rng)
        costs = asdict(cost(one))
        if all(bound.violation(costs) <= 0 for bound in space.require if bound.static):
            drawn[one.hash] = (log(costs["flops"]), one)
    order = sorted(drawn.values(), key=lambda item: item[0])
    chosen: list[Architecture] = []
    low, high = order[0][0], order[-1][0]
    for place in range(count):
        target = low + (high - low) * place / max(count - 1, 1)
        for _, one in sorted(order, key=lambda item: abs(item[0] - target)):
            if one in chosen:
                continue
            if start(build(one, form="training"), one, 0).carried:
                chosen.append(one)
                break
            unfit += 1
            order = [item for item in order if item[1] is not one]
    return chosen, unfit


def study_recipe(name: str, rungs: tuple[int, ...]) -> Recipe:
    """The first stage of a recipe, as long as the last rung."""
    stage = load_recipe(name).stages[0].model_dump(mode="json", exclude_defaults=True)
    stage["steps"] = rungs[-1]
    if "warm_up_steps" in stage["schedule"]:
        stage["schedule"]["warm_up_steps"] = min(stage["schedule"]["warm_up_steps"], rungs[0] // 2)
    return load_recipe({"name": "study", "rungs": list(rungs), "stages": [stage]})


class Study:
    """The trainings, and the file that holds what they gave."""

    def __init__(self, architectures: list[Architecture], data: ImageSet, recipe: Recipe, options: Any) -> None:
        self.architectures, self.data, self.recipe, self.options = architectures, data, recipe, options
        self.device = torch.device(options.device)
        self.out: Path = options.out
        self.settings = {
            "space": options.space,
            "draw_seed": options.draw_seed,
            "architectures": [one.hash for one in architectures],
            "recipe": recipe.model_dump(mode="json", exclude_defaults=True),
            "data": data.name,
            "data_fingerprint": data.fingerprint,
            "photographs": {"train": len(data.train), "validation": len(data.validation)},
            "seeds": options.seeds,
            "starts": list(options.starts),
        }
        self.runs: list[Run] = []
        if self.out.exists():
            known = json.loads(self.out.read_text())
            if known["settings"] != json.loads(json.dumps(self.settings)):
                raise SystemExit(f"{self.out} holds a study with other settings; name another file with --out.")
            self.runs = [Run(**row) for row in known["runs"]]

    def missing(self) -> Iterator[tuple[bool, int, Architecture]]:
        """Trainings that are not at their end; those with one seed come first, so that any prefix can be compared."""
        for seed, started, one in product(range(self.options.seeds), self.options.starts, self.architectures):
            known = {run.step for run in self.runs if (run.hash, run.started, run.seed) == (one.hash, started, seed)}
            if known != set(self.recipe.rungs):
                yield started, seed, one

    def network(self, one: Architecture, started: bool, seed: int) -> Network:
        """Build the training form: with the start, or with the random weights that layers have at first."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            made = build(one, form="training")
        if started:
            start(made, one, seed)
        return made

    def train(self, started: bool, seed: int, one: Architecture) -> None:
        """Train one network through the rungs that are not known yet."""
        checkpoint = self.out.with_suffix(".work") / f"{one.hash[3:19]}-{int(started)}-{seed}.pt"
        mine = [run for run in self.runs if (run.hash, run.started, run.seed) == (one.hash, started, seed)]
        losses: list[float] = [mine[-1].loss_sum or 0.0 if mine else 0.0]
        steps = [mine[-1].step if mine else 0]

        def add(result: TrainResult) -> None:
            if not result.diverged:  # a loss that is no number times no steps is none, and JSON has no word for it
                losses.append(result.loss * (result.step - steps[-1]))
                steps.append(result.step)

        trainer = Trainer(
            self.network(one, started, seed),
            self.recipe,
            self.data,
            seed=seed,
            device=self.device,
            checkpoint=checkpoint,
            progress=add,
        )
        whole = trainer.step == steps[0] and (not mine or mine[-1].loss_sum is not None)
        steps.append(trainer.step)
        for step in self.recipe.rungs:
            if step in {run.step for run in mine}:
                continue
            result = trainer.run(step)
            psnr_db = None if result.diverged else self.judged(trainer)
            pace = (result.seconds, result.patches_per_second)
            self.runs.append(Run(one.hash, started, seed, step, psnr_db, sum(losses) if whole else None, *pace))
            self.write()
            words = "diverged" if psnr_db is None else f"{psnr_db:.3f} dB"
            kind = "start" if started else "random"
            print(f"{one.hash[:11]} {kind:6} seed {seed} {step:6} steps {words} {pace[1]:8.0f} patches/s", flush=True)
        checkpoint.unlink(missing_ok=True)

    def judged(self, trainer: Trainer) -> float | None:
        """PSNR of the deployed form on all photographs that judge; None where it gives values that are not finite."""
        trained = trainer.trained()
        assert isinstance(trained, Network)
        try:
            return evaluate(deploy(trained), self.data, self.device).psnr_db
        except MeasurementError:
            return None

    def seconds_left(self) -> float:
        """Estimate the time of what is missing, from a few steps and one judgement of the middle architecture."""
        left = list(self.missing())
        if not left:
            return 0.0
        probe = Trainer(
            self.network(self.architectures[len(self.architectures) // 2], True, 0),
            self.recipe,
            self.data,
            device=self.device,
        )
        probe.run(1)
        step_s = timed(lambda: probe.run(1 + PROBE_STEPS)) / PROBE_STEPS
        judge_s = timed(lambda: self.judged(probe))
        return len(left) * (self.recipe.steps * step_s + len(self.recipe.rungs) * judge_s)

    def write(self, **more: Any) -> None:
        """Replace the file as a whole, so that a kill leaves the one before."""
        document = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "device": device_name(self.device),
            "torch": torch.__version__,
            "load": os.getloadavg()[0],
            "settings": self.settings,
            "bicubic_psnr_db": bicubic_psnr_db(self.data),
            "runs": [asdict(run) for run in self.runs],
            **more,
        }
        self.out.parent.mkdir(parents=True, exist_ok=True)
        draft = self.out.with_suffix(".draft")
        draft.write_text(json.dumps(document, indent=1) + "\n")
        draft.replace(self.out)

    def candidates(self, started: bool) -> list[Candidate]:
        """What is known of the architectures, with the start or without."""
        batch = zero_cost.patches(self.data)
        return [self.candidate(one, started, zero_cost.scores(one, batch)) for one in self.architectures]

    def candidate(self, one: Architecture, started: bool, scores: dict[str, float]) -> Candidate:
        psnr_db: dict[Length, dict[int, float]] = {}
        sums: dict[Length, dict[int, float]] = {}
        for run in self.runs:
            if (run.hash, run.started) == (one.hash, started) and run.psnr_db is not None:
                psnr_db.setdefault(Length(run.step, "study"), {})[run.seed] = run.psnr_db
                if run.loss_sum is not None:
                    sums.setdefault(Length(run.step, "study"), {})[run.seed] = run.loss_sum
        counted = cost(one)
        return Candidate(one.hash, counted.params, counted.flops, None, psnr_db, sums, scores)


def timed(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu, {torch.get_num_threads()} threads"


def ablation(study: Study, known: dict[bool, list[Candidate]]) -> list[Document]:
    """Short trainings with either start against long ones with either start: all four pairs, for every short length."""
    rows = []
    *shorter, last = study.recipe.rungs
    for short, own, other in product(shorter, known, known):
        pairs = [
            (one.first_db(Length(short, "study")), true.mean_db(Length(last, "study")))
            for one, true in zip(known[own], known[other], strict=True)
        ]
        both = [(early, late) for early, late in pairs if early is not None and late is not None]
        found = agreement([early for early, _ in both], [late for _, late in both])
        rows.append({"step": short, "started": own, "truth_started": other, **found.to_dict()})
    return rows


def show(document: Document, compared: list[Document]) -> None:
    """Print the report and the ablation as tables."""
    titles = f"{'n':>4}{'Spearman':>10}{'95 %':>16}{'Kendall':>9}{'best 1/4':>10}"
    print(f"\n{'agreement with the longest training':40}{titles}")
    rows = [(f"{one['step']} steps", one) for one in document["rungs"]]
    rows += [(f"{one['step']} steps, other seeds", one["across_seeds"]) for one in document["rungs"]]
    rows += [(one["name"], one) for one in document["baselines"]]
    kinds = {True: "start", False: "random"}
    rows += [
        (f"{one['step']} steps {kinds[one['started']]}, truth {kinds[one['truth_started']]}", one) for one in compared
    ]
    for name, one in rows:
        print(f"{name:40}{one['networks']:4}" + figures_of(one))
    for one in document["noise"]:
        spreads = "; ".join(f"{name} {one[name]['value']:.3f}" for name in ("sd_db", "paired_sd_db", "unpaired_sd_db"))
        print(f"noise after {one['step']} steps, seeds {one['seeds']}, {one['networks']} networks: {spreads}")


def figures_of(one: Document) -> str:
    if one["spearman"] is None:
        return f"  {one['why_not']}"
    low, high = one["spearman"]["interval"]
    recalled = f"{one['recall']['found']} of {one['recall']['of']}"
    return (
        f"{one['spearman']['value']:10.2f}{f'{low:.2f} to {high:.2f}':>16}{one['kendall']['value']:9.2f}{recalled:>10}"
    )


def figures(study: Study, document: Document, compared: list[Document]) -> Document:
    """What the result line says."""
    rung = document["rungs"][0] if document["rungs"] else None
    rates = [run.patches_per_second for run in study.runs if run.patches_per_second]
    return {
        "architectures": len(study.architectures),
        "rungs": list(study.recipe.rungs),
        "seeds": study.options.seeds,
        "diverged": sum(run.psnr_db is None for run in study.runs),
        "spearman": rung and rung["spearman"],
        "spearman_other_seeds": rung and rung["across_seeds"]["spearman"],
        "ablation": [
            {name: one[name] for name in ("step", "started", "truth_started", "spearman")} for one in compared
        ],
        "baselines": {one["name"]: one["spearman"] and one["spearman"]["value"] for one in document["baselines"]},
        "paired_sd_db": [one["paired_sd_db"]["value"] for one in document["noise"]],
        "median_patches_per_second": statistics.median(rates) if rates else None,
        "training_seconds": sum(run.seconds for run in study.runs),
    }


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="embedded", help="folder of photographs; validation.txt in it names judges")
    parser.add_argument("--space", default="esr")
    parser.add_argument("--architectures", type=int, default=12)
    parser.add_argument("--rungs", default="500,2000", help="steps, growing, separated by commas")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--start", choices=("both", "with", "without"), default="both", help="of the ablation")
    parser.add_argument("--recipe", default="", help="whose first stage is used; proxy on a GPU, demo on a CPU")
    parser.add_argument("--draw-seed", type=int, default=0, help="decides which architectures")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, default=Path("fidelity.json"))
    parser.add_argument("--quick", action="store_true", help="under a minute: eight small networks, few steps")
    options = parser.parse_args(arguments)
    if options.quick:
        options.space, options.architectures, options.rungs, options.seeds = "demo", 8, "6,18", 1
        options.start, options.out = "with", options.out.with_stem(options.out.stem + "-quick")
        options.out.unlink(missing_ok=True)
    options.starts = {"both": (True, False), "with": (True,), "without": (False,)}[options.start]
    options.recipe = options.recipe or ("proxy" if options.device.startswith("cuda") else "demo")
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parsed(arguments)
    rungs = tuple(int(part) for part in options.rungs.split(","))
    architectures, unfit = spread(options.space, options.architectures, options.draw_seed)
    recipe, scale = study_recipe(options.recipe, rungs), load_space(options.space).scale
    study = Study(architectures, load(options.data, scale), recipe, options)
    flops, parts = [cost(one).flops / 1e9 for one in architectures], study.settings["photographs"]
    reach = f"{flops[0]:.1f} to {flops[-1]:.1f} GFLOPs; {unfit} left out that no start makes an enlarger"
    print(f"{len(architectures)} architectures of {options.space}, {reach}")
    print(f"{parts} photographs of {study.data.name}; {device_name(study.device)}")
    left = list(study.missing())
    print(f"{len(left)} trainings to do, about {study.seconds_left() / 60:.1f} minutes", flush=True)
    for started, seed, one in left:
        study.train(started, seed, one)
    known = {started: study.candidates(started) for started in options.starts}
    document, compared = report(known[options.starts[0]]), ablation(study, known)
    study.write(report=document, ablation=compared)
    show(document, compared)
    result = {"name": "fidelity", "device": device_name(study.device), "pass": True}
    print("RESULT " + json.dumps({**result, "figures": figures(study, document, compared)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
