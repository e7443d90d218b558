import pytest
import torch
from pydantic import TypeAdapter
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
)

from nas.evaluate.quality.schedules import Constant, Cosine, Linear, MultiStep, OneCycle, Schedule

STEPS = 40


def _torch_factors(scheduler: LRScheduler) -> list[float]:
    factors = []
    for _ in range(STEPS):
        factors.append(float(scheduler.optimizer.param_groups[0]["lr"]))
        scheduler.optimizer.step()
        scheduler.step()
    return factors


def _sgd() -> torch.optim.SGD:
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)


def test_one_cycle_is_torchs() -> None:
    ours = OneCycle(kind="one_cycle", rise=0.25, start=0.1, floor=0.01)
    theirs = OneCycleLR(_sgd(), 1.0, STEPS, pct_start=0.25, div_factor=10, final_div_factor=10, cycle_momentum=False)
    assert [ours.factor(step, STEPS) for step in range(STEPS)] == pytest.approx(_torch_factors(theirs))


def test_cosine_is_torchs() -> None:
    ours = Cosine(kind="cosine", floor=0.1)
    theirs = CosineAnnealingLR(_sgd(), STEPS, eta_min=0.1)
    assert [ours.factor(step, STEPS) for step in range(STEPS)] == pytest.approx(_torch_factors(theirs))


def test_cycles_are_torchs_warm_restarts() -> None:
    ours = Cosine(kind="cosine", floor=0.1, cycles=4)
    theirs = CosineAnnealingWarmRestarts(_sgd(), STEPS // 4, eta_min=0.1)
    assert [ours.factor(step, STEPS) for step in range(STEPS)] == pytest.approx(_torch_factors(theirs))


def test_linear_is_torchs() -> None:
    ours = Linear(kind="linear", floor=0.2)
    theirs = LinearLR(_sgd(), start_factor=1.0, end_factor=0.2, total_iters=STEPS)
    assert [ours.factor(step, STEPS) for step in range(STEPS)] == pytest.approx(_torch_factors(theirs))


def test_multistep_is_torchs() -> None:
    ours = MultiStep(kind="multistep", milestones=(0.5, 0.25), gamma=0.3)
    theirs = MultiStepLR(_sgd(), [10, 20], gamma=0.3)
    assert [ours.factor(step, STEPS) for step in range(STEPS)] == pytest.approx(_torch_factors(theirs))


@pytest.mark.parametrize(
    "schedule",
    [
        Constant(kind="constant", warm_up_steps=4),
        Cosine(kind="cosine", warm_up_steps=4),
        Linear(kind="linear", warm_up_steps=4),
        MultiStep(kind="multistep", milestones=(0.5,), warm_up_steps=4),
    ],
)
def test_warm_up_rises_linearly_to_the_full_rate(schedule: Schedule) -> None:
    assert [schedule.factor(step, STEPS) for step in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


@pytest.mark.parametrize("kind", ["one_cycle", "cosine", "linear", "constant"])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_shortest_stages_have_a_rate(kind: str, steps: int) -> None:
    schedule: Schedule = TypeAdapter(Schedule).validate_python({"kind": kind})
    assert all(0 <= schedule.factor(step, steps) <= 1 for step in range(steps))
