"""What each op does: its torch module and training forms; the networks built of them, and their deployed form."""

from nas.networks import (
    activation,
    attention,
    block,
    channel,
    conv,
    fusion,
    involution,
    modulation,
    norm,
    pooled,
    refining,
    separable,
)
from nas.networks.calls import Call, Form, call
from nas.networks.deploying import deploy
from nas.networks.network import Network, build, load, steps
from nas.networks.starting import Start, start

__all__ = [
    "Call",
    "Form",
    "Network",
    "Start",
    "activation",
    "attention",
    "block",
    "build",
    "call",
    "channel",
    "conv",
    "deploy",
    "fusion",
    "involution",
    "load",
    "modulation",
    "norm",
    "pooled",
    "refining",
    "separable",
    "start",
    "steps",
]
