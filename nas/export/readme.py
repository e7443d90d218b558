"""The README beside an exported network."""

from collections.abc import Mapping
from typing import Any

from nas.export.naming import title
from nas.language import Architecture

TEXT = """# {title}

Enlarges images {scale} times. {params:,} parameters, {flops:.2f} G multiply-accumulates for an image of 256 x 256.

`model.py` is the whole network; it needs PyTorch, safetensors for the weights, and Pillow when it is run on a picture:

    pip install torch safetensors pillow
    python model.py IMAGE OUT

In a program:

    from model import load

    network = load()            # torch.nn.Module, evaluation mode
    enlarged = network(image)   # (B, 3, H, W) in [0, 1] -> (B, 3, {scale} H, {scale} W)

| file | holds |
|---|---|
| `model.py` | the network in its deployed form, every number in place |
| `weights.safetensors` | its weights; `load()` reads them |
| `model.json` | the architecture, its hashes, and how it was found and measured |
"""


def readme(arch: Architecture, facts: Mapping[str, Any]) -> str:
    """Return the README; plain numbers and words among the facts stand in a table."""
    cost = arch.graph.cost(256, 256)
    text = TEXT.format(title=title(arch.name), scale=arch.scale, params=cost.params, flops=cost.flops / 1e9)
    known = {name: value for name, value in facts.items() if isinstance(value, str | int | float | bool)}
    rows = "".join(f"| {name} | {_cell(value)} |\n" for name, value in known.items())
    return f"{text}\n| fact | value |\n|---|---|\n{rows}" if rows else text


def _cell(value: object) -> str:
    shown = f"{value:.6g}" if isinstance(value, float) else str(value)
    return " ".join(shown.replace("|", "\\|").split())
