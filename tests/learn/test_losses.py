"""The pinball loss: its formula, its weights, and where it is least."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ensue import metrics
from ensue.learn.losses import pinball

LEVELS = torch.tensor([0.1, 0.5, 0.9])


@given(seed=st.integers(0, 10**6))
def test_it_is_twice_the_textbook_loss_averaged_over_what_counts(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    quantiles = torch.randn(2, 5, 3, generator=generator)
    targets = torch.randn(2, 5, generator=generator)
    weights = torch.rand(2, 5, generator=generator) * (torch.rand(2, 5, generator=generator) < 0.7)
    weights[0, 0] = 1.0
    total = 0.0
    for batch in range(2):
        for time in range(5):
            each = 0.0
            for level in range(3):
                tau, error = float(LEVELS[level]), float(targets[batch, time] - quantiles[batch, time, level])
                each += 2 * (tau * error if error >= 0 else (tau - 1) * error) / 3
            total += float(weights[batch, time]) * each
    loss = pinball(quantiles, targets, weights, LEVELS)
    assert loss.item() == pytest.approx(total / float(weights.sum()), rel=1e-5)
    assert pinball(quantiles, targets, 7 * weights, LEVELS).item() == pytest.approx(loss.item(), rel=1e-5)


def test_a_step_of_weight_zero_has_no_say_and_no_gradient() -> None:
    quantiles = torch.zeros(1, 2, 3, requires_grad=True)
    weights = torch.tensor([[1.0, 0.0]])
    pinball(quantiles, torch.tensor([[1.0, 1e6]]), weights, LEVELS).backward()
    assert quantiles.grad is not None
    assert quantiles.grad[0, 0].abs().min() > 0 and not quantiles.grad[0, 1].any()


def test_a_batch_in_which_nothing_counts_costs_nothing() -> None:
    quantiles = torch.ones(1, 2, 3, requires_grad=True)
    loss = pinball(quantiles, torch.zeros(1, 2), torch.zeros(1, 2), LEVELS)
    loss.backward()
    assert loss.item() == 0 and quantiles.grad is not None and not quantiles.grad.any()


def test_it_is_least_at_the_quantile() -> None:
    targets = torch.arange(1000.0)[None, :]
    weights = torch.ones_like(targets)
    grid = torch.linspace(0, 999, 112)
    losses = [pinball(at.expand(1, 1000, 1), targets, weights, torch.tensor([0.9])).item() for at in grid]
    assert grid[losses.index(min(losses))].item() == pytest.approx(900, abs=9)


def test_training_and_evaluation_mean_the_same_by_it() -> None:
    generator = torch.Generator().manual_seed(3)
    quantiles, targets = torch.randn(1, 40, 3, generator=generator), torch.randn(1, 40, generator=generator)
    ours = pinball(quantiles, targets, torch.ones(1, 40), LEVELS)
    theirs = metrics.pinball(targets[0].numpy(), quantiles[0].numpy(), (0.1, 0.5, 0.9))
    assert ours.item() == pytest.approx(2 * float(theirs.mean()), rel=1e-5)
