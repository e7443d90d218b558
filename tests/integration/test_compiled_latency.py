"""A latency by ``torch.compile``, from asking to the result: inductor and a C++ compiler at work."""

from pathlib import Path

import pytest
from torch import nn

from nas.errors import RequestError
from nas.evaluate.latency import Screen, Settings, StopRule, engines, lease
from nas.evaluate.latency.device import resolve
from nas.evaluate.latency.process import ask_fresh

COMPILED = Settings(engine="compile")
FASTER = {"COMPILE_THREADS": "1", "VEC_ISA_OK": "0", "CPP_CACHE_PRECOMPILE_HEADERS": "0"}
"""Spares inductor what takes 12 of 32 s: trying what vector instructions there are, and preparing headers."""


def test_a_compiled_network_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        engines.check(COMPILED, resolve("cpu"))
    except RequestError as missing:
        pytest.skip(str(missing))
    for name, value in (FASTER | {"CACHE_DIR": str(tmp_path / "inductor")}).items():
        monkeypatch.setenv(f"TORCHINDUCTOR_{name}", value)
    monkeypatch.setenv(lease.FOLDER_VARIABLE, str(tmp_path))
    network = nn.Sequential(nn.Conv2d(3, 48, 3, padding=1), nn.ReLU(), nn.PixelShuffle(4))
    protocol = Screen(sizes=[(8, 12)], settings=COMPILED, rule=StopRule(cap_s=0.5), threads=1, ask=ask_fresh)
    found = protocol.measure(network, network)
    assert found.status in ("ok", "unstable"), found.reason
    assert found.engine == "compile"
    assert found.ratio == pytest.approx(1.0, abs=0.5)
    assert list((tmp_path / "inductor").rglob("*.cpp")), "nothing was compiled"
