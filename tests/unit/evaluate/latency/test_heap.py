"""The memory of a process that measures."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nas.evaluate.latency import cpu
from nas.evaluate.latency.heap import huge_pages_mb, with_huge_pages

ASKED = "glibc.malloc.hugetlb=1"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ASKED),
        ({"GLIBC_TUNABLES": ""}, ASKED),
        ({"GLIBC_TUNABLES": "glibc.malloc.check=3"}, f"glibc.malloc.check=3:{ASKED}"),
        ({"GLIBC_TUNABLES": "glibc.malloc.hugetlb=0"}, "glibc.malloc.hugetlb=0"),
    ],
)
def test_a_measuring_process_asks_for_huge_pages_unless_told_otherwise(given: dict[str, str], expected: str) -> None:
    assert with_huge_pages({"HOME": "/", **given}) == {"HOME": "/", "GLIBC_TUNABLES": expected}


def test_memory_in_huge_pages_is_read_from_the_kernel(tmp_path: Path) -> None:
    rollup = tmp_path / "smaps_rollup"
    rollup.write_text("Rss:              382180 kB\nAnonHugePages:    163840 kB\nShmemPmdMapped:        0 kB\n")
    assert huge_pages_mb(rollup) == 167.8
    rollup.write_text("Rss:              382180 kB\n")
    assert huge_pages_mb(rollup) == {"unavailable": "unsupported"}
    assert huge_pages_mb(tmp_path / "missing") == {"unavailable": "unsupported"}


def test_the_systems_way_with_huge_pages_is_the_bracketed_word(tmp_path: Path) -> None:
    enabled = tmp_path / "enabled"
    enabled.write_text("always [madvise] never\n")
    assert cpu.huge_pages(enabled) == "madvise"
    enabled.write_text("")
    assert cpu.huge_pages(enabled) == {"unavailable": "unsupported"}
    assert cpu.huge_pages(tmp_path / "missing") == {"unavailable": "unsupported"}


def test_where_the_system_allows_it_memory_comes_in_huge_pages() -> None:
    code = "x = bytearray(b'x') * 2**26; from nas.evaluate.latency.heap import huge_pages_mb; print(huge_pages_mb())"
    finished = subprocess.run(
        [sys.executable, "-c", code], env=with_huge_pages(os.environ), check=True, capture_output=True, text=True
    )
    if cpu.huge_pages() in ("always", "madvise"):
        assert float(finished.stdout) > 30.0
    else:
        assert finished.stdout.strip() in ("0.0", "{'unavailable': 'unsupported'}")
