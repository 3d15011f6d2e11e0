"""Baselines against numbers worked out by hand, and against the published scores of M4."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ensue import baselines, metrics
from ensue.errors import MissingExtraError, UsageError

NAN = float("nan")
histories = st.integers(1, 40).flatmap(
    lambda n: arrays.arrays(float, n, elements=st.one_of(st.floats(-1e3, 1e3), st.just(NAN)))
)


def test_seasonal_naive_repeats_the_last_season():
    assert baselines.seasonal_naive([9.0, 9.0, 1.0, 2.0, 3.0], 3, 5).tolist() == [1.0, 2.0, 3.0, 1.0, 2.0]


def test_a_missing_phase_goes_back_a_season():
    assert baselines.seasonal_naive([7.0, 1.0, 2.0, NAN, 4.0, NAN], 3, 3).tolist() == [7.0, 4.0, 2.0]


def test_a_phase_never_observed_takes_the_last_value():
    assert baselines.seasonal_naive([NAN, 2.0, NAN, 4.0], 2, 2).tolist() == [4.0, 4.0]


def test_the_oldest_part_of_a_season_is_not_forgotten():
    assert baselines.seasonal_naive([5.0, 1.0, NAN], 2, 2).tolist() == [1.0, 5.0]


def test_a_history_shorter_than_a_season_repeats_its_last_value():
    assert baselines.seasonal_naive([5.0, 6.0, NAN], 7, 2).tolist() == [6.0, 6.0]


def test_nothing_observed_gives_nothing():
    assert np.isnan(baselines.naive([NAN, NAN], 3)).all()
    assert np.isnan(baselines.naive2([NAN, NAN], 2, 3)).all()


@pytest.mark.parametrize(
    ("season", "horizon", "sentence"),
    [
        (0, 1, "season is 0, expected a length in steps of 1 or more."),
        (1, 0, "horizon is 0, expected 1 step or more."),
    ],
)
def test_impossible_lengths_are_refused(season, horizon, sentence):
    for forecast in (baselines.seasonal_naive, baselines.naive2):
        with pytest.raises(UsageError) as error:
            forecast([1.0], season, horizon)
        assert str(error.value) == sentence


@given(histories, st.integers(1, 9), st.integers(1, 20))
def test_every_forecast_is_a_value_that_was_seen(history, season, horizon):
    forecast = baselines.seasonal_naive(history, season, horizon)
    assert forecast.shape == (horizon,)
    if np.isnan(history).all():
        assert np.isnan(forecast).all()
    else:
        assert np.isin(forecast, history[~np.isnan(history)]).all()


@given(histories, st.integers(1, 9))
def test_the_future_repeats_with_the_season(history, season):
    forecast = baselines.seasonal_naive(history, season, 3 * season)
    np.testing.assert_array_equal(forecast[season:], forecast[:-season])


def test_the_band_grows_with_the_root_of_the_seasons():
    low, high = baselines.seasonal_naive_band([0.0, 1.0, 3.0, 0.0, 1.0, 5.0], season=2, horizon=6, level=80)
    # differences 3, -1, -2, 5: mean square 39 / 4; the 90 % normal quantile is 1.2816
    half = 1.2816 * np.sqrt(39 / 4) * np.sqrt([1, 1, 2, 2, 3, 3])
    np.testing.assert_allclose((high - low) / 2, half, rtol=1e-4)
    np.testing.assert_allclose((high + low) / 2, [1.0, 5.0] * 3)


def test_the_band_of_a_value_from_further_back_is_wider():
    low, high = baselines.seasonal_naive_band([1.0, 2.0, 2.0, 3.0, 3.0, NAN], season=2, horizon=2, level=95)
    np.testing.assert_allclose((high - low)[1] / (high - low)[0], np.sqrt(2))


def test_the_band_of_a_history_without_a_second_season_walks_step_by_step():
    low, high = baselines.seasonal_naive_band([1.0, 3.0, 1.0], season=12, horizon=4, level=80)
    np.testing.assert_allclose((high - low) / 2, 1.2816 * 2 * np.sqrt([1, 2, 3, 4]), rtol=1e-4)


@pytest.mark.parametrize("level", [0, 100, 120])
def test_impossible_levels_are_refused(level):
    with pytest.raises(UsageError) as error:
        baselines.seasonal_naive_band([1.0], 1, 1, level)
    assert str(error.value) == f"level is {level}, expected percent between 0 and 100, such as 80."


def test_the_band_covers_a_random_walk_as_promised():
    walks = np.random.default_rng(0).normal(size=(3000, 310)).cumsum(axis=1)
    bands = [baselines.seasonal_naive_band(walk[:300], 1, 10, 80) for walk in walks]
    held = metrics.coverage(walks[:, 300:], [low for low, _ in bands], [high for _, high in bands])
    assert held.mean() == pytest.approx(
        0.8, abs=0.015
    )  # the standard error is 0.005, for 10 steps of a walk go together


def test_a_panel_becomes_columns():
    columns = baselines.forecast_panel([[1.0, 2.0, 3.0], [5.0, 5.0]], 1, 2, levels=[80, 97.5])
    assert list(columns) == [
        "SeasonalNaive",
        "SeasonalNaive-lo-80",
        "SeasonalNaive-hi-80",
        "SeasonalNaive-lo-97.5",
        "SeasonalNaive-hi-97.5",
    ]
    assert columns["SeasonalNaive"].tolist() == [[3.0, 3.0], [5.0, 5.0]]
    np.testing.assert_allclose(columns["SeasonalNaive-hi-80"][:, 0], [3 + 1.2816, 5.0], rtol=1e-4)


def test_naive2_takes_the_season_out_and_puts_it_back():
    season = np.array([0.5, 1.0, 1.5, 1.0])
    history = np.tile(season, 6) * np.repeat([10.0, 10.1, 10.2, 10.3, 10.4, 10.5], 4)
    forecast = baselines.naive2(history, 4, 8)
    assert forecast[3] == history[-1]  # the same phase one season on
    np.testing.assert_allclose(forecast / forecast[3], np.tile(season, 2), rtol=0.02)


def test_naive2_without_a_season_is_naive():
    noise = np.random.default_rng(1).uniform(1, 2, size=80)
    assert baselines.naive2(noise, 4, 3).tolist() == [noise[-1]] * 3
    assert baselines.naive2([2.0, 4.0] * 2, 2, 1).tolist() == [4.0]  # shorter than three seasons
    assert baselines.naive2([0.0, 4.0] * 9, 2, 1).tolist() == [4.0]  # zero cannot be divided by a season


def test_naive2_fills_gaps_before_it_tests():
    pattern = [10.0, 20.0, 30.0, 40.0] * 5
    gappy = [NAN, *pattern]
    assert baselines.naive2(gappy, 4, 4).tolist() == baselines.naive2(pattern, 4, 4).tolist()


@pytest.mark.data
@pytest.mark.parametrize(
    ("group", "season", "horizon", "naive2", "snaive"),
    [("hourly", 24, 48, (18.383, 2.395), (13.912, 1.193)), ("weekly", 1, 13, (9.161, 2.777), (9.161, 2.777))],
)
def test_the_published_scores_of_m4(data_folder, group, season, horizon, naive2, snaive):
    import polars

    folder = data_folder / "forecast" / "m4"
    train, test = (
        polars.read_parquet(folder / f"{group}_{part}.parquet").sort("unique_id", "ds") for part in ("train", "test")
    )
    past = [part["y"].to_numpy() for part in train.partition_by("unique_id", maintain_order=True)]
    y = test["y"].to_numpy().reshape(-1, horizon)
    scale = np.array([metrics.seasonal_scale(history, season) for history in past])
    for method, published in ((baselines.naive2, naive2), (baselines.seasonal_naive, snaive)):
        forecast = np.array([method(history, season, horizon) for history in past])
        scores = metrics.smape(y, forecast).mean(), metrics.mase(y, forecast, scale).mean()
        assert np.round(scores, 3).tolist() == list(published)


@pytest.fixture(scope="module")
def weekly_waves():
    steps = np.arange(90)
    noise = np.random.default_rng(2).normal(size=(2, 90)) * 0.2
    waves = 10 + np.sin(2 * np.pi * steps / 7) + noise
    waves[1, 40:43] = NAN
    return [waves[0], waves[1]]


def test_the_classical_baselines_see_the_season(weekly_waves):
    pytest.importorskip("statsforecast")
    columns, findings = baselines.statistical(weekly_waves, horizon=14, season=7, levels=[80])
    assert findings == ()
    assert list(columns) == ["AutoETS", "AutoETS-lo-80", "AutoETS-hi-80", "Theta", "Theta-lo-80", "Theta-hi-80"]
    truth = 10 + np.sin(2 * np.pi * np.arange(90, 104) / 7)
    for name in ("AutoETS", "Theta"):
        assert columns[name].shape == (2, 14)
        assert metrics.mae(np.tile(truth, (2, 1)), columns[name]).max() < 0.2
        assert (columns[f"{name}-lo-80"] < columns[name]).all()
        assert (columns[name] < columns[f"{name}-hi-80"]).all()


def test_the_classical_baselines_see_the_last_thousand_points(weekly_waves):
    pytest.importorskip("statsforecast")
    recent = np.tile(weekly_waves[0], 12)[-1000:]
    long = np.concatenate([np.full(300, 1e6), recent])
    columns, _ = baselines.statistical([long, recent], ["theta"], horizon=3, season=7)
    assert columns["Theta"][0].tolist() == columns["Theta"][1].tolist()


def test_seasonal_naive_stands_in_where_a_fit_fails(weekly_waves):
    pytest.importorskip("statsforecast")
    histories = [weekly_waves[0], np.array([3.0]), np.array([NAN])]
    columns, findings = baselines.statistical(histories, ["ets"], horizon=2, season=7)
    assert findings == ("AutoETS could not be fitted to 2 of 3 histories; seasonal naive stands in there.",)
    assert columns["AutoETS"][1].tolist() == [3.0, 3.0]
    assert np.isnan(columns["AutoETS"][2]).all()


def test_an_unknown_baseline_is_refused_with_the_nearest():
    with pytest.raises(UsageError) as error:
        baselines.statistical([np.ones(5)], ["thetta"], horizon=1, season=1)
    assert str(error.value) == "'thetta' is not a baseline: did you mean 'theta'?"


def test_the_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "statsforecast.models", None)
    with pytest.raises(MissingExtraError) as error:
        baselines.statistical([np.ones(5)], ["ets"], horizon=1, season=1)
    assert str(error.value) == (
        "The baseline 'ets' needs the package 'statsforecast', which is not installed: "
        "install it with pip install 'ensue[baselines]'."
    )
