"""The loss and its gradient are PyTorch's own."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from ensue.learn.smoothed import smoothed_cross_entropy


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_and_gradient_are_those_of_the_framework(smoothing: float) -> None:
    torch.manual_seed(1)
    answers, weight, bias = (
        torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in ((7, 4), (11, 4), (11,))
    )
    wanted = torch.randint(0, 11, (7,))
    theirs = functional.cross_entropy(functional.linear(answers, weight, bias), wanted, label_smoothing=smoothing)
    ours = smoothed_cross_entropy(answers, weight, bias, wanted, smoothing, torch.float64)
    given = [answers, weight, bias]
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(torch.autograd.grad(3 * ours, given), torch.autograd.grad(3 * theirs, given))


def test_large_scores_do_not_overflow() -> None:
    answers, weight = torch.full((1, 1), 1e4), torch.tensor([[1.0], [-1.0]])
    loss = smoothed_cross_entropy(answers, weight, torch.zeros(2), torch.tensor([0]), 0.0)
    assert loss.item() == 0.0
