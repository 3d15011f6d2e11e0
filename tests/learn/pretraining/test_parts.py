"""What made sequences are put together from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ensue.learn.pretraining.dice import Dice
from ensue.learn.pretraining.parts import (
    coloured,
    filtered,
    later,
    of_regimes,
    pattern,
    pick,
    regimes,
    seasonal,
    standard,
)


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    draws = [Dice(seed).normal(5) for seed in ((1, 2), (1, 2), (2, 1))]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_a_choice_is_as_frequent_as_its_weight() -> None:
    counts = torch.bincount(Dice((0,)).choice((1, 2, 1), 40_000), minlength=3) / 40_000
    torch.testing.assert_close(counts, torch.tensor([0.25, 0.5, 0.25]), atol=0.01, rtol=0)


@pytest.mark.parametrize("steps", [1, 2, 7, 64, 100])
def test_a_filter_is_its_recursion(steps: int) -> None:
    dice = Dice((3,))
    x, keep = dice.normal(4, steps), dice.uniform(-1, 1, 4, 1)
    state, expected = torch.zeros(4, 1), []
    for step in range(steps):
        state = keep * state + x[:, step : step + 1]
        expected.append(state)
    torch.testing.assert_close(filtered(x, keep), torch.cat(expected, 1))


def test_coloured_noise_has_variance_1_from_its_beginning_and_the_memory_asked_for() -> None:
    dice = Dice((4,))
    noise = coloured(dice, torch.full((4000, 1), 0.9), dice.normal(4000, 50))
    torch.testing.assert_close(noise.var(0), torch.ones(50), atol=0.12, rtol=0)
    assert float((noise[:, 1:] * noise[:, :-1]).mean()) == pytest.approx(0.9, abs=0.04)


def test_later_moves_and_fills_with_zeros() -> None:
    torch.testing.assert_close(later(torch.tensor([[1.0, 2.0, 3.0]]), 2), torch.tensor([[0.0, 0.0, 1.0]]))


def test_standard_rows_have_mean_0_and_variance_1_and_constants_become_zeros() -> None:
    rows = standard(torch.tensor([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]]))
    torch.testing.assert_close(rows.mean(1), torch.zeros(2))
    torch.testing.assert_close(rows.square().mean(1), torch.tensor([1.0, 0.0]))


@pytest.mark.parametrize("season", [2, 3, 7, 24])
def test_patterns_are_centred_and_repeat(season: int) -> None:
    shapes = pattern(Dice((5,)), 200, season)
    assert shapes.shape == (200, season)
    np.testing.assert_allclose(shapes.mean(1), 0.0, atol=1e-4)
    # A pattern of spikes may hold none, and is then flat.
    assert float((shapes.square().mean(1) > 0.99).float().mean()) > 0.85


def test_most_seasons_repeat() -> None:
    made = seasonal(Dice((6,)), 300, 60, 12)
    same = (made[:, :48] * made[:, 12:]).mean(1) / made.square().mean(1).clamp_min(1e-9)
    assert float((same > 0.7).float().mean()) > 0.7


def test_regimes_last_as_long_as_asked_and_keep_their_level() -> None:
    dice = Dice((7,))
    regime = regimes(dice, 500, 200, torch.full((500, 1), 20.0))
    assert float((regime[:, -1] - regime[:, 0]).float().mean()) == pytest.approx(199 / 20, rel=0.1)
    level = of_regimes(dice, regime)
    stays = regime[:, 1:] == regime[:, :-1]
    assert bool((level[:, 1:] == level[:, :-1])[stays].all())


def test_pick_takes_each_row_from_its_kind() -> None:
    kinds = [torch.full((3, 2), float(value)) for value in (10, 20)]
    torch.testing.assert_close(pick(torch.tensor([0, 1, 0]), kinds)[:, 0], torch.tensor([10.0, 20.0, 10.0]))
