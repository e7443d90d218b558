import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from nas.errors import DataError
from nas.evaluate.quality import data_memory, data_shards
from nas.evaluate.quality.batches import CropSource
from nas.evaluate.quality.data import ImageSet, load
from nas.evaluate.quality.data_sources import Source
from nas.evaluate.quality.turns import Turns

CPU, GPU = torch.device("cpu"), torch.device("cuda")
ROOT = Path(__file__).parents[4]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "photographs"
    path.mkdir()
    for number in range(6):
        pixels = np.random.default_rng(number).integers(0, 256, (60 + number, 52, 3), dtype=np.uint8)
        Pillow.fromarray(pixels).save(path / f"{number}.png")
    (path / "broken.png").write_text("no picture")
    return path


def _batches(data: ImageSet, *, resident: bool | None = None) -> list[torch.Tensor]:
    source = CropSource(data.train, 7, CPU, resident=resident)
    draws = source.draws(3, 10, steps=2, batch=30)
    return [image for step in draws for image in source.batch(step)]


def _cached() -> list[str]:
    return sorted(path.name for path in data_shards.cache().iterdir())


def test_photographs_that_do_not_fit_are_mapped_and_the_same(folder: Path) -> None:
    whole, mapped = load(folder), load(folder, memory_bytes=0)
    assert whole.mapped is None
    assert mapped.mapped is not None
    assert mapped.fingerprint == whole.fingerprint
    assert mapped.skipped == whole.skipped
    for one, other in ((whole.train, mapped.train), (whole.validation, mapped.validation)):
        assert [pair.name for pair in one] == [pair.name for pair in other]
        assert all(torch.equal(a.lr, b.lr) and torch.equal(a.hr, b.hr) for a, b in zip(one, other, strict=True))
    for batches in (_batches(mapped), _batches(mapped, resident=True), _batches(whole, resident=True)):
        assert all(torch.equal(a, b) for a, b in zip(_batches(whole), batches, strict=True))


def test_photographs_are_decoded_to_files_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(folder, memory_bytes=0)
    with monkeypatch.context() as patch:
        patch.delattr(data_shards, "decode_all")
        assert load(folder, memory_bytes=0).fingerprint == first.fingerprint
    os.utime(folder / "0.png", ns=(1, 1))
    assert load(folder, memory_bytes=0).mapped != first.mapped
    assert load(folder, 2, memory_bytes=0).mapped != first.mapped


def test_no_image_straddles_two_shards(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load(folder)
    monkeypatch.setattr(data_shards, "SHARD_BYTES", 25_000)
    mapped = load(folder, memory_bytes=0)
    assert mapped.mapped is not None
    assert len(list(mapped.mapped.glob("*.bin"))) > 2
    assert all(torch.equal(a, b) for a, b in zip(_batches(whole), _batches(mapped), strict=True))


DYING = """
import os, signal, sys
from nas.evaluate.quality import data_shards
from nas.evaluate.quality.data import load
written = data_shards._written
def write(item, writer):
    if getattr(item, "name", "") == "3.png":
        writer._file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    return written(item, writer)
data_shards._written = write
load(sys.argv[1], memory_bytes=0)
"""


def test_a_killed_process_leaves_nothing_that_is_taken_for_whole(folder: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", DYING, str(folder)], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    (draft,) = (name for name in _cached() if name.endswith(".draft"))
    data = load(folder, memory_bytes=0)
    assert data.fingerprint == load(folder).fingerprint
    assert _cached() == [draft.removesuffix(".draft"), draft.replace(".draft", ".lock")]


def test_two_at_once_decode_once_between_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads that open one lock file exclude each other as two processes do."""
    built: list[Path] = []
    build = data_shards._build

    def counted(path: Path, sources: Sequence[Source], scale: int, turns: Turns) -> None:
        built.append(path)
        time.sleep(0.05)
        build(path, sources, scale, turns)

    monkeypatch.setattr(data_shards, "_build", counted)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: load(folder, memory_bytes=0).fingerprint, range(3)))
    assert found == [load(folder).fingerprint] * 3
    assert len(built) == 1


def test_a_disk_that_cannot_be_written_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "0.png"))
    with pytest.raises(DataError, match="NAS_IMAGE_MEMORY_MB"):
        load(folder, memory_bytes=0)


def test_a_build_that_fails_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(data_shards._Writer, "write", full)
    with pytest.raises(DataError, match="No space left"):
        load(folder, memory_bytes=0)
    assert all(name.endswith(".lock") for name in _cached())


def test_the_index_says_what_lies_where(folder: Path) -> None:
    mapped = load(folder, memory_bytes=0).mapped
    assert mapped is not None
    index = {item["name"]: item for item in json.loads((mapped / "index.json").read_text())}
    place = index["2.png"]["hr"]
    pixels = (mapped / place["shard"]).read_bytes()[place["start"] :][: 60 * 52 * 3]
    assert place["shape"] == [60, 52, 3]
    assert pixels == np.asarray(Pillow.open(folder / "2.png"))[:60].tobytes()


@pytest.mark.parametrize(
    ("device", "megabytes", "mapped", "tier"),
    [
        (CPU, "1", False, "device"),
        (CPU, "1", True, "mapped"),
        (GPU, "1", False, "device"),
        (GPU, "0.5", False, "pinned"),
        (GPU, "0.5", True, "mapped"),
        (GPU, "1", True, "device"),
    ],
)
def test_the_tier_follows_from_the_stated_memory(
    device: torch.device, megabytes: str, mapped: bool, tier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_IMAGE_MEMORY_MB", megabytes)
    assert data_memory.tier(1_000_000, device, mapped=mapped) == tier


def test_memory_is_a_share_of_what_the_container_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NAS_IMAGE_MEMORY_MB", raising=False)
    monkeypatch.setattr(data_memory, "_CGROUP", tmp_path)
    free = data_memory.host_bytes()
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("3000000\n")
    assert data_memory.host_bytes() == 1_000_000 < free
    (tmp_path / "memory.max").write_text("max\n")
    assert data_memory.host_bytes() > 1_000_000


def test_memory_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAS_IMAGE_MEMORY_MB", "lots")
    with pytest.raises(DataError, match="'lots'"):
        data_memory.host_bytes()
