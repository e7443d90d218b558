"""The trainer on a GPU: whole steps as CUDA graphs, in every number format."""

import pytest
import torch

from nas import networks
from nas.evaluate.quality.data import load
from nas.evaluate.quality.recipes import Stage, load_recipe
from nas.evaluate.quality.stages import RunningStage
from nas.evaluate.quality.training import Trainer
from nas.language import load_architecture
from nas.networks import Network

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")]

PLAIN = {
    "steps": 40,
    "patch": 24,
    "batch": 8,
    "loss": {"l1": 1.0, "frequency": 0.05},
    "optimizer": {"kind": "adam", "lr": 1e-3},
    "schedule": {"kind": "cosine"},
    "ema": 0.9,
    "grad_clip": 1.0,
}


def _stage(**changes: object) -> Stage:
    return load_recipe({"name": "gpu", "rungs": [40], "stages": [PLAIN | changes]}).stages[0]


def _network() -> Network:
    architecture = load_architecture("system:EMSR")
    network = networks.build(architecture, form="training")
    networks.start(network, architecture, 0)
    return network.cuda()


def test_a_captured_step_trains_as_one_that_is_not() -> None:
    losses = []
    for captured in (True, False):
        running = RunningStage(_network(), _stage(), note=pytest.fail)
        if not captured:
            running._replayed = None
        generator = torch.Generator("cuda").manual_seed(1)
        found = []
        for step in range(20):
            lr = torch.rand(8, 3, 24, 24, device="cuda", generator=generator)
            hr = torch.rand(8, 3, 96, 96, device="cuda", generator=generator)
            found.append(running.train(lr, hr, step))
        losses.append(torch.stack(found))
    assert torch.allclose(losses[0], losses[1], rtol=1e-3)


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16", "fp16"])
def test_every_format_trains(precision: str) -> None:
    recipe = load_recipe({"name": "gpu", "rungs": [40], "stages": [PLAIN | {"precision": precision}]})
    trainer = Trainer(_network(), recipe, load("embedded"), device="cuda")
    result = trainer.run()
    assert (result.step, result.diverged) == (40, False)
    assert all("capture" not in note for note in trainer.notes)
