"""Export a network as plain PyTorch: one readable file, its weights, a record and a README."""

import json
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from nas.errors import ExportError
from nas.export.readme import readme
from nas.export.source import model_source
from nas.language import Architecture
from nas.networks import Network, build
from nas.networks.network import Weights

TOLERANCE = 1e-6
"""Largest difference of the exported network from ours, where results are about 1."""


def export_pytorch(arch: Architecture, weights: Weights, out: Path, facts: Mapping[str, Any]) -> list[Path]:
    """Write ``model.py``, ``weights.safetensors``, ``model.json`` and ``README.md``.

    Args:
        arch: The architecture.
        weights: Its deployed form's weights: a state dict or a safetensors file.
        out: Folder to write to; it is made when missing.
        facts: Scores, device and provenance, as plain data; they go into ``model.json``.

    Returns:
        The files written.

    Raises:
        BuildError: The weights do not fit.
        ExportError: The facts are no plain data, or the file does not reproduce the network.
    """
    network = build(arch, weights)
    try:
        record = json.dumps(described(arch, facts), indent=2, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise ExportError(f"The facts are no plain data ({error}); use numbers, text, lists and mappings.") from error
    out.mkdir(parents=True, exist_ok=True)
    files = [out / name for name in ("model.py", "weights.safetensors", "model.json", "README.md")]
    files[0].write_text(model_source(arch), encoding="utf-8")
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    save_file(state, files[1])
    files[2].write_text(record, encoding="utf-8")
    files[3].write_text(readme(arch, facts), encoding="utf-8")
    check(files[0], network)
    return files


def described(arch: Architecture, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``model.json`` says."""
    return {
        "name": arch.name,
        "scale": arch.scale,
        "hash": arch.hash,
        "deployed_hash": arch.deployed_hash,
        "architecture": arch.to_dict(),
        **facts,
    }


@torch.inference_mode()
def check(path: Path, network: Network) -> None:
    """Raise ExportError unless the exported file computes what the network does."""
    exported = runpy.run_path(str(path))["load"]()
    image = torch.rand(1, 3, 37, 45, generator=torch.Generator().manual_seed(0))
    expected, found = (seeded(module, image) for module in (network, exported))
    difference = (found - expected).abs().max().item()
    if not difference <= TOLERANCE * max(expected.abs().max().item(), 1.0):
        raise ExportError(f"{path.name} differs from the network by {difference:.1e}; please report this architecture.")


def seeded(module: nn.Module, image: Tensor) -> Tensor:
    """Run a network; some draw random numbers, which are the same for all here."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        result: Tensor = module(image)
    return result
