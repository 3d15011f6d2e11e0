"""Metrics against numbers worked out by hand, and the laws they obey."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ensue import metrics
from ensue.errors import UsageError

numbers = st.floats(-1e6, 1e6, allow_nan=False)
NAN = float("nan")


def pairs():
    """A target and a forecast of the same length."""
    return st.integers(1, 12).flatmap(
        lambda n: st.tuples(arrays.arrays(float, n, elements=numbers), arrays.arrays(float, n, elements=numbers))
    )


def test_errors_skip_missing_targets_only():
    y = [[1.0, NAN, 5.0], [NAN, NAN, NAN]]
    forecast = [[2.0, 100.0, 2.0], [1.0, 1.0, 1.0]]
    np.testing.assert_allclose(metrics.mae(y, forecast), [2.0, NAN])
    np.testing.assert_allclose(metrics.rmse(y, forecast), [5.0**0.5, NAN])
    assert metrics.observed(y).tolist() == [2, 0]


@pytest.mark.parametrize("metric", [metrics.mae, metrics.rmse, metrics.smape, metrics.nse])
def test_a_missing_forecast_shows(metric):
    assert np.isnan(metric([1.0, 2.0, 3.0], [1.0, NAN, 3.0]))


def test_smape_is_that_of_m4():
    # 200 * |3 - 1| / (3 + 1) = 100 and 200 * |-1 - 1| / (1 + 1) = 200
    assert metrics.smape([3.0, -1.0], [1.0, 1.0]) == 150.0


def test_smape_of_zero_met_by_zero_is_no_error():
    assert metrics.smape([0.0, 0.0], [0.0, 0.0]) == 0.0


def test_seasonal_scale_uses_observed_pairs_only():
    history = [1.0, 2.0, 4.0, NAN, 9.0, 8.0]  # season 2: |4-1|, -, |9-4|, -
    assert metrics.seasonal_scale(history, 2) == 4.0


def test_seasonal_scale_of_a_short_history_is_missing():
    assert np.isnan(metrics.seasonal_scale([1.0, 2.0], 2))


def test_seasonal_scale_refuses_a_season_below_one():
    with pytest.raises(UsageError) as error:
        metrics.seasonal_scale([1.0], 0)
    assert str(error.value) == "season is 0, expected a length in steps of 1 or more."


def test_mase_without_a_scale_is_missing():
    np.testing.assert_allclose(metrics.mase([[1.0], [3.0]], [[2.0], [1.0]], [0.5, 0.0]), [2.0, NAN])


def test_pinball_leans_to_its_level():
    loss = metrics.pinball([10.0, NAN], [[6.0, 16.0], [0.0, 0.0]], [0.1, 0.8])
    np.testing.assert_allclose(loss, [0.4, 1.2])


def test_pinball_refuses_unequal_levels():
    with pytest.raises(UsageError) as error:
        metrics.pinball([1.0], [[1.0, 2.0]], [0.5])
    assert str(error.value) == "quantiles has 2 columns and levels has 1 entries, expected one column a level."


def test_wql_weighs_by_the_size_of_the_targets():
    # level 0.9: losses 0.9 * 10 and 0.1 * 10, level 0.5: 5 and 0; mean over levels of twice the sum over |y| = 40
    score = metrics.wql([10.0, -30.0], [[0.0, 0.0], [-20.0, -30.0]], [0.9, 0.5])
    assert score == pytest.approx((2 * 10 / 40 + 2 * 5 / 40) / 2)


def test_wql_shows_a_missing_quantile():
    assert np.isnan(metrics.wql([1.0, 2.0], [[1.0], [NAN]], [0.5]))
    assert metrics.wql([1.0, NAN], [[1.0], [NAN]], [0.5]) == 0.0


def test_coverage_counts_the_edges():
    y, low, high = [1.0, 2.0, 3.0, NAN], [1.0, 0.0, 0.0, 0.0], [5.0, 2.0, 2.0, 9.0]
    assert metrics.coverage(y, low, high) == pytest.approx(2 / 3)
    assert metrics.width(y, low, high) == pytest.approx((4 + 2 + 2) / 3)


def test_msis_adds_what_lies_outside():
    y, low, high = [5.0, 1.0, 3.0], [2.0, 2.0, 2.0], [4.0, 4.0, 4.0]
    # width 2 each; 40 = 2 / 0.05 for each unit outside: 1 above, 1 below
    assert metrics.msis(y, low, high, 2.0, 95) == pytest.approx((2 + 80 / 3) / 2)


def test_nse_of_the_mean_is_zero_and_of_a_constant_is_missing():
    assert metrics.nse([1.0, 2.0, 6.0], [3.0, 3.0, 3.0]) == 0.0
    assert metrics.nse([1.0, 2.0, 6.0, NAN], [1.0, 2.0, 6.0, 0.0]) == 1.0
    assert np.isnan(metrics.nse([2.0, 2.0], [1.0, 3.0]))


def test_owa_of_the_winner_of_m4_hourly():
    assert round(metrics.owa(9.328, 0.893, 18.383, 2.395), 3) == 0.440


def test_skill_without_a_reference_is_missing():
    assert metrics.skill(1.2, 1.0) == pytest.approx(-0.2)
    assert np.isnan(metrics.skill(1.0, 0.0))


@given(pairs())
def test_mae_never_exceeds_rmse(pair):
    y, forecast = pair
    assert metrics.mae(y, forecast) <= metrics.rmse(y, forecast) * (1 + 1e-12) + 1e-150  # squares below that are 0


@given(pairs())
def test_smape_is_symmetric_and_at_most_200(pair):
    y, forecast = pair
    assert metrics.smape(y, forecast) == pytest.approx(metrics.smape(forecast, y))
    assert 0 <= metrics.smape(y, forecast) <= 200 * (1 + 1e-12)


@given(pairs())
def test_the_pinball_loss_of_the_median_is_half_the_absolute_error(pair):
    y, forecast = pair
    assert metrics.pinball(y, forecast[:, None], [0.5]) == pytest.approx(metrics.mae(y, forecast) / 2)


@given(pairs(), st.floats(0.01, 100))
def test_mase_does_not_know_the_unit(pair, unit):
    y, forecast = pair
    assert metrics.mase(y * unit, forecast * unit, 3.0 * unit) == pytest.approx(metrics.mase(y, forecast, 3.0))
