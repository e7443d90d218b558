from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from nas.errors import DataError
from nas.evaluate.quality.data import ImageSet, load


def _write(folder: Path, count: int, *, start: int = 0, suffix: str = "png") -> None:
    for number in range(start, start + count):
        pixels = np.random.default_rng(number).integers(0, 256, (52, 61, 3), dtype=np.uint8)
        Pillow.fromarray(pixels).save(folder / f"{number:03}.{suffix}")


def _names(data: ImageSet) -> tuple[set[str], set[str]]:
    return {pair.name for pair in data.train}, {pair.name for pair in data.validation}


def test_embedded_photographs_are_split_by_their_list() -> None:
    train, validation = _names(load("embedded"))
    assert validation == {"coffee", "china"}
    assert train == {"astronaut", "chelsea", "rocket", "hubble_deep_field", "flower"}


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_photographs_are_cut_to_multiples_of_the_scale(scale: int, tmp_path: Path) -> None:
    _write(tmp_path, 3)
    for pair in load(tmp_path, scale).train:
        assert tuple(pair.hr.shape) == (52 // scale * scale, 61 // scale * scale, 3)
        assert tuple(pair.lr.shape) == (52 // scale, 61 // scale, 3)


@pytest.mark.parametrize("suffix", ["png", "jpg", "JPEG", "webp"])
def test_each_format_is_read(suffix: str, tmp_path: Path) -> None:
    _write(tmp_path, 2, suffix=suffix)
    data = load(tmp_path)
    assert len(data.train) == len(data.validation) == 1


@pytest.mark.parametrize("mode", ["L", "P", "1", "RGBA", "LA", "I;16"])
def test_other_modes_become_rgb(mode: str, tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 255, 64, dtype=np.uint8), (64, 1))
    picture = Pillow.fromarray(ramp)
    if mode == "I;16":
        picture = Pillow.fromarray(ramp.astype(np.uint16) * 256)
    elif mode != "L":
        picture = picture.convert("RGB").convert(mode)
    picture.save(tmp_path / "ramp.png")
    _write(tmp_path, 1)
    data = load(tmp_path)
    (pair,) = (pair for pair in data.train + data.validation if pair.name == "ramp.png")
    assert pair.hr.shape == (64, 64, 3)
    assert pair.hr[:, :8].float().mean() < 30 < 225 < pair.hr[:, -8:].float().mean()


def test_a_palette_with_transparency_is_read(tmp_path: Path) -> None:
    _write(tmp_path, 1)
    picture = Pillow.open(tmp_path / "000.png").convert("P")
    picture.save(tmp_path / "palette.png", transparency=bytes(range(256)))
    assert not load(tmp_path).skipped


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    _write(tmp_path, 1)
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.new("RGB", (80, 60), "red").save(tmp_path / "turned.jpg", exif=exif)
    data = load(tmp_path)
    (pair,) = (pair for pair in data.train + data.validation if pair.name == "turned.jpg")
    assert tuple(pair.hr.shape) == (80, 60, 3)


def test_a_bad_file_is_named_and_skipped(tmp_path: Path) -> None:
    _write(tmp_path, 4)
    (tmp_path / "broken.png").write_text("not a picture")
    truncated = (tmp_path / "000.png").read_bytes()[:300]
    (tmp_path / "cut.png").write_bytes(truncated)
    Pillow.new("RGB", (200, 8)).save(tmp_path / "thin.png")
    data = load(tmp_path)
    assert [skip.name for skip in data.skipped] == ["broken.png", "cut.png", "thin.png"]
    assert "pixels" in data.skipped[2].reason
    assert len(data.train) + len(data.validation) == 4


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture here")
    with pytest.raises(DataError, match="holds no PNG, JPEG or WebP"):
        load(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere.*does not exist"):
        load(tmp_path / "nowhere")


def test_a_folder_of_renamed_text_files_is_refused(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").write_text("plain text")
    with pytest.raises(DataError, match=r"3 of 3 files are no usable photographs \('0.png'"):
        load(tmp_path)


def test_one_photograph_twice_cannot_both_train_and_judge(tmp_path: Path) -> None:
    _write(tmp_path, 1)
    (tmp_path / "copy.png").write_bytes((tmp_path / "000.png").read_bytes())
    with pytest.raises(DataError, match="two different photographs"):
        load(tmp_path)


def test_the_split_follows_content_and_not_names_or_neighbours(tmp_path: Path) -> None:
    _write(tmp_path, 40)
    _, before = _names(load(tmp_path))
    assert 1 < len(before) < 12
    for name in before:
        (tmp_path / name).rename(tmp_path / f"renamed-{name}")
    _write(tmp_path, 5, start=40)
    _, after = _names(load(tmp_path))
    assert {f"renamed-{name}" for name in before} <= after
    assert not {f"{number:03}.png" for number in range(40)} & after


def test_the_fingerprint_sees_pixels_and_scale_but_not_names(tmp_path: Path) -> None:
    _write(tmp_path, 3)
    first = load(tmp_path)
    assert load(tmp_path).fingerprint == first.fingerprint
    assert load(tmp_path, 2).fingerprint != first.fingerprint
    _write(tmp_path, 1, start=3)
    (tmp_path / "003.png").rename(tmp_path / "000.png")
    assert load(tmp_path).fingerprint != first.fingerprint
