"""Trained in every training form, a network and its merged form reach the same PSNR."""

import pytest
import torch

from nas import networks
from nas.evaluate.quality.data import ImageSet
from nas.evaluate.quality.results import psnr_db
from nas.evaluate.quality.training import Trainer
from nas.language import Architecture
from nas.networks import Network
from nas.ops import registry
from tests.unit.evaluate.quality.samples import recipe, stage, started

FORMS = [name for name, op in registry().items() if op.kind == "training"]
FAST = recipe(stage(steps=12, patch=12, optimizer={"kind": "adam", "lr": 5e-3}, ema=0.9))


def _architecture(form: str) -> Architecture:
    groups = 8 if form == "multi_kernel" else 1
    conv = {"op": "conv", "groups": groups, "train": form}
    head = "conv" if groups > 1 else {"op": "conv", "train": form}
    network = {
        "input": {"mean": "div2k", "gain": 255},
        "width": 8,
        "head": head,
        "body": [conv, "silu", conv],
        "tail": {"op": "pixelshuffle", "kernel": 3, "plus": {"op": "resize", "scale": 4, "in": "image"}},
    }
    return Architecture({"language": 1, "scale": 4, "network": network})


@pytest.mark.parametrize("form", FORMS)
def test_merging_after_training_changes_no_psnr(form: str, photographs: ImageSet) -> None:
    before = started(_architecture(form))
    trainer = Trainer(before, FAST, photographs)
    start = {name: value.clone() for name, value in before.state_dict().items()}
    trainer.run()
    trained = trainer.trained()
    assert isinstance(trained, Network)
    assert any(not torch.equal(value, start[name]) for name, value in trained.state_dict().items())
    merged = networks.deploy(trained)
    assert psnr_db(merged, photographs, trainer.device) == pytest.approx(
        psnr_db(trained, photographs, trainer.device), abs=1e-3
    )
