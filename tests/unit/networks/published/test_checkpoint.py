"""Files of strangers: read as tensors, or refused with one clear sentence."""

import os
import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from nas.errors import RequestError
from nas.networks.published.checkpoint import read_checkpoint


class Malice:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.trace),)


def refused(path: Path) -> str:
    with pytest.raises(RequestError) as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_checkpoint_is_named_and_never_run(zipped: bool, tmp_path: Path) -> None:
    file, trace = tmp_path / "published.pth", tmp_path / "trace"
    torch.save({"params": Malice(trace)}, file, _use_new_zipfile_serialization=zipped)

    assert "holds code (posix.mkdir), which is never run" in refused(file)
    assert not trace.exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_bare_pickle_is_never_run(protocol: int, tmp_path: Path) -> None:
    file, trace = tmp_path / "published.pth", tmp_path / "trace"
    file.write_bytes(pickle.dumps(Malice(trace), protocol=protocol))

    assert "code" in refused(file)
    assert not trace.exists()


def test_a_whole_module_is_code(tmp_path: Path) -> None:
    file = tmp_path / "published.pth"
    torch.save(torch.nn.Linear(1, 1), file)

    assert "Linear" in refused(file)


@pytest.mark.parametrize("zipped", [True, False])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(portion=st.floats(0, 0.999))
def test_a_truncated_file_is_refused(zipped: bool, tmp_path: Path, portion: float) -> None:
    file = tmp_path / "published.pth"
    torch.save({"a.weight": torch.ones(40, 3)}, file, _use_new_zipfile_serialization=zipped)
    content = file.read_bytes()
    file.write_bytes(content[: int(portion * len(content))])

    assert "never run" in refused(file)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, place: float, byte: int) -> None:
    file = tmp_path / "published.pth"
    torch.save({"a.weight": torch.ones(4, 3)}, file, _use_new_zipfile_serialization=False)
    content = bytearray(file.read_bytes())
    content[int(place * len(content))] = byte
    file.write_bytes(content)

    with suppress(RequestError):
        assert read_checkpoint(file)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.pth").startswith("There is no checkpoint")
    assert refused(tmp_path).startswith("There is no checkpoint")


@pytest.mark.parametrize("content", [torch.ones(3), [torch.ones(3)], {}, {"params": {}}])
def test_what_is_no_state_dict_is_refused(content: Any, tmp_path: Path) -> None:
    file = tmp_path / "published.pth"
    torch.save(content, file)

    assert "holds no state dict" in refused(file)


def test_what_is_no_tensor_is_named(tmp_path: Path) -> None:
    file = tmp_path / "published.pth"
    torch.save({"a.weight": torch.ones(3), "note": "trained on Tuesday"}, file)

    assert "no dense tensor (str) under 'note'" in refused(file)


def test_a_sparse_tensor_is_named(tmp_path: Path) -> None:
    file = tmp_path / "published.pth"
    torch.save({"a.weight": torch.eye(3).to_sparse()}, file)

    assert "no dense tensor (Tensor) under 'a.weight'" in refused(file)


@pytest.mark.parametrize("content", [b"", bytes(4096), b"no tensors"], ids=["empty", "zeros", "text"])
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_what_holds_no_tensors_is_refused(content: bytes, suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"published.{suffix}"
    file.write_bytes(content)

    assert "cannot be read as tensors" in refused(file)


def test_a_safetensors_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "published.safetensors"
    save_file({"a.weight": torch.ones(3)}, file)

    assert torch.equal(read_checkpoint(file)["a.weight"], torch.ones(3))
