"""How far back a model looks: found on tasks whose lag is known, and computed right on models whose answer is a formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from known_models import Weighted, known_lag

from ensue.errors import UsageError
from ensue.inspection.reach import Influence, Truncation, measure_reach, peaks, stands_out, stretches_of_lags


@pytest.mark.parametrize("lag", [5, 20, pytest.param(100, marks=pytest.mark.slow)])
def test_the_lag_of_a_known_lag_task_is_found_by_all_three_measurements(lag: int) -> None:
    reach = measure_reach(known_lag(lag))
    assert reach.resampled.horizon(0.9) == pytest.approx(lag, rel=0.1)
    assert reach.resampled.horizon(0.5) == pytest.approx(lag, rel=0.1)
    assert reach.gradients is not None
    assert reach.gradients.horizon(0.5) == pytest.approx(lag, rel=0.1)
    assert reach.truncation is not None
    assert reach.truncation.effective() == pytest.approx(lag + 1, rel=0.1)  # steps kept: lag 0 is one of them
    assert reach.older > 0.8  # the last step alone tells nothing


def test_the_total_effect_of_each_lag_is_its_share_of_the_variance() -> None:
    weights = [2.0, 0.0, 1.0, 0.5]
    reach = measure_reach(Weighted(weights, windows=2000))
    expected = np.square(weights) / np.square(weights).sum()
    np.testing.assert_allclose(reach.resampled.effect, expected, atol=0.15)
    assert reach.resampled.effect[1] < 1e-20
    assert reach.resampled.horizon(0.9) == 3.0
    assert reach.gradients is None
    assert reach.older == pytest.approx(expected[1:].sum(), abs=0.15)


def test_dropping_history_costs_what_it_should() -> None:
    reach = measure_reach(Weighted([1.0] * 3 + [0.0] * 60))
    assert reach.truncation is not None
    assert reach.truncation.effective() == 3
    assert reach.truncation.loss[-1] == 1.0
    assert (np.diff(reach.truncation.kept) > 0).all()


def test_a_model_that_answers_the_same_to_all_has_no_reach() -> None:
    reach = measure_reach(Weighted([0.0] * 5))
    assert np.isnan(reach.resampled.horizon(0.9))
    assert reach.resampled.mean_lag == 0.0
    assert not reach.resampled.shares.any()


def test_the_same_seed_measures_the_same() -> None:
    first, again, other = (measure_reach(Weighted([1.0, 2.0, 3.0]), seed=seed).resampled for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.effect, again.effect)
    assert (first.effect != other.effect).any()


def test_one_window_cannot_be_replaced_by_another() -> None:
    with pytest.raises(UsageError, match=r"^There is 1 window, expected 2 or more to replace one by another.$"):
        measure_reach(Weighted([1.0], windows=1))


@given(st.integers(0, 300), st.integers(0, 300), st.lists(st.integers(0, 500), max_size=4))
def test_stretches_cover_every_lag_once_and_leave_the_seasons_alone(first: int, more: int, apart: list[int]) -> None:
    last = first + more
    stretches = stretches_of_lags(first, last, apart)
    covered = [lag for begin, end in stretches for lag in range(begin, end + 1)]
    assert covered == list(range(first, last + 1))
    assert all((lag, lag) in stretches for lag in apart if first <= lag <= last)
    assert all(end - begin <= 0.08 * begin for begin, end in stretches if end > begin)


def test_a_season_stands_out_only_where_it_has_more_than_its_neighbours() -> None:
    lags = np.arange(1, 49)
    effect = 1.0 / lags
    flat = Influence("resampled", lags, lags, effect)
    assert not stands_out(flat, 24)
    peaked = Influence("resampled", lags, lags, np.where(lags == 24, 2.0, effect))
    assert peaks(peaked, [12, 24, 36, 400]) == (24,)


def test_the_effective_context_looks_past_a_lucky_shorter_one() -> None:
    kept, none = np.array([1, 2, 4, 8]), np.zeros(4)
    assert Truncation(kept, np.array([1.0, 1.2, 1.005, 1.0]), none, 64).effective() == 4
    assert Truncation(kept, np.array([1.2, 1.2, 1.2, 1.0]), none, 64).effective() == 8
    assert Truncation(kept, np.array([0.9, 0.9, 1.0, 1.0]), none, 64).effective() == 1
    # Where history saves ten times the loss, 5 % of the loss are little.
    assert Truncation(kept, np.array([11.0, 1.05, 1.0, 1.0]), none, 64).effective() == 2
    doubtful = Truncation(kept, np.array([1.2, 1.02, 1.0, 1.0]), np.full(4, 0.5), 64)
    assert doubtful.effective() == 4  # doubt is no reason to drop anything


def test_of_few_windows_no_standard_error_is_told() -> None:
    few, many = (measure_reach(Weighted([1.0, 1.0, 1.0], windows=windows)).truncation for windows in (5, 50))
    assert few is not None
    assert many is not None
    assert np.isnan(few.doubt).all()
    assert np.isfinite(many.doubt).all()


class Seasonal(Weighted):
    """Windows of one long seasonal series, as those of a forecaster are: neighbours are alike, and so are phases."""

    def __init__(self, weights: list[float], season: int) -> None:
        super().__init__(weights)
        places = (np.arange(200) * 0.6180339887498949 % 1.0 * 3000).astype(int)[:, None]
        steps = places + np.arange(len(weights))
        noise = np.random.default_rng(0).normal(size=4000)
        self.windows = (5 * np.sin(2 * np.pi * steps / season) + noise[steps])[..., None]
        self.targets = self.windows[..., 0] @ self.weights


def test_which_windows_are_drawn_hardly_matters() -> None:
    """Each window is replaced by others of its own draw: one shift for all would meet the same phases every time."""
    subject = Seasonal([1.0] + [0.0] * 22 + [1.0], season=24)
    found = [measure_reach(subject, apart=[24], seed=seed) for seed in range(6)]
    shares = np.array([each.resampled.at(24) for each in found])
    assert shares.mean() == pytest.approx(0.5, abs=0.1)
    assert shares.std() < 0.06
    assert np.std([each.older for each in found]) < 0.15 * np.mean([each.older for each in found])
    assert {each.resampled.horizon(0.9) for each in found} == {24.0}
