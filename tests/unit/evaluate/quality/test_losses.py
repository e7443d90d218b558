import math

import pytest
import torch

from nas.errors import BuildError
from nas.evaluate.quality.losses import weigh
from nas.evaluate.quality.recipes import Loss

SR = torch.full((2, 3, 4, 4), 0.5)
HR = torch.full((2, 3, 4, 4), 0.3)


@pytest.mark.parametrize(
    ("loss", "value"),
    [
        (Loss(l1=1), 0.2),
        (Loss(l2=1), 0.04),
        (Loss(charbonnier=1), math.sqrt(0.04 + 1e-6)),
        (Loss(l1=2, l2=10), 0.8),
        (Loss(l1=1, l2=1, charbonnier=3), 0.24 + 3 * math.sqrt(0.04 + 1e-6)),
    ],
)
def test_a_loss_is_the_weighted_sum_of_its_terms(loss: Loss, value: float) -> None:
    assert float(weigh(loss, SR, HR)) == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("name", list(Loss.model_fields))
def test_every_term_can_be_trained_on(name: str) -> None:
    sr = SR.clone().requires_grad_()
    weigh(Loss(**{name: 1.0}), sr, HR).backward()  # type: ignore[no-untyped-call]
    assert sr.grad is not None
    assert (sr.grad > 0).all()


def test_another_size_is_refused_and_never_broadcast() -> None:
    with pytest.raises(BuildError, match="scale"):
        weigh(Loss(l1=1), SR[:1], HR)
