"""The backend for real networks: built from their trees, measured by the screen protocol, trained by the recipe."""

import hashlib
import json
from contextlib import AbstractContextManager
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors.torch import save as to_safetensors

from nas import networks
from nas.errors import BuildError, MeasurementError
from nas.evaluate.latency import Screen, device_record, lease
from nas.evaluate.latency.device import resolve
from nas.evaluate.latency.keeping import metrics_of
from nas.evaluate.latency.shapes import in_small
from nas.evaluate.quality.data import ImageSet, load
from nas.evaluate.quality.data_sources import reduced_sizes
from nas.evaluate.quality.metrics import bicubic_psnr_db, evaluate
from nas.evaluate.quality.recipes import Recipe, load_recipe
from nas.evaluate.quality.teachers import School
from nas.evaluate.quality.training import Trainer
from nas.language import Architecture
from nas.networks import Network
from workers.jobs import Job, Latency, Progress, Quality
from workers.losses import LossSum

CODE_VERSION = 3
"""Rises when a change of building, starting, training or judging changes the numbers that come out."""


def backend(job: Job) -> "Networks":
    """Return the backend of a search; see ``workers.jobs.Job``."""
    return Networks(job)


class SharedDevice:
    """A device that this process trains on beside others, and stays off while somebody measures."""

    def __init__(self, uuid: str) -> None:
        self._uuid = uuid

    def shared(self) -> AbstractContextManager[object]:
        """Hold the device; waits while somebody measures."""
        return lease.shared(self._uuid)


class Networks:
    """See ``workers.jobs.Backend``. What it needs is read at first use: measuring needs photographs' sizes only."""

    def __init__(self, job: Job) -> None:
        self._job = job
        device = resolve(job.device)
        self._device = str(device)
        self._kind = device.type
        self._lease = SharedDevice(device_record(self._device).uuid)

    @cached_property
    def _screen(self) -> Screen:
        sizes = reduced_sizes(self._job.data, self._job.scale)
        return Screen(self._device, sizes=in_small(sizes, self._kind))

    @cached_property
    def _recipe(self) -> Recipe:
        return load_recipe(self._job.recipe)

    @cached_property
    def _data(self) -> ImageSet:
        return load(self._job.data, self._job.scale)

    @cached_property
    def _baseline(self) -> tuple[str, Network]:
        architecture = Architecture(self._job.baseline)
        return architecture.deployed_hash, networks.build(architecture)

    def facts(self) -> dict[str, Any]:
        """Describe what stands behind the numbers."""
        record = device_record(self._device)
        return {
            "device": {"uuid": record.uuid, "name": record.name, "kind": record.kind},
            "protocol": self._screen.id,
            "recipe": self._recipe.name,
            "data": self._data.name,
            "bicubic_psnr_db": bicubic_psnr_db(self._data),
        }

    def latency_key(self, architecture: Architecture) -> str:
        """Return the key of an equal measurement."""
        return self._screen.key(architecture.deployed_hash, self._baseline[0])

    def latency_setup(self) -> str:
        """Return what all measurements of this search share."""
        return self._screen.key("", self._baseline[0])

    def latency(self, architecture: Architecture) -> Latency:
        """Measure the deployed form beside the baseline; its weights do not matter to the time it takes."""
        found = self._screen.measure(networks.build(architecture), self._baseline[1])
        failed = found.status == "failed" or found.latency_ms is None or found.ratio is None
        return Latency(
            metrics=metrics_of(found),
            device_uuid=found.device.uuid,
            protocol=found.protocol,
            status="failed" if failed else found.status,
            latency_ms=found.latency_ms,
            ratio=found.ratio,
            record=found.to_dict(),
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
        deployed = networks.deploy(trained)
        with self._lease.shared():
            quality = evaluate(deployed, self._data, self._device)
        return Quality(
            metrics={"psnr_db": quality.psnr_db, "ssim": quality.ssim},
            psnr_db=quality.psnr_db,
            step=step,
            recipe_hash=self._recipe.hash,
            data_fingerprint=self._data.fingerprint,
            code_version=code_version(),
            record={"per_image": quality.per_image, "seconds": result.seconds, **losses.to_dict()},
            weights=weights_of(deployed) if step == self._job.rungs[-1] else None,
        )

    def forget(self, architecture: Architecture) -> None:
        """Remove the checkpoint."""
        self._checkpoint(architecture).unlink(missing_ok=True)

    def _trainer(self, architecture: Architecture, losses: LossSum) -> Trainer:
        network = networks.build(architecture, form="training")
        networks.start(network, architecture, self._job.seed)
        school = School(Path(self._job.scratch), self._data, self._device, self._lease)
        return Trainer(
            network,
            self._recipe,
            self._data,
            seed=self._job.seed,
            device=self._device,
            teachers=school.teachers(self._recipe, architecture),
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
