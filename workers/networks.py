"""The backend for real networks: built from their trees, measured by the screen protocol, trained by the recipe."""

import hashlib
import json
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors.torch import save as to_safetensors

from nas import networks
from nas.errors import BuildError, MeasurementError
from nas.evaluate.latency import Screen, device_record
from nas.evaluate.latency.device import resolve
from nas.evaluate.latency.keeping import BASELINE, metrics_of
from nas.evaluate.latency.shapes import in_small
from nas.evaluate.quality.data import ImageSet, load
from nas.evaluate.quality.data_sources import reduced_sizes
from nas.evaluate.quality.metrics import bicubic_psnr_db, evaluate
from nas.evaluate.quality.recipes import Recipe, load_recipe
from nas.evaluate.quality.sharing import SharedDevice
from nas.evaluate.quality.teachers import School
from nas.evaluate.quality.training import Trainer
from nas.evaluate.quality.turns import Turns
from nas.language import Architecture
from nas.networks import Network
from workers.jobs import Job, Latency, Progress, Quality
from workers.losses import LossSum

CODE_VERSION = 3
"""Rises when a change of building, starting, training or judging changes the numbers that come out."""


def backend(job: Job) -> "Networks":
    """Return the backend of a search; see ``workers.jobs.Job``."""
    return Networks(job)


class Networks:
    """See ``workers.jobs.Backend``. What it needs is read at first use: measuring needs photographs' sizes only."""

    def __init__(self, job: Job) -> None:
        self._job = job
        device = resolve(job.device)
        self._device = str(device)
        self._kind = device.type
        self._lease = SharedDevice(device_record(self._device).uuid)
        self._turns = Turns(device, self._lease)

    @cached_property
    def _screen(self) -> Screen:
        sizes = reduced_sizes(self._job.data, self._job.scale)
        return Screen(self._device, sizes=in_small(sizes, self._kind))

    @cached_property
    def _recipe(self) -> Recipe:
        return load_recipe(self._job.recipe)

    @cached_property
    def _data(self) -> ImageSet:
        return load(self._job.data, self._job.scale, turns=self._turns)

    @cached_property
    def _baseline(self) -> Architecture:
        return Architecture(self._job.baseline)

    @cached_property
    def _baseline_network(self) -> Network:
        return self._built(self._baseline)

    def facts(self) -> dict[str, Any]:
        """Describe what stands behind the numbers."""
        record, data = device_record(self._device), self._data
        with self._turns.taken():
            bicubic = bicubic_psnr_db(data, point=self._turns.point)
        return {
            "device": {"uuid": record.uuid, "name": record.name, "kind": record.kind},
            "protocol": self._screen.id,
            "recipe": self._recipe.name,
            "data": data.name,
            "bicubic_psnr_db": bicubic,
        }

    def latency_key(self, architecture: Architecture) -> str:
        """Return the key of an equal measurement."""
        return self._screen.key(architecture.deployed_hash, self._baseline.deployed_hash)

    def latency_setup(self) -> str:
        """Return what all measurements of this search share."""
        return self._screen.key("", self._baseline.deployed_hash)

    def latency(self, architecture: Architecture) -> Latency:
        """Measure the deployed form beside the baseline; its weights do not matter to the time it takes."""
        found = self._screen.measure(self._built(architecture), self._baseline_network)
        beside = self._baseline
        failed = found.status == "failed" or found.latency_ms is None or found.ratio is None
        return Latency(
            metrics=metrics_of(found),
            device_uuid=found.device.uuid,
            protocol=found.protocol,
            status="failed" if failed else found.status,
            latency_ms=found.latency_ms,
            ratio=found.ratio,
            record={
                **found.to_dict(),
                BASELINE: {"name": beside.name, "hash": beside.hash, "deployed_hash": beside.deployed_hash},
            },
            error=f"The latency could not be measured: {found.reason}" if failed else "",
        )

    def quality_key(self, architecture: Architecture, rung: int) -> str:
        """Return the key of an equal training."""
        return _sha256({**self._identity(architecture), "step": self._job.rungs[rung]})

    def quality(self, architecture: Architecture, rung: int, progress: Progress) -> Quality:
        """Train up to a rung and judge the deployed form.

        Raises:
            MeasurementError: The training diverged.
        """
        losses, step = LossSum(progress, self._recipe.steps), self._job.rungs[rung]
        trainer = self._trainer(architecture, losses)
        if trainer.step > step:  # another search, or another database's, left a longer training of the same here
            self.forget(architecture)
            trainer = self._trainer(architecture, losses)
        losses.begin(trainer.step)
        result = trainer.run(step)
        if result.diverged:
            raise MeasurementError(f"The training diverged after step {result.step}.")
        trained = trainer.trained()
        if not isinstance(trained, Network):
            raise BuildError(f"The trainer returned a {type(trained).__name__} instead of the network.")
        with self._turns.taken():
            deployed = networks.deploy(trained)
            quality = evaluate(deployed, self._data, self._device, point=self._turns.point)
            weights = weights_of(deployed) if step == self._job.rungs[-1] else None
        return Quality(
            metrics={"psnr_db": quality.psnr_db, "ssim": quality.ssim},
            psnr_db=quality.psnr_db,
            step=step,
            recipe_hash=self._recipe.hash,
            data_fingerprint=self._data.fingerprint,
            code_version=code_version(),
            record={"per_image": quality.per_image, "seconds": result.seconds, **losses.to_dict()},
            weights=weights,
        )

    def forget(self, architecture: Architecture) -> None:
        """Remove the checkpoint."""
        self._checkpoint(architecture).unlink(missing_ok=True)

    def _built(self, architecture: Architecture) -> Network:
        with self._turns.taken():
            return networks.build(architecture)

    def _trainer(self, architecture: Architecture, losses: LossSum) -> Trainer:
        school = School(Path(self._job.scratch), self._data, self._device, self._lease)
        teachers = school.teachers(self._recipe, architecture)
        with self._turns.taken():
            network = networks.build(architecture, form="training")
            self._turns.point()
            networks.start(network, architecture, self._job.seed)
        return Trainer(
            network,
            self._recipe,
            self._data,
            seed=self._job.seed,
            device=self._device,
            teachers=teachers,
            lease=self._lease,
            checkpoint=self._checkpoint(architecture),
            progress=losses,
        )

    def _checkpoint(self, architecture: Architecture) -> Path:
        folder = Path(self._job.scratch)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{_sha256(self._identity(architecture))}.pt"

    def _identity(self, architecture: Architecture) -> dict[str, Any]:
        return {
            "hash": architecture.hash,
            "recipe": self._recipe.hash,
            "data": self._data.fingerprint,
            "seed": self._job.seed,
            "code": code_version(),
        }


def code_version() -> str:
    """Return what code and which torch trained a network."""
    return f"{CODE_VERSION}, torch {version('torch')}"


def weights_of(network: Network) -> bytes:
    """Return a network's weights as safetensors."""
    return to_safetensors({name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()})


def _sha256(parts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
