"""From a published file to the weights of our deployed network."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from nas.errors import BuildError
from nas.language import Graph, load_architecture
from nas.networks.deploying import deploy
from nas.networks.network import Network, load
from nas.networks.published.checkpoint import read_checkpoint
from nas.networks.published.judging import likeliest
from nas.networks.published.table import Source, Table, load_tables


def import_weights(system: str, path: Path | str) -> dict[str, Tensor]:
    """Return the weights of a published system, as its deployed network here names them.

    Args:
        system: The system's name.
        path: The checkpoint as its team published it.

    Raises:
        UnknownNameError: There is no such system.
        RequestError: The file is missing, damaged, or holds code, or no table says what it should hold.
        BuildError: A tensor is missing, has another shape, or has no place; the first one is named.
    """
    tables = load_tables(system)
    given = read_checkpoint(Path(path), tables[0].wrapper)
    graph = load_architecture(f"system:{system}").graph
    networks = [_network(graph, given, table) for table in tables]
    network = networks[0] if len(networks) == 1 else likeliest(networks)
    return {name: tensor.detach().contiguous() for name, tensor in network.state_dict().items()}


def _network(graph: Graph, given: Mapping[str, Tensor], table: Table) -> Network:
    # Published training forms see the scaled image, ours a tamer one; the weights must be merged as they are.
    unscaled = replace(graph, input=replace(graph.input, gain=1.0))
    network = Network(unscaled, table.form)
    load(network, fitted(network.state_dict(), given, table))
    weights = deploy(network).state_dict()
    deployed = Network(graph).eval()
    load(deployed, weights)
    return deployed


def fitted(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor], table: Table) -> dict[str, Tensor]:
    """Return the published tensors under our names, in our shapes and precision.

    Raises:
        BuildError: The first tensor that does not fit, by its published name.
    """
    state, used = {}, set()
    for name, ours in wanted.items():
        source = table.source(name)
        used.add(source.key)
        state[name] = _one(given, source, table.system, like=ours)
    for key in given:
        if key not in used and not table.ignores(key):
            raise BuildError(f"The file holds {key!r}, which {table.system} lacks; give the weights of {table.system}.")
    return state


def _one(given: Mapping[str, Tensor], source: Source, system: str, *, like: Tensor) -> Tensor:
    key, shape = source.key, source.shape or tuple(like.shape)
    if key not in given:
        raise BuildError(f"The file has no {key!r}, which {system} needs; give the weights of {system}.")
    found = given[key]
    if tuple(found.shape) != shape:
        shapes = f"{tuple(found.shape)}, where {system} has {shape}"
        raise BuildError(f"The file holds {key!r} of shape {shapes}; give the weights of {system}.")
    if found.is_floating_point() != like.is_floating_point():
        kinds = f"of {found.dtype}, where {system} has {like.dtype}"
        raise BuildError(f"The file holds {key!r} {kinds}; give the weights of {system}.")
    if source.turned is not None:
        found = found.reshape(source.turned).t()
    return found.to(like.dtype).reshape(like.shape)
