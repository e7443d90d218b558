"""Fixtures of the quality tests: real photographs, and one thread for small tensors."""

from collections.abc import Iterator

import pytest
import torch

from nas.evaluate.quality.data import ImageSet, load


@pytest.fixture(scope="session")
def photographs() -> ImageSet:
    return load("embedded")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
