"""Train, judge, enlarge, measure and export one small network, as a user would."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.cli.entry import run
from tests.unit.cli.conftest import Nas

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
