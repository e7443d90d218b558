"""The teachers that a recipe names: read from files, or trained first."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save

from nas import networks
from nas.errors import MeasurementError, RecipeError
from nas.evaluate.quality.data import ImageSet
from nas.evaluate.quality.files import write_whole
from nas.evaluate.quality.progress import Lease, TrainResult
from nas.evaluate.quality.recipes import Recipe, Teacher, load_recipe
from nas.evaluate.quality.training import Trainer
from nas.evaluate.quality.turns import Turns
from nas.language import Architecture, load_architecture
from nas.networks import Network

SELF = "self"
Tell = Callable[[str, TrainResult], None]
"""Told, with the teacher's name, where its training stands."""


def _silent(_: str, __: TrainResult) -> None:
    pass


@dataclass(frozen=True)
class School:
    """Where teachers are found and trained.

    Args:
        folder: Keeps teachers that were trained, for students to come.
        data: What they are trained on.
        device: Where.
        lease: Taken for each piece of work on them.
        given: Files of weights by the recipe's names, before all else.
        tell: Hears of trainings.
    """

    folder: Path
    data: ImageSet
    device: str | torch.device = "cpu"
    lease: Lease | None = None
    given: Mapping[str, Path] = field(default_factory=dict)
    tell: Tell = _silent

    def teachers(self, recipe: Recipe, student: Architecture) -> dict[str, Network]:
        """The teachers that stages of a recipe learn from, in their deployed form.

        Raises:
            RecipeError: one has no weights, or does not fit the student.
            BuildError: weights do not fit their architecture.
            MeasurementError: the training of one diverged.
        """
        unknown = sorted(set(self.given) - set(recipe.teachers))
        if unknown:
            known = ", ".join(recipe.teachers) or "none"
            raise RecipeError(f"Recipe {recipe.name!r} has no teacher {unknown[0]!r}; it names: {known}.")
        used = dict.fromkeys(item.teacher for stage in recipe.stages for item in stage.distil)
        return {name: self._teacher(recipe, name, student) for name in used}

    def _teacher(self, recipe: Recipe, name: str, student: Architecture) -> Network:
        wanted = recipe.teachers[name]
        architecture = student if wanted.architecture == SELF else load_architecture(wanted.architecture)
        if architecture.scale != student.scale:
            raise RecipeError(
                f"The teacher {name!r} enlarges {architecture.scale} times and its student {student.scale} times; "
                "they have to agree."
            )
        weights = self.given.get(name) or wanted.weights
        if weights is not None:
            return self._read(architecture, weights)
        if wanted.recipe is None:
            raise RecipeError(
                f"Recipe {recipe.name!r} does not say where the weights of the teacher {name!r} are; "
                f"give them with --teacher {name}=FILE."
            )
        return self._trained(name, wanted, architecture)

    def _trained(self, name: str, wanted: Teacher, architecture: Architecture) -> Network:
        recipe = load_recipe(wanted.recipe or "")
        if recipe.teachers:
            raise RecipeError(f"The teacher {name!r} is trained by {recipe.name!r}, which needs teachers itself.")
        identity = [architecture.hash, recipe.hash, self.data.fingerprint, wanted.seed]
        stem = f"teacher-{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]}"
        weights = self.folder / f"{stem}.safetensors"
        if not weights.exists():
            turns = self._turns
            with turns.taken():
                network = networks.build(architecture, form="training")
                turns.point()
                networks.start(network, architecture, wanted.seed)
            trainer = Trainer(
                network,
                recipe,
                self.data,
                seed=wanted.seed,
                device=self.device,
                lease=self.lease,
                checkpoint=self.folder / f"{stem}.pt",
                progress=lambda result: self.tell(name, result),
            )
            if trainer.run().diverged:
                raise MeasurementError(f"The training of the teacher {name!r} diverged after step {trainer.step}.")
            trained = trainer.trained()
            assert isinstance(trained, Network)
            with turns.taken():
                state = networks.deploy(trained).state_dict()
                content = save({key: value.cpu().contiguous() for key, value in state.items()})
            write_whole(weights, content)
            (self.folder / f"{stem}.pt").unlink(missing_ok=True)
        return self._read(architecture, weights)

    def _read(self, architecture: Architecture, weights: Path | str) -> Network:
        with self._turns.taken():
            return networks.build(architecture, weights=weights)

    @property
    def _turns(self) -> Turns:
        return Turns(self.device, self.lease)
