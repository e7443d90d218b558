"""A trivial trial through Ray Tune and through actors driven by ask and tell: what each costs.

The trials do nothing, so all the time is the engine's. Start-up is shown apart.
"""

import argparse
import json
import logging
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import ray
from ray import tune

from workers import cluster

ROOT = Path(__file__).resolve().parents[1]
SPACE = {f"hole_{index}": 4 for index in range(10)}
ACTORS = 2


def worth(config: dict[str, int]) -> float:
    """What a trial finds out: a function of its parameters."""
    return float(sum(config.values()))


class Trivial(tune.Trainable):
    """A trial of Ray Tune that ends with its first result and can be used again."""

    def setup(self, config: dict[str, int]) -> None:
        """Take the parameters."""
        self._config = config

    def step(self) -> dict[str, Any]:
        """Give the one result."""
        return {"worth": worth(self._config), "done": True}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """There is nothing to save."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """There is nothing to load."""

    def reset_config(self, new_config: dict[str, int]) -> bool:
        """Become the next trial."""
        self._config = new_config
        return True


class Evaluator:
    """An actor that answers one call a trial."""

    def work(self, config: dict[str, int]) -> float:
        """Give the result."""
        return worth(config)


def by_tune(count: int, *, reuse: bool) -> tuple[float, float]:
    """Run ``count`` trials by Ray Tune with Optuna's searcher; return seconds until the first, and ms a trial after."""
    from ray.tune.search import ConcurrencyLimiter
    from ray.tune.search.optuna import OptunaSearch

    searcher = OptunaSearch(
        {name: optuna.distributions.IntDistribution(0, high) for name, high in SPACE.items()},
        metric="worth",
        mode="max",
        sampler=optuna.samplers.RandomSampler(seed=0),
    )
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        results = tune.Tuner(
            tune.with_resources(Trivial, {"cpu": 1}),
            tune_config=tune.TuneConfig(
                search_alg=ConcurrencyLimiter(searcher, max_concurrent=ACTORS), num_samples=count, reuse_actors=reuse
            ),
            run_config=tune.RunConfig(
                storage_path=folder, verbose=0, checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False)
            ),
        ).fit()
        ended = time.time()
        first = min((results[index].metrics or {})["timestamp"] for index in range(len(results)))
    whole = time.perf_counter() - begun
    running = max(ended - first, 1e-3)
    return whole - running, 1e3 * running / max(1, count - 1)


def by_actors(count: int) -> tuple[float, float]:
    """Run ``count`` trials by ask and tell on actors; return seconds until the first, and ms a trial after."""
    begun = time.perf_counter()
    remote: Any = ray.remote(num_cpus=0)(Evaluator)
    actors = [remote.remote() for _ in range(ACTORS)]
    ray.get([actor.work.remote({}) for actor in actors])
    started = time.perf_counter()
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    running: dict[Any, tuple[Any, Any]] = {}
    for actor in actors:
        ask(study, actor, running)
    for number in range(count):
        (done,), _ = ray.wait(list(running))
        actor, trial = running.pop(done)
        study.tell(trial, ray.get(done))
        if number + ACTORS < count:
            ask(study, actor, running)
    ended = time.perf_counter()
    for actor in actors:
        ray.kill(actor)
    return started - begun, 1e3 * (ended - started) / count


def ask(study: optuna.Study, actor: Any, running: dict[Any, tuple[Any, Any]]) -> None:
    """Ask for a trial and start it."""
    trial = study.ask()
    config = {name: trial.suggest_int(name, 0, high) for name, high in SPACE.items()}
    running[actor.work.remote(config)] = (actor, trial)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer trials")
    count = 40 if parser.parse_args().quick else 200
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    os.environ["PYTHONPATH"] = str(ROOT)  # so that the actors find this module
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"  # no files a trial: the store is ours either way
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    cluster.connect(None)
    ways: dict[str, Callable[[], tuple[float, float]]] = {
        "actors": lambda: by_actors(count),
        "tune_reusing_actors": lambda: by_tune(count, reuse=True),
        "tune": lambda: by_tune(max(4, count // 10), reuse=False),
    }
    figures: dict[str, float] = {}
    print(f"{'engine':22} {'start s':>8} {'ms a trial':>11}")
    for name, way in ways.items():
        start_s, trial_ms = way()
        figures |= {f"{name}_start_s": round(start_s, 2), f"{name}_ms": round(trial_ms, 1)}
        print(f"{name:22} {start_s:8.2f} {trial_ms:11.1f}", flush=True)
    cluster.disconnect()
    figures["ratio"] = round(figures["tune_reusing_actors_ms"] / figures["actors_ms"], 2)
    figures["load"] = round(os.getloadavg()[0], 1)
    passed = figures["ratio"] >= 1
    device = f"{os.cpu_count()} x {platform.processor() or platform.machine()}"
    print("RESULT " + json.dumps({"name": "tune", "device": device, "pass": passed, "figures": figures}))
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
