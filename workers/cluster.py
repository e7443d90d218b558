"""Ray: where it runs, and the actors of a search on it."""

import logging
import os
import sys
from typing import Any

from workers.jobs import Job

TRAINERS_PER_GPU = 2
LATENCY_SHARE = 0.1
"""Of a GPU, for the one actor that measures; Ray's shares only admit, the device's lease keeps order."""


def connect(address: str | None) -> None:
    """Join the Ray cluster at ``address``, or start one on this machine that ends with this process."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray reads these when it is imported; afterwards, its own processes would see others than this one.
    if "ray" not in sys.modules:
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        if address is None:
            # Despite its name, it makes Ray listen on the loopback address only, on Linux too.
            os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    import ray

    common: dict[str, Any] = {"logging_level": logging.WARNING, "log_to_driver": True}
    if address is not None:
        ray.init(address=address, **common)
        return
    ray.init(
        address="local",
        num_cpus=max(2, os.cpu_count() or 2),
        include_dashboard=False,
        object_store_memory=100 * 2**20,
        **common,
    )


def disconnect() -> None:
    """Leave Ray; a cluster that ``connect`` started ends."""
    import ray

    ray.shutdown()


class Team:
    """The actors of one search: one that measures, several that train. They live until ``dismiss``."""

    def __init__(self, job: Job) -> None:
        import ray

        from workers.actors import Actor

        self._job = job
        self._remote = ray.remote(Actor)
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        gpus = int(resources.get("GPU", 0)) if job.device in ("auto", "cuda") else 0
        cores = max(1, int(resources.get("CPU", 1)))
        self._measuring = self._options(gpu=LATENCY_SHARE if gpus else 0.0, threads=cores)
        share = (1.0 - LATENCY_SHARE) / TRAINERS_PER_GPU
        self._training = self._options(gpu=share if gpus else 0.0, threads=1)
        self.latency = [self.another(training=False)]
        self.trainers = [self.another(training=True) for _ in range(gpus * TRAINERS_PER_GPU or cores)]

    def another(self, *, training: bool) -> Any:
        """Start an actor; the place of one that died."""
        options = self._training if training else self._measuring
        return self._remote.options(**options).remote(self._job)

    def dismiss(self) -> None:
        """End all actors now, whatever they are at."""
        import ray

        for actor in (*self.latency, *self.trainers):
            ray.kill(actor)

    @staticmethod
    def _options(*, gpu: float, threads: int) -> dict[str, Any]:
        # Idle OpenMP threads that spin make everything on a busy machine many times slower.
        environment = {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive"}
        return {"num_cpus": 0, "num_gpus": gpu, "max_restarts": 0, "runtime_env": {"env_vars": environment}}
