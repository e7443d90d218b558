"""From the training form to the deployed form."""

from copy import deepcopy
from typing import cast

import torch
from torch import nn

from nas.networks.network import Network, load


@torch.no_grad()
def deploy(network: Network) -> Network:
    """Merge every training branch; returns a new network in evaluation mode, on the same device."""
    state = merged(deepcopy(network)).state_dict()
    with torch.random.fork_rng(devices=[]):  # whose first weights are not kept
        deployed = Network(network.graph, "deployed").to(network.mean)
    load(deployed, state)
    return deployed.eval()


def merged(module: nn.Module) -> nn.Module:
    """Replace every part that has ``merge`` by what it merges into."""
    merge = getattr(module, "merge", None)
    if callable(merge):
        return cast(nn.Module, merge())
    for name, child in module.named_children():
        setattr(module, name, merged(child))
    return module
