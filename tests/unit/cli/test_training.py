"""Train, judge, enlarge, measure and export one small network, as a user would."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from nas.cli import monitor
from nas.cli.entry import run
from nas.cli.train import folder
from nas.cli.training import Order, carry_out
from nas.evaluate.latency import lease
from nas.evaluate.quality.data import load
from nas.evaluate.quality.recipes import load_recipe
from nas.language import Architecture, load_architecture
from tests.unit.cli.conftest import Nas
from tests.unit.evaluate.quality.samples import Book, OnlyWhileHeld

SMALL = """
language: 1
name: small
scale: 4
network:
  width: 8
  head: {op: conv, train: {op: conv3xc}}
  body: [{repeat: 2, block: {op: spab}}]
  tail: {op: pixelshuffle, kernel: 3}
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file of a network that trains in no time."""
    file = tmp_path_factory.mktemp("small") / "small.yaml"
    file.write_text(SMALL)
    return str(file)


@pytest.fixture(scope="module")
def weights(small: str) -> str:
    """Its weights after a few steps."""
    out = Path(small).parent / "out"
    words = ["train", small, "--steps", "2", "--device", "cpu", "--out", str(out)]
    assert run([*words, "--database", f"sqlite:///{out.parent}/nas.db"]) == 0
    return str(out / "weights.safetensors")


def test_training_says_what_was_reached_and_writes_it(nas: Nas, small: str, weights: str) -> None:
    record = json.loads((Path(weights).parent / "model.json").read_text())
    judged = nas("evaluate", small, "--weights", weights, "--device", "cpu", "--json").document

    assert (record["recipe"], record["seed"], record["steps"]) == ("demo", 0, 2)
    assert record["hash"] == nas("cost", small, "--json").document["hash"]
    assert judged["psnr_db"] == pytest.approx(record["psnr_db"], abs=1e-6)
    assert judged["bicubic_psnr_db"] == pytest.approx(record["bicubic_psnr_db"])
    assert set(judged["per_image"]) == set(judged["bicubic_ssim_per_image"]) == {"coffee", "china"}
    assert judged["bicubic_ssim"] == pytest.approx(sum(judged["bicubic_ssim_per_image"].values()) / 2)


def test_all_photographs_of_a_folder_judge_on_demand(nas: Nas, small: str, weights: str, tmp_path: Path) -> None:
    for number in range(3):
        Image.effect_noise((64, 56), 40 + number).convert("RGB").save(tmp_path / f"{number}.png")
    words = ["evaluate", small, "--weights", weights, "--device", "cpu", "--data", str(tmp_path)]

    assert len(nas(*words, "--json").document["per_image"]) == 1
    result = nas(*words, "--all", "--tile", "48")
    first_words = [line.split()[0] for line in result.out.splitlines()]
    assert sorted(first_words) == ["0.png", "1.png", "2.png", "image", "mean"]
    assert "tiles of 48" in result.err


def test_a_picture_in_tiles_is_the_same(nas: Nas, small: str, weights: str, tmp_path: Path) -> None:
    Image.effect_noise((110, 60), 60).convert("RGB").save(tmp_path / "in.png")
    words = ["upscale", small, "--weights", weights, "--device", "cpu", str(tmp_path / "in.png")]
    assert nas(*words, str(tmp_path / "whole.png")).status == 0
    assert nas(*words, str(tmp_path / "tiles.png"), "--tile", "48").status == 0

    whole, tiles = (np.asarray(Image.open(tmp_path / f"{name}.png")).astype(int) for name in ("whole", "tiles"))
    assert abs(whole - tiles).max() <= 1


def test_training_goes_on_where_it_stopped(nas: Nas, small: str, weights: str, tmp_path: Path) -> None:
    folder = str(shutil.copytree(Path(weights).parent, tmp_path / "copy"))

    document = nas("train", small, "--steps", "3", "--device", "cpu", "--out", folder, "--json").document

    assert document["steps"] == 3


def test_both_forms_are_written_and_reach_the_same(nas: Nas, small: str, weights: str) -> None:
    folder = Path(weights).parent
    record = json.loads((folder / "model.json").read_text())

    assert record["training_form"]["psnr_db"] == pytest.approx(record["psnr_db"], abs=1e-3)
    assert len(load_file(folder / "training.safetensors")) > len(load_file(weights))
    assert nas("cost", str(folder / "architecture.json"), "--json").document["hash"] == record["hash"]


def test_tensorboard_events_are_written(weights: str) -> None:
    (events,) = (Path(weights).parent / "events").iterdir()
    content = events.read_bytes()
    assert b"loss" in content
    assert b"patches_per_second" in content


def test_psnr_is_shown_while_training(nas: Nas, small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "LEAST_SECONDS", 0.0)
    result = nas("train", small, "--steps", "1", "--device", "cpu", "--out", str(tmp_path), "--json")
    (events,) = (tmp_path / "events").iterdir()
    assert b"bicubic_psnr_db" in events.read_bytes()
    assert "1 of 1" in result.err


def test_the_same_command_twice_gives_the_same_weights(nas: Nas, small: str, weights: str, tmp_path: Path) -> None:
    nas("train", small, "--steps", "2", "--device", "cpu", "--out", str(tmp_path))
    for name in ("weights.safetensors", "training.safetensors"):
        assert (tmp_path / name).read_bytes() == (Path(weights).parent / name).read_bytes()


def test_trainings_that_were_told_no_folder_do_not_meet(small: str) -> None:
    architecture = load_architecture(small)
    nameless = Architecture({key: value for key, value in architecture.to_dict().items() if key != "name"})
    assert folder(architecture, "demo", 3) == Path("trained/small-demo-3")
    assert folder(architecture, "my/own recipe", 0) == Path("trained/small-my_own_recipe-0")
    assert folder(nameless, "demo", 0) == Path(f"trained/{architecture.hash[3:15]}-demo-0")


TAUGHT = """
name: taught
rungs: [1]
teachers: {big: {architecture: self}}
stages:
  - {steps: 1, patch: 16, batch: 2, loss: {l1: 1}, optimizer: {kind: adam, lr: 1e-3}, schedule: {kind: constant},
     distil: [{teacher: big, output: {l1: 1}}]}
"""


def test_a_teacher_is_given_by_name(nas: Nas, small: str, weights: str, tmp_path: Path) -> None:
    (tmp_path / "taught.yaml").write_text(TAUGHT)
    words = [
        "train",
        small,
        "--recipe",
        str(tmp_path / "taught.yaml"),
        "--device",
        "cpu",
        "--out",
        str(tmp_path),
        "--json",
    ]
    assert nas(*words, "--teacher", f"big={weights}").document["steps"] == 1
    for wrong, sentence in ((["--teacher", weights], "NAME=FILE"), ([], "--teacher big=FILE")):
        result = nas(*words, *wrong)
        assert (result.status, result.out) == (2, "")
        assert sentence in result.err


WILD = """
name: wild
rungs: [9]
stages:
  - {steps: 9, patch: 16, batch: 2, loss: {l1: 1}, optimizer: {kind: adam, lr: 1e30}, schedule: {kind: constant}}
"""


def test_a_training_that_diverges_fails_and_says_what_is_left(nas: Nas, small: str, tmp_path: Path) -> None:
    (tmp_path / "wild.yaml").write_text(WILD)
    words = ["train", small, "--recipe", str(tmp_path / "wild.yaml"), "--device", "cpu", "--out", str(tmp_path)]
    first = nas(*words)
    assert (first.status, first.out) == (1, "")
    assert "diverged after step 1; that was before its first checkpoint" in first.err
    nas(*words, "--steps", "1")
    assert f"{tmp_path / 'checkpoint.pt'} holds what was good" in nas(*words).err.replace("\n", "")


PRUNED = """
name: pruned
rungs: [1]
stages:
  - {steps: 1, patch: 16, batch: 2, loss: {l1: 1}, optimizer: {kind: adam, lr: 1e-3}, schedule: {kind: constant},
     prune: [{layer: conv_2, keep: 5}]}
"""


def test_a_pruned_network_is_another_architecture(nas: Nas, tmp_path: Path) -> None:
    (tmp_path / "pruned.yaml").write_text(PRUNED)
    (tmp_path / "net.yaml").write_text(SMALL.replace("  tail:", "  fuse: {op: conv}\n  tail:"))
    words = ["--recipe", str(tmp_path / "pruned.yaml"), "--device", "cpu", "--out", str(tmp_path), "--json"]
    document = nas("train", str(tmp_path / "net.yaml"), *words).document
    weights = load_file(document["weights"])
    assert weights["conv_2.weight"].shape[0] == 5
    found = nas("cost", str(tmp_path / "architecture.json"), "--json").document
    assert found["hash"] == document["hash"]
    assert found["params"] == sum(value.numel() for value in weights.values())


def test_a_picture_is_enlarged(nas: Nas, small: str, weights: str, tmp_path: Path) -> None:
    Image.effect_noise((24, 17), 60).convert("RGB").save(tmp_path / "in.png")
    result = nas(
        "upscale", small, "--weights", weights, "--device", "cpu", str(tmp_path / "in.png"), str(tmp_path / "out.png")
    )

    assert result.status == 0, result.err
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.size == (96, 68)


@pytest.mark.parametrize(
    ("source", "target"), [("missing.png", "out.png"), ("text.png", "out.png"), ("in.png", "out.what")]
)
def test_what_cannot_be_enlarged_is_one_sentence(
    nas: Nas, small: str, weights: str, tmp_path: Path, source: str, target: str
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "in.png")
    (tmp_path / "text.png").write_text("no picture")
    result = nas("upscale", small, "--weights", weights, str(tmp_path / source), str(tmp_path / target))

    assert result.status == 2
    assert len(result.err.strip().splitlines()) == 1


def test_weights_of_another_network_are_refused(nas: Nas, weights: str) -> None:
    result = nas("evaluate", "system:EMSR", "--weights", weights)

    assert (result.status, result.out) == (2, "")
    assert len(result.err.strip().splitlines()) == 1


def test_a_network_is_exported_with_given_weights(nas: Nas, small: str, weights: str, tmp_path: Path) -> None:
    out = tmp_path / "exported"
    document = nas("export", small, "--weights", weights, "--out", str(out), "--json").document

    assert {Path(file).name for file in document["files"]} >= {"model.py", "weights.safetensors", "model.json"}
    assert json.loads((out / "model.json").read_text())["hash"] == document["hash"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["system:EMSR"],
        ["nope"],
        ["a1:0"],
        ["system:EMSR", "--format", "punchcard"],
        ["system:EMSR", "--weights", "no.safetensors"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_exported_is_one_sentence(nas: Nas, tmp_path: Path, arguments: list[str]) -> None:
    result = nas("export", *arguments, "--out", str(tmp_path / "out"))

    assert (result.status, result.out) == (2, "")
    assert len(result.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_latency_is_a_ratio_with_its_provenance(nas: Nas, small: str, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (20, 16)).save(tmp_path / "images" / "one.png")
    words = ["--device", "cpu", "--images", str(tmp_path / "images"), "--json"]
    (found,) = nas("measure", small, *words).document

    assert found["status"] in {"ok", "unstable"}
    assert found["shapes"] == [{"height": 16, "width": 20, "count": 1}]
    assert found["ratio"] < 1
    assert found["device"]["uuid"]


def test_a_folder_without_pictures_has_no_sizes(nas: Nas, small: str, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()

    assert nas("measure", small, "--images", str(tmp_path / "images")).status == 2


def test_nothing_is_computed_while_the_device_is_not_held(small: str, weights: str, tmp_path: Path) -> None:
    book, recipe, data = Book(), load_recipe("demo"), load("embedded", 4)
    architecture, cpu = load_architecture(small), torch.device("cpu")
    with pytest.MonkeyPatch.context() as patch, OnlyWhileHeld(book):
        patch.setattr(lease, "shared", lambda uuid: book.shared())
        patch.setattr(monitor, "LEAST_SECONDS", 0.0)
        carry_out(Order(architecture, recipe, data, seed=0, device=cpu, steps=2, out=tmp_path))
    assert not book.held
    assert (tmp_path / "weights.safetensors").read_bytes() == Path(weights).read_bytes()
