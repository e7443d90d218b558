import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from nas.export import export_pytorch
from nas.export.running import enlarge, enlarge_file
from nas.language import load_architecture
from nas.networks import build, start

NEAREST = nn.Upsample(scale_factor=2)


class Local(nn.Module):
    """A network that sees three pixels each way and the border's zeros."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.largest = nn.Conv2d(3, 12, 7, padding=3), 0

    def forward(self, x: Tensor) -> Tensor:
        self.largest = max(self.largest, x.shape[-1] * x.shape[-2])
        return nn.functional.pixel_shuffle(self.conv(x), 2)


@pytest.mark.parametrize("size", [(40, 37), (16, 90), (33, 32)])
def test_tiles_show_no_seams(size: tuple[int, int]) -> None:
    network, image = Local(), torch.rand(1, 3, *size)
    tiled = enlarge(network, image, 2, tile=16, margin=3)
    assert network.largest <= 22 * 22
    with torch.inference_mode():
        assert torch.allclose(tiled, network(image), atol=1e-6)


def test_small_images_are_enlarged_whole() -> None:
    network = Local()
    enlarge(network, torch.rand(1, 3, 20, 25), 2, tile=16)
    assert network.largest == 20 * 25


def opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        picture.load()
    return picture


def gradient(mode: str) -> Image.Image:
    """A picture of 5 x 4 pixels that differ, as transparent as they are bright."""
    grey = Image.linear_gradient("L").resize((5, 4))
    picture = Image.merge("RGBA", (grey, grey, grey, grey))
    return picture.convert(mode) if mode in ("RGBA", "LA") else picture.convert("RGB").convert(mode)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
def test_pictures_keep_their_mode_and_every_pixel_its_place(mode: str, tmp_path: Path) -> None:
    gradient(mode).save(tmp_path / "in.png")
    enlarge_file(NEAREST, tmp_path / "in.png", tmp_path / "out.png", 2)
    result = opened(tmp_path / "out.png")
    assert (result.mode, result.size) == (mode, (10, 8))
    colours = [picture.convert("RGBA").convert("RGB") for picture in (result, gradient(mode))]
    assert colours[0].resize((5, 4), Image.Resampling.NEAREST).tobytes() == colours[1].tobytes()


@pytest.mark.parametrize("mode", ["1", "CMYK", "LAB"])
def test_other_modes_become_colours(mode: str, tmp_path: Path) -> None:
    Image.new(mode, (5, 4)).save(tmp_path / "in.tiff")
    enlarge_file(NEAREST, tmp_path / "in.tiff", tmp_path / "out.png", 2)
    assert opened(tmp_path / "out.png").mode == "RGB"


def test_a_palette_with_a_transparent_colour_keeps_it(tmp_path: Path) -> None:
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([255, 0, 0, 0, 255, 0])
    picture.save(tmp_path / "in.png", transparency=1)
    enlarge_file(NEAREST, tmp_path / "in.png", tmp_path / "out.png", 2)
    assert opened(tmp_path / "out.png").getpixel((0, 0)) == (0, 255, 0, 0)


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    Image.new("I;16", (4, 4), 0x8080).save(tmp_path / "in.png")
    enlarge_file(NEAREST, tmp_path / "in.png", tmp_path / "out.png", 2)
    assert opened(tmp_path / "out.png").getpixel((0, 0)) == 0x80


def test_a_jpeg_loses_its_transparency(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (10, 20, 30, 40)).save(tmp_path / "in.png")
    enlarge_file(NEAREST, tmp_path / "in.png", tmp_path / "out.jpg", 2)
    assert opened(tmp_path / "out.jpg").mode == "RGB"


def test_a_picture_on_its_side_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (6, 4)).save(tmp_path / "in.jpg", exif=exif)
    enlarge_file(NEAREST, tmp_path / "in.jpg", tmp_path / "out.png", 2)
    assert opened(tmp_path / "out.png").size == (8, 12)


def test_the_exported_file_enlarges_a_picture_from_the_command_line(tmp_path: Path) -> None:
    arch = load_architecture("system:EMSR")
    network = build(arch)
    start(network, arch, 0)
    export_pytorch(arch, network.state_dict(), tmp_path, {})
    Image.radial_gradient("L").resize((19, 23)).convert("RGB").save(tmp_path / "in.png")
    command = [sys.executable, "-I", "-W", "ignore", str(tmp_path / "model.py")]
    subprocess.run([*command, str(tmp_path / "in.png"), str(tmp_path / "out.png")], check=True, cwd="/")
    enlarge_file(network, tmp_path / "in.png", tmp_path / "ours.png", 4)
    assert (tmp_path / "out.png").read_bytes() == (tmp_path / "ours.png").read_bytes()
    wrong = subprocess.run([*command, "one"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stderr) == (1, "Usage: python model.py IMAGE OUT\n")
