import pytest
import torch
from torch import Tensor, nn

from nas.networks.scan import PromptedScan, Recurrence, SelectiveScan


def one_by_one(module: Recurrence, u: Tensor, dt: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """The recurrence as it is written, token after token."""
    decay = -torch.exp(module.decay).view(u.shape[1], u.shape[2], module.state)
    state, found = torch.zeros(u.shape[0], *decay.shape, dtype=u.dtype), []
    for t in range(u.shape[-1]):
        state = torch.exp(dt[..., t, None] * decay) * state + (dt * u)[..., t, None] * b[:, :, None, :, t]
        found.append((state * c[:, :, None, :, t]).sum(-1))
    return torch.stack(found, dim=-1)


def inputs(length: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """u, positive steps, B and C of two images, three directions, six channels and a state of five."""
    u, b, c = (torch.randn(2, 3, width, length, dtype=torch.float64) for width in (6, 5, 5))
    return u, torch.rand_like(u), b, c


@pytest.mark.parametrize("cached", [1, 500, 2**21])
@pytest.mark.parametrize("length", [1, 2, 7, 64, 331])
def test_chunks_find_what_one_token_after_the_other_finds(length: int, cached: int) -> None:
    module, tensors = Recurrence(6, state=5, rank=2, directions=3).double(), inputs(length)
    module.cached = cached
    with torch.no_grad():
        assert torch.allclose(module.scan(*tensors), one_by_one(module, *tensors), rtol=1e-11, atol=1e-13)


def test_gradients_are_those_of_one_token_after_the_other() -> None:
    module, tensors = Recurrence(6, state=5, rank=2, directions=3).double(), inputs(50)
    leaves = (*(tensor.requires_grad_() for tensor in tensors), module.decay)
    chunked, plain = (
        torch.autograd.grad(scan.square().sum(), leaves)
        for scan in (module.scan(*tensors), one_by_one(module, *tensors))
    )
    for found, expected in zip(chunked, plain, strict=True):
        assert torch.allclose(found, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("directions", [1, 2, 4])
def test_a_scan_of_all_directions_does_not_prefer_one(directions: int) -> None:
    recurrence = Recurrence(4, state=2, rank=1, directions=directions)
    scan, u = SelectiveScan(4, 4, recurrence, directions=directions), torch.randn(1, 4, 5, 7)
    for part in (recurrence.project, recurrence.steps, recurrence.offset):
        part.data.copy_(part.data[:1].expand_as(part))
    turned = scan.read(u.flip(2, 3)).flip(2, 3)
    assert torch.allclose(scan.read(u), turned, atol=1e-6) == (directions == 4)


def test_prompts_are_drawn_again_from_the_same_state_of_the_generator() -> None:
    recurrence = Recurrence(4, state=2, rank=1, directions=1)
    scan = PromptedScan(4, 4, recurrence, nn.Conv2d(4, 4, 1), route=2, tokens=8, prompt=4, state=2).eval()
    x, results = torch.randn(1, 4, 6, 6), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(scan(x))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
