"""Backtests of a forecaster: trained on what lies before, scored on what it has not seen, in the table's own terms."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import ensue
from ensue import Forecaster
from ensue.errors import DataError, UsageError

TINY: dict[str, Any] = {
    "horizon": 4, "preset": "fast", "steps": 12, "hidden_size": 6, "layers": 1, "context_length": 64, "batch_size": 4,
    "threads": 1, "device": "cpu",
}  # fmt: skip
DAY = timedelta(days=1)
START = datetime(2024, 1, 1)


def make_table(rows: int = 60, ids: tuple[str, ...] = ("a", "b"), seed: int = 0) -> pl.DataFrame:
    tables = []
    for place, name in enumerate(ids):
        random = np.random.default_rng((seed, place))
        y = np.sin(np.arange(rows) * 2 * np.pi / 7) + 0.3 * random.normal(size=rows) + 10 * place
        days = [START + DAY * row for row in range(rows)]
        tables.append(pl.DataFrame({"unique_id": [name] * rows, "ds": days, "y": y}))
    return pl.concat(tables)


@pytest.fixture(scope="module")
def fitted() -> Forecaster:
    return Forecaster(**TINY).fit(make_table())


def test_every_window_is_forecast_and_scored_beside_seasonal_naive(fitted: Forecaster) -> None:
    before = fitted.predict()
    result = fitted.backtest(make_table(), windows=3, levels=(80,))
    assert result.forecasts.columns == [
        *("unique_id", "ds", "cutoff", "y", "ensue", "ensue-lo-80", "ensue-hi-80"),
        *("SeasonalNaive", "SeasonalNaive-lo-80", "SeasonalNaive-hi-80"),
    ]
    assert result.forecasts.height == 2 * 3 * 4
    last = result.forecasts.filter(pl.col("unique_id") == "b")
    assert last["ds"].to_list() == [START + DAY * row for row in range(48, 60)]
    assert last["cutoff"].unique(maintain_order=True).to_list() == [START + DAY * row for row in (47, 51, 55)]
    assert_frame_equal(last.select("y"), make_table().filter(unique_id="b").tail(12).select("y"))
    assert result.scores[:, 0].to_list() == ["ensue", "SeasonalNaive"]
    assert result.sentence
    assert_frame_equal(fitted.predict(), before)  # the forecaster itself was not trained again


def test_what_comes_after_an_origin_does_not_move_its_forecast() -> None:
    """Neither the training nor the reading of a backtest looks beyond its origins."""
    table = make_table()
    changed = table.with_columns(y=pl.when(pl.col("ds") >= START + 52 * DAY).then(0.5).otherwise("y"))
    first, second = (Forecaster(**TINY, season=7).backtest(each, windows=3).forecasts for each in (table, changed))
    seen = pl.col("cutoff") <= START + 51 * DAY
    assert_frame_equal(first.filter(seen).drop("y"), second.filter(seen).drop("y"), check_exact=True)
    assert (first.filter(~seen)["ensue"] != second.filter(~seen)["ensue"]).all()
    assert first.filter(seen).height == 16


def test_a_backtest_is_what_a_forecaster_of_that_day_would_have_said() -> None:
    table = make_table()
    result = Forecaster(**TINY, season=7).backtest(table, windows=3).forecasts
    then = Forecaster(**TINY, season=7).fit(table.filter(pl.col("ds") < START + 48 * DAY))
    for origin in (48, 52, 56):
        day = START + origin * DAY
        frame = then.predict(table.filter(pl.col("ds") < day))
        window = result.filter(pl.col("cutoff") == day - DAY)
        np.testing.assert_allclose(window["ensue"], frame["ensue"], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(window["ensue-hi-95"], frame["ensue-hi-95"], rtol=1e-4, atol=1e-5)


def test_windows_that_were_learned_from_are_refused(fitted: Forecaster, tmp_path: Path) -> None:
    fitted.save(tmp_path / "a.ensue")
    for forecaster in (fitted, ensue.load(tmp_path / "a.ensue")):
        with pytest.raises(UsageError) as raised:
            forecaster.backtest(make_table(66), windows=2, refit=False)
        assert str(raised.value) == (
            "The model was trained on series 'a' up to 2024-02-29, and the first window begins at 2024-02-28: "
            "its score would be of values it has seen; backtest with refit, or on later rows."
        )
        with pytest.raises(UsageError):
            forecaster.backtest(windows=1, refit=False)


def test_later_windows_and_new_series_need_no_refit(fitted: Forecaster) -> None:
    result = fitted.backtest(make_table(68), windows=2, refit=False)
    assert result.forecasts["ds"].min() == START + 60 * DAY
    assert fitted.backtest(make_table(ids=("new",)), windows=5, refit=False).forecasts.height == 20
    with pytest.raises(UsageError):
        fitted.backtest(make_table(ids=("new", "a")), windows=5, refit=False)


def test_without_refit_the_table_is_read_as_in_training() -> None:
    """Codes of categories, the season and the horizon are the model's own, whatever the new table would suggest."""
    table = make_table(60, ids=("a",)).with_columns(sky=pl.Series(["clear", "rain", "snow"] * 20))
    forecaster = Forecaster(**TINY, past=["sky"], season=7).fit(table)
    later = make_table(72, ids=("a",)).with_columns(sky=pl.Series(["snow"] * 60 + ["rain"] * 12))
    result = forecaster.backtest(later, windows=3, refit=False).forecasts
    for origin in (60, 64, 68):
        frame = forecaster.predict(later.head(origin))
        window = result.filter(pl.col("cutoff") == START + (origin - 1) * DAY)
        np.testing.assert_allclose(window["ensue"], frame["ensue"], rtol=1e-4, atol=1e-5)
    forecaster.set_params(horizon=9)
    assert forecaster.backtest(later, windows=3, refit=False).forecasts.height == 12


def test_what_a_target_never_was_is_judged_by_what_was_seen() -> None:
    table = make_table(ids=("a",)).with_columns(pl.col("y").abs())
    falling = table.with_columns(y=pl.when(pl.col("ds") >= START + 56 * DAY).then(-5.0).otherwise("y"))
    result = Forecaster(**TINY).backtest(falling, windows=1, levels=(95,)).forecasts
    assert (result["ensue-lo-95"] >= 0).all()  # nothing below zero had been seen when it was made
    assert_frame_equal(
        result.drop("y"), Forecaster(**TINY).backtest(table, windows=1, levels=(95,)).forecasts.drop("y")
    )


def test_series_that_are_too_short_are_left_out_and_said() -> None:
    table = pl.concat([make_table(), make_table(20, ids=("short",))])
    result = Forecaster(**TINY).backtest(table, windows=3)
    assert result.forecasts["unique_id"].unique().sort().to_list() == ["a", "b"]
    assert "1 series shorter than 24 rows left out: 'short'." in result.findings
    with pytest.raises(DataError) as raised:
        Forecaster(**TINY).backtest(table, windows=30)
    assert str(raised.value) == (
        "The longest series 'a' has 60 rows, and 30 windows of 4 steps need 132: give fewer windows or more history."
    )
    with pytest.raises(UsageError) as usage:
        Forecaster(**TINY).backtest(table, windows=0)
    assert str(usage.value) == "windows is 0, expected 1 or more: give --windows 8, for example."


def test_stamps_are_in_the_zone_of_the_table() -> None:
    zone = "Europe/Berlin"
    stamps = pl.datetime_range(datetime(2024, 3, 29), datetime(2024, 4, 1), "1h", time_zone=zone, eager=True)
    table = pl.DataFrame({"ds": stamps, "y": np.sin(np.arange(len(stamps)) / 3)})
    result = Forecaster(**TINY).backtest(table, windows=2)
    assert result.forecasts["ds"].to_list() == stamps[-8:].to_list()
    assert result.forecasts["cutoff"][0] == stamps[-9]


def test_known_covariates_are_seen_ahead() -> None:
    random = np.random.default_rng(0)
    price = random.normal(size=60)
    table = make_table(ids=("a",)).with_columns(price=pl.Series(price))
    dearer = table.with_columns(price=pl.Series([*price[:56], *(price[56:] + 5)]))
    forecaster = Forecaster(**TINY, future=["price"], season=7)
    first, second = (forecaster.backtest(each, windows=2).forecasts for each in (table, dearer))
    late = pl.col("cutoff") == START + 55 * DAY
    assert (first.filter(late)["ensue"] != second.filter(late)["ensue"]).all()
    # The model of the backtest was trained before both windows, where the prices are the same.
    assert_frame_equal(first.filter(~late), second.filter(~late), rel_tol=1e-6)


def test_gaps_are_forecast_and_not_scored(fitted: Forecaster) -> None:
    table = make_table(68).with_columns(y=pl.when(pl.col("ds") == START + 63 * DAY).then(None).otherwise("y"))
    result = fitted.backtest(table, windows=2, refit=False)
    gap = result.forecasts.filter(pl.col("ds") == START + 63 * DAY)
    assert gap["y"].null_count() == 2 and gap["ensue"].is_finite().all()
    assert result.scores.select(pl.col(pl.Float64).is_finite().all()).row(0).count(False) == 0
