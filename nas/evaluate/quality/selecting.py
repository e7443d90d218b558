"""Which parameters a stage trains, and which layers a name or pattern means."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from torch import nn

from nas.errors import RecipeError
from nas.networks import Network
from nas.networks.forms import Lora


def trained(network: nn.Module, trains: str | Sequence[str]) -> list[str]:
    """Names of the parameters that ``trains`` means, of those that the architecture does not freeze.

    Raises:
        RecipeError: there are none.
    """
    names = [name for name, _ in network.named_parameters()]
    factors = {
        f"{name}.{factor}" if name else factor
        for name, module in network.named_modules()
        if isinstance(module, Lora)
        for factor in ("up", "down")
    }
    if trains == "all":
        return names
    if trains == "base":
        return [name for name in names if name not in factors]
    if trains == "lora":
        if not factors:
            raise RecipeError(
                "A stage trains low-rank factors only, but no layer of the network has them; give convolutions "
                "the training form lora."
            )
        return [name for name in names if name in factors]
    return [name for name in names if _meets(name, _used(trains, names, "parameter"))]


def layers(network: nn.Module, patterns: Iterable[str]) -> list[str]:
    """Names of the layers that patterns mean: in the order of the patterns, those of one as they run.

    Raises:
        RecipeError: a pattern means none.
    """
    steps = dict.fromkeys(step.name for step in network.steps) if isinstance(network, Network) else {}
    within = [name for name, _ in network.named_modules() if name and name not in steps]
    found: dict[str, None] = {}
    for pattern in _used(patterns, [*steps, *within], "layer"):
        top = [name for name in steps if fnmatchcase(name, pattern)]
        found.update(dict.fromkeys(top or [name for name in within if fnmatchcase(name, pattern)]))
    return list(found)


def _used(patterns: str | Iterable[str], names: Sequence[str], kind: str) -> list[str]:
    chosen = [patterns] if isinstance(patterns, str) else list(patterns)
    for pattern in chosen:
        if not any(fnmatchcase(name, pattern) for name in names):
            shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
            raise RecipeError(f"The network has no {kind} {pattern!r} that a stage names; it has {shown}.")
    return chosen


def _meets(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
