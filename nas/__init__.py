"""Hardware-aware neural architecture search for efficient super-resolution.

The five functions below are the way in from Python; torch is imported only when ``build`` is called.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import nn

    from nas.language import Architecture, Space
    from nas.ops.base import Cost
    from nas.scoring import Score

__all__ = ["architecture", "build", "cost", "score", "space"]


def space(source: "str | Path | Mapping[str, Any] | Space") -> "Space":
    """Return a search space from a ready-made name, a YAML or JSON file, or plain data.

    Raises:
        nas.errors.NasError: It does not exist or breaks a rule of the language.
    """
    from nas.language import load_space

    return load_space(source)


def architecture(source: "str | Path | Mapping[str, Any] | Architecture") -> "Architecture":
    """Return an architecture from ``system:NAME``, a YAML or JSON file, or plain data.

    Raises:
        nas.errors.NasError: It does not exist or breaks a rule of the language.
    """
    from nas.language import load_architecture

    return load_architecture(source)


def cost(source: "str | Path | Mapping[str, Any] | Architecture", *, height: int = 256, width: int = 256) -> "Cost":
    """Return params, FLOPs, activations and convolutions of the deployed form for one height x width image.

    Raises:
        nas.errors.NasError: The architecture does not exist or breaks a rule of the language.
    """
    from nas import costing

    return costing.cost(architecture(source), height, width)


def score(*, runtime_ms: float, params: int, flops: int, baseline_runtime_ms: float) -> "Score":
    """Return the challenge's score of a network; the baseline ran on the same device in the same window.

    Args:
        runtime_ms: Mean runtime of one image, in milliseconds.
        params: Parameters of the deployed form.
        flops: Multiply-accumulates of one 3x256x256 input.
        baseline_runtime_ms: Runtime of the baseline, in milliseconds.

    Raises:
        nas.errors.NasError: A value is not finite or not above 0.
    """
    from nas import scoring

    return scoring.score(runtime_ms, params, flops, baseline_runtime_ms)


def build(
    source: "str | Path | Mapping[str, Any] | Architecture",
    weights: "str | Path | Mapping[str, Any] | None" = None,
    form: 'Literal["training", "deployed"]' = "deployed",
) -> "nn.Module":
    """Return the network of an architecture: (B, 3, H, W) in [0, 1] -> (B, 3, s * H, s * W), s its scale.

    Args:
        source: As for ``architecture``.
        weights: A safetensors file or a state dict that fits key by key; None leaves the initial weights.
        form: ``deployed``, or ``training`` with the branches that merge.

    Raises:
        nas.errors.NasError: The architecture breaks a rule, or the weights do not fit.
    """
    from nas import networks

    return networks.build(architecture(source), weights=weights, form=form)
