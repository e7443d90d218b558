"""``nas train`` killed without warning, and the same command run again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

NETWORK = """
language: 1
name: small
scale: 4
network:
  width: 8
  head: {op: conv, train: {op: conv3xc}}
  body: [{repeat: 2, block: {op: spab}}]
  tail: {op: pixelshuffle, kernel: 3}
"""
RECIPE = """
name: two
rungs: [100]
stages:
  - steps: 50
    patch: 12
    batch: 4
    loss: {l2: 1}
    optimizer: {kind: adam, lr: 1e-3}
    schedule: {kind: cosine}
    ema: 0.9
  - steps: 50
    patch: 16
    batch: 2
    loss: {l1: 1}
    optimizer: {kind: sgd, lr: 1e-3, momentum: 0.9}
    schedule: {kind: constant}
    average: {begin: 0.5, every: 3}
    augment: {mixup: 0.2, colours: true}
"""
OFTEN = """
import sys
from nas.evaluate.quality import training
training.CHECKPOINT_SECONDS, training.CHUNK_SECONDS = 0.0, 0.0
from nas.cli import main
main(sys.argv[1:])
"""
"""The command, with as many chunks and checkpoints as a long training has."""


def _command(folder: Path, out: str) -> list[str]:
    recipe = ["--recipe", str(folder / "two.yaml"), "--seed", "3", "--device", "cpu", "--json"]
    words = ["train", str(folder / "small.yaml"), *recipe, "--out", str(folder / out)]
    return [sys.executable, "-c", OFTEN, *words, "--database", f"sqlite:///{folder / 'nas.db'}"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "small.yaml").write_text(NETWORK)
    (tmp_path / "two.yaml").write_text(RECIPE)
    monkeypatch.setenv("NAS_LEASE_DIR", str(tmp_path / "leases"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path


def _kill_midway(command: list[str], checkpoint: Path, *, saves: int) -> None:
    """Kill -9 once the checkpoint has been written so often."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        seen: set[int] = set()
        while len(seen) < saves:
            assert process.poll() is None, "the training ended before it could be killed"
            if checkpoint.exists():
                seen.add(checkpoint.stat().st_mtime_ns)
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


def test_a_killed_training_run_again_ends_with_the_same_bits(folder: Path) -> None:
    undisturbed = subprocess.run(_command(folder, "whole"), check=True, capture_output=True)
    _kill_midway(_command(folder, "killed"), folder / "killed" / "checkpoint.pt", saves=60)
    resumed = subprocess.run(_command(folder, "killed"), check=True, capture_output=True)

    one, other = (json.loads(process.stdout) for process in (undisturbed, resumed))
    assert other["steps"] == one["steps"] == 100
    assert other["psnr_db"] == one["psnr_db"]
    assert one["psnr_db"] == pytest.approx(one["training_form"]["psnr_db"], abs=1e-3)
    for name in ("weights.safetensors", "training.safetensors"):
        assert (folder / "killed" / name).read_bytes() == (folder / "whole" / name).read_bytes()
