import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags
from PIL import Image as Pillow

from nas.errors import DataError
from nas.evaluate.quality.bicubic import Image, downscale
from nas.evaluate.quality.data import ImageSet, load
from nas.evaluate.quality.data_sources import reduced_sizes


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


def test_sixteen_bits_of_colour_and_four_inks_are_read(tmp_path: Path) -> None:
    _write(tmp_path, 1)
    Pillow.new("CMYK", (64, 64), (0, 255, 255, 0)).save(tmp_path / "inks.jpg", quality=100)
    rows = b"".join(b"\0" + struct.pack(">3H", 65535, 32768, 255) * 64 for _ in range(64))
    chunks = ((b"IHDR", struct.pack(">2I5B", 64, 64, 16, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    png = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    (tmp_path / "deep.png").write_bytes(b"\x89PNG\r\n\x1a\n" + png)
    data = load(tmp_path)
    pixels = {pair.name: pair.hr[5, 5].tolist() for pair in data.train + data.validation}
    assert pixels["deep.png"] == [255, 128, 0]
    assert pixels["inks.jpg"] == pytest.approx([255, 0, 0], abs=3)


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
    Pillow.new("RGB", (80, 60)).save(tmp_path / "exif.png", exif=b"II*\0")  # ends where an offset should follow
    Pillow.new("RGB", (200, 8)).save(tmp_path / "thin.png")
    data = load(tmp_path)
    assert [skip.name for skip in data.skipped] == ["broken.png", "cut.png", "exif.png", "thin.png"]
    assert "pixels" in data.skipped[3].reason
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
    with pytest.raises(DataError, match=r"3 of 3 files are no usable .* 50% may be \('0.png'"):
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


def _picture(path: Path, seed: int, *, height: int = 52, width: int = 61) -> Image:
    path.parent.mkdir(exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Pillow.fromarray(pixels).save(path)
    return pixels


def test_a_list_says_which_photographs_judge(tmp_path: Path) -> None:
    _write(tmp_path, 5)
    (tmp_path / "validation.txt").write_text("# to judge by\n003.png\n\n001.png\n")
    data = load(tmp_path)
    assert _names(data) == ({"000.png", "002.png", "004.png"}, {"001.png", "003.png"})
    assert data.split == "list"
    assert load("embedded").split == "list"


@pytest.mark.parametrize(("lines", "words"), [("009.png", "'009.png', which is no photograph"), ("", "lists no photo")])
def test_a_list_that_names_none_or_others_is_refused(lines: str, words: str, tmp_path: Path) -> None:
    _write(tmp_path, 3)
    (tmp_path / "validation.txt").write_text(lines)
    with pytest.raises(DataError, match=words):
        load(tmp_path)


def test_a_copy_of_a_photograph_that_judges_is_not_trained_on(tmp_path: Path) -> None:
    _write(tmp_path, 5)
    pixels = np.asarray(Pillow.open(tmp_path / "001.png"))
    Pillow.fromarray(pixels).save(tmp_path / "copy.webp", lossless=True)
    (tmp_path / "validation.txt").write_text("001.png")
    data = load(tmp_path)
    assert _names(data) == ({"000.png", "002.png", "003.png", "004.png"}, {"001.png"})
    assert [skip.name for skip in data.skipped] == ["copy.webp"]
    assert "judge" in data.skipped[0].reason


def test_copies_stay_together_where_content_decides(tmp_path: Path) -> None:
    _write(tmp_path, 30)
    for number in range(30):
        (tmp_path / f"z{number:03}.png").write_bytes((tmp_path / f"{number:03}.png").read_bytes())
    train, validation = _names(load(tmp_path))
    assert {f"z{name}" for name in validation if name[0] != "z"} == {name for name in validation if name[0] == "z"}
    assert len(train) + len(validation) == 60


def test_no_more_than_so_many_photographs_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path, 40)
    whole = _names(load(tmp_path))[1]
    monkeypatch.setattr("nas.evaluate.quality.data.MOST_JUDGES", 2)
    train, validation = _names(load(tmp_path))
    assert len(whole) > len(validation) == 2
    assert validation < whole
    assert len(train) == 38


def _challenge(root: Path, word: str, numbers: range, *, reductions: bool = True) -> None:
    """Photographs of 50x61 pixels, with reductions that are recognisably not ours."""
    for number in numbers:
        pixels = _picture(root / f"DIV2K_LSDIR_{word}_HR" / f"{number:04}.png", number, height=50)
        if reductions:
            folder = root / f"DIV2K_LSDIR_{word}_LR"
            folder.mkdir(exist_ok=True)
            Pillow.fromarray(255 - downscale(pixels[:48, :60], 4)).save(folder / f"{number:04}x4.png")


def test_the_challenges_folders_bring_reductions_and_parts(tmp_path: Path) -> None:
    _challenge(tmp_path, "train", range(1, 4))
    _challenge(tmp_path, "valid", range(801, 803))
    _challenge(tmp_path, "test", range(901, 903))
    data = load(tmp_path)
    assert [pair.name for pair in data.validation] == [f"DIV2K_LSDIR_valid_HR/080{n}.png" for n in (1, 2)]
    assert [pair.name for pair in data.train] == [f"DIV2K_LSDIR_train_HR/000{n}.png" for n in (1, 2, 3)]
    pair = data.validation[0]
    assert tuple(pair.hr.shape) == (48, 60, 3)
    assert np.array_equal(pair.lr.numpy(), 255 - downscale(pair.hr.numpy(), 4))


def test_reductions_of_another_scale_are_no_use(tmp_path: Path) -> None:
    _challenge(tmp_path, "valid", range(801, 803))
    pair = load(tmp_path, 3).validation[0]
    assert np.array_equal(pair.lr.numpy(), downscale(pair.hr.numpy(), 3))


def test_a_folder_of_the_challenge_that_only_judges(tmp_path: Path) -> None:
    _challenge(tmp_path, "test", range(1, 4))
    for source in (tmp_path, tmp_path / "DIV2K_LSDIR_test_HR"):
        data = load(source)
        assert [pair.name for pair in data.validation] == ["0001.png", "0002.png", "0003.png"]
        assert not data.train


def test_high_resolution_folders_without_parts_are_split_by_content(tmp_path: Path) -> None:
    _challenge(tmp_path, "train", range(4), reductions=False)
    data = load(tmp_path)
    assert data.split == "content"
    assert len(data.train) + len(data.validation) == 4


def test_a_reduction_that_is_missing_or_of_another_size_is_named(tmp_path: Path) -> None:
    _challenge(tmp_path, "valid", range(1, 6))
    (tmp_path / "DIV2K_LSDIR_valid_LR" / "0002x4.png").unlink()
    _picture(tmp_path / "DIV2K_LSDIR_valid_LR" / "0004x4.png", 0, height=12, width=14)
    data = load(tmp_path)
    assert [skip.name for skip in data.skipped] == ["0002.png", "0004.png"]
    assert "'0002x4.png' that is missing" in data.skipped[0].reason
    assert "of 14x12 and not 15x12 pixels" in data.skipped[1].reason


def test_the_fingerprint_sees_given_reductions(tmp_path: Path) -> None:
    _challenge(tmp_path, "valid", range(1, 3))
    before = load(tmp_path).fingerprint
    path = tmp_path / "DIV2K_LSDIR_valid_LR" / "0001x4.png"
    _picture(path, 7, height=12, width=15)
    assert load(tmp_path).fingerprint != before


def test_sizes_of_reductions_come_from_headers_upright_and_of_judges_where_listed(
    tmp_path: Path,
) -> None:
    for name, (width, height), orientation in (("a.jpg", (100, 61), 6), ("b.jpg", (80, 50), 1)):
        exif = Pillow.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        Pillow.new("RGB", (width, height)).save(tmp_path / name, exif=exif)
    assert reduced_sizes(tmp_path, 4) == [(25, 15), (12, 20)]
    (tmp_path / "validation.txt").write_text("b.jpg\n", encoding="utf-8")
    assert reduced_sizes(tmp_path, 4) == [(12, 20)]
    assert reduced_sizes("embedded", 4) == [(100, 150), (106, 160)]
