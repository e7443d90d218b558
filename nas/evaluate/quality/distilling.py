"""Learning from teachers: their output, and how their features relate one place of the image to another."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas.errors import RecipeError
from nas.evaluate.quality.features import Distillation, FeatureDistillation
from nas.evaluate.quality.losses import weigh
from nas.evaluate.quality.selecting import layers

MOST_PLACES = 32
"""Features larger than this are averaged down before places are compared; the comparison grows as its fourth power."""

FAINT = 1e-3
"""A feature shorter than this counts for less: at zero its direction is undefined, and the gradient knows no bound."""


class Taps:
    """Results of a network's layers, taken while it runs.

    Hooks stand only as long as ``open`` does, so that copies of the network carry none.
    """

    def __init__(self, network: nn.Module, names: Sequence[str]) -> None:
        self._layers = {name: network.get_submodule(name) for name in names}
        self.seen: dict[str, Tensor] = {}

    @contextmanager
    def open(self) -> Iterator[None]:
        """Collect what the layers return, each layer's last result; forgotten afterwards."""
        hooks = [layer.register_forward_hook(self._taker(name)) for name, layer in self._layers.items()]
        try:
            yield
        finally:
            self.seen.clear()
            for hook in hooks:
                hook.remove()

    def _taker(self, name: str) -> Any:
        def take(_: nn.Module, __: Any, result: Any) -> None:
            self.seen[name] = result[0] if isinstance(result, tuple) else result

        return take


class Distiller:
    """The loss against one teacher.

    Raises:
        RecipeError: the layers of student and teacher do not pair up.
    """

    def __init__(self, distillation: Distillation, student: nn.Module, teacher: nn.Module) -> None:
        self._distillation = distillation
        self._teacher = teacher.eval().requires_grad_(False)
        features = distillation.features
        self.pairs: list[tuple[str, str]] = []
        if features is not None:
            own, others = layers(student, features.layers), layers(teacher, features.of_teacher or features.layers)
            if len(own) != len(others):
                raise RecipeError(
                    f"A stage pairs {len(own)} layers of the student with {len(others)} of the teacher "
                    f"{distillation.teacher!r}; name as many of each."
                )
            self.pairs = list(zip(own, others, strict=True))
        self._taps = Taps(teacher, [name for _, name in self.pairs])

    def __call__(self, lr_bchw: Tensor, sr_bchw: Tensor, student: Mapping[str, Tensor]) -> Tensor:
        """The loss of one batch: what the student restored, and the results of its layers by name."""
        loss = sr_bchw.new_zeros((), dtype=torch.float32)
        with self._taps.open():
            with torch.no_grad():
                taught = self._teacher(lr_bchw)
            if self._distillation.output is not None:
                loss = loss + weigh(self._distillation.output, sr_bchw, taught)
            for own, other in self.pairs:
                assert self._distillation.features is not None
                loss = loss + distance(self._distillation.features, student[own], self._taps.seen[other])
        return loss


def distance(features: FeatureDistillation, student_bchw: Tensor, teacher_bchw: Tensor) -> Tensor:
    """How far a feature is from the teacher's, weighted, in float32.

    Shapes:
        student_bchw: (B, C, h, w)
        teacher_bchw: (B, C', h, w); for l1 and l2, C' is C
        returns: a scalar

    Raises:
        RecipeError: the features cannot be compared.
    """
    same = student_bchw.shape if features.kind != "affinity" else (*student_bchw.shape[:1], *student_bchw.shape[2:])
    other = teacher_bchw.shape if features.kind != "affinity" else (*teacher_bchw.shape[:1], *teacher_bchw.shape[2:])
    if same != other:
        raise RecipeError(
            f"A stage compares a feature of shape {tuple(student_bchw.shape)} with a teacher's of "
            f"{tuple(teacher_bchw.shape)}; choose other layers, or affinity, which needs one height and width only."
        )
    with torch.autocast(student_bchw.device.type, enabled=False):
        one, two = student_bchw.float(), teacher_bchw.float()
        if features.kind == "affinity":
            return features.weight * F.l1_loss(affinity(one), affinity(two))
        return features.weight * (F.l1_loss(one, two) if features.kind == "l1" else F.mse_loss(one, two))


def affinity(feature_bchw: Tensor) -> Tensor:
    """Cosine similarity of every place with every other: (B, h * w, h * w).

    Reference:
        He et al., FAKD: Feature-affinity based knowledge distillation for efficient image super-resolution, 2020.
    """
    if max(feature_bchw.shape[2:]) > MOST_PLACES:
        feature_bchw = F.adaptive_avg_pool2d(feature_bchw, MOST_PLACES)
    places = F.normalize(feature_bchw.flatten(2), dim=1, eps=FAINT)
    return places.transpose(1, 2) @ places
