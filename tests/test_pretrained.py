"""The forecaster that has learned from no table: any table in, an answer at once; fine-tuned, never worse where it counts.

No test asks how good the answers of the shipped weights are; most run on a tiny network of a few steps.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import ensue
from ensue import Forecaster
from ensue.config import PretrainOptions
from ensue.errors import ModelFileError, NotFittedError, UsageError
from ensue.tasks.zero_shot import CALLED

BANDS = ["ensue-lo-95", "ensue-lo-80", "ensue", "ensue-hi-80", "ensue-hi-95"]
START = datetime(2024, 1, 1)
DAY = timedelta(days=1)
TUNE: dict[str, Any] = {"horizon": 4, "steps": 12, "threads": 1, "device": "cpu", "batch_size": 4}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `ensue pretrain` leaves it, of a network that takes no time."""
    from ensue.learn.pretraining.whole import pretrain

    options = PretrainOptions(
        steps=12,
        batch_steps=600,
        hidden_size=8,
        layers=1,
        held_out=2,
        validate_every=6,
        context_length=64,
        device="cpu",
    )
    return pretrain(options, tmp_path_factory.mktemp("tiny")).folder


@pytest.fixture(scope="module")
def model(tiny: Path) -> Forecaster:
    """To be asked and not fitted."""
    return Forecaster.pretrained(folder=tiny)


def daily(rows: int = 120, ids: tuple[str, ...] = ("a", "b"), seed: int = 0) -> pl.DataFrame:
    tables = []
    for place, name in enumerate(ids):
        noise = np.random.default_rng((seed, place)).normal(size=rows)
        y = np.sin(np.arange(rows) * 2 * np.pi / 7) + 0.3 * noise + 10 * place
        days = [START + DAY * row for row in range(rows)]
        tables.append(pl.DataFrame({"unique_id": [name] * rows, "ds": days, "y": y}))
    return pl.concat(tables)


# ---- an answer at once ----


def test_every_table_is_read_anew_and_said(model: Forecaster) -> None:
    frame = model.predict(daily())
    assert frame.columns == ["unique_id", "ds", "ensue", "ensue-lo-80", "ensue-hi-80", "ensue-lo-95", "ensue-hi-95"]
    assert frame.height == 2 * 14 and frame["ds"][0] == START + 120 * DAY
    assert model.prediction_findings_ == (
        CALLED,
        "time column 'ds': daily from 2024-01-01 to 2024-04-29.",
        "2 series named by 'unique_id'.",
        "target 'y': numbers.",
        "seasons of 7 steps, from the calendar.",
        "14 steps ahead unless asked for others.",
    )
    other = model.predict(np.sin(np.arange(100) * 2 * np.pi / 25).tolist(), levels=(80,))
    assert "seasons of 25 steps, from the data." in model.prediction_findings_
    assert len(other) == 25


def test_what_was_asked_for_is_not_told_as_found(model: Forecaster, tiny: Path) -> None:
    model.predict(daily(), horizon=3)
    assert not [each for each in model.prediction_findings_ if "unless asked" in each]
    asked = Forecaster.pretrained(folder=tiny, horizon=5)
    assert asked.predict(daily()).height == 10
    assert not [each for each in asked.prediction_findings_ if "unless asked" in each]


def test_a_table_of_the_same_kind_comes_back(model: Forecaster, tmp_path: Path) -> None:
    table = daily(ids=("a",)).drop("unique_id")
    expected = model.predict(table)
    pandas = model.predict(table.to_pandas())
    assert isinstance(pandas, pd.DataFrame)
    np.testing.assert_array_equal(pandas["ensue"], expected["ensue"])
    table.write_csv(tmp_path / "a.csv")
    assert_frame_equal(model.predict(tmp_path / "a.csv"), expected, check_dtypes=False)


def test_the_arguments_of_a_forecaster_say_what_is_what(tiny: Path) -> None:
    table = daily(ids=("a",)).rename({"ds": "when", "y": "sold"}).with_columns(other=pl.lit(1.0))
    asked = Forecaster.pretrained(folder=tiny, target="sold", time="when", season=[6])
    asked.predict(table)
    assert "seasons of 6 steps, as given." in asked.prediction_findings_
    assert asked.get_params()["target"] == "sold"
    with pytest.raises(UsageError):
        Forecaster.pretrained(folder=tiny, targe="sold")


def test_it_answers_without_pytorch() -> None:
    code = (
        "import sys, ensue\nf = ensue.Forecaster.pretrained()\nt = [float(i % 12) for i in range(90)]\n"
        "f.predict(t, thorough=True); f.backtest(t)\n"
        "f.stream(t).update([3.0]); f.streams(df=t); f.trace(t); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_nothing_is_remembered_of_a_table(model: Forecaster) -> None:
    first = model.predict(daily())
    model.predict(daily(ids=("c",), seed=9))
    assert_frame_equal(model.predict(daily()), first)
    told = "The bundled forecaster remembers no table, and none was given: give df, or fit(df) before."
    for ask in (model.predict, model.backtest, model.stream, model.trace, model.inspect):
        with pytest.raises(NotFittedError) as raised:
            ask()
        assert str(raised.value) == told


def test_it_is_in_the_package_and_needs_no_saving(model: Forecaster, tmp_path: Path) -> None:
    with pytest.raises(NotFittedError) as raised:
        model.save(tmp_path / "a.ensue")
    assert str(raised.value) == (
        "The bundled forecaster is part of the package and knows no table yet: call fit(df) first."
    )


def test_covariates_known_ahead_are_refused(model: Forecaster) -> None:
    with pytest.raises(UsageError) as raised:
        model.predict(daily(), future=daily())
    assert str(raised.value) == (
        "Future values of covariates are given, which the bundled forecaster cannot use: train on the table, with "
        "Forecaster.pretrained(future=[names]).fit(df) or ensue train forecast --from bundled --future NAMES."
    )


# ---- any series ----


def check(model: Forecaster, y: list[float | None], **how: Any) -> np.ndarray:
    """The bands of a series without stamps: finite and in order."""
    bands = model.predict(pl.DataFrame({"y": y}, schema={"y": pl.Float64}), horizon=7, **how).select(BANDS).to_numpy()
    assert bands.shape == (7, 5)
    assert np.isfinite(bands).all()
    assert (np.diff(bands, axis=1) >= 0).all()
    return bands


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 11, 23])
@pytest.mark.parametrize("season", [None, [], [12], [4, 12]])
def test_short_series_have_an_answer(tiny: Path, rows: int, season: list[int] | None) -> None:
    asked = Forecaster.pretrained(folder=tiny, season=season)
    y = [10.0 + (row % 4) for row in range(rows)]
    bands = check(asked, [*y])
    assert bands.min() > -100 and bands.max() < 100
    few = "1 series with fewer than 3 known values, whose bands tell nothing: 'y'."
    assert (few in asked.prediction_findings_) == (rows < 3)


@pytest.mark.parametrize("value", [0.0, 5.0, -3.5, 1e12, 1e-9])
def test_of_a_constant_more_of_it_is_expected(model: Forecaster, value: float) -> None:
    np.testing.assert_allclose(check(model, [value] * 40), value, rtol=1e-6, atol=1e-12)


def test_counts_have_no_bands_below_zero(model: Forecaster) -> None:
    counts = np.random.default_rng(0).poisson(0.4, 150).astype(float)
    for thorough in (False, True):
        assert check(model, [*counts], thorough=thorough).min() >= 0
    assert check(model, [*(counts - 1)]).min() < 0


def test_gaps_and_a_long_silence_are_read(model: Forecaster) -> None:
    noise = np.random.default_rng(0).normal(size=80)
    holed: list[float | None] = [value if i % 3 else None for i, value in enumerate(noise)]
    check(model, holed)
    check(model, [*noise, *[None] * 60, 1.0])
    check(model, [None] * 20 + [3.0] + [None] * 20)


@settings(max_examples=30)
@given(
    y=st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6, width=32)), min_size=1, max_size=60).filter(
        lambda each: any(value is not None for value in each)
    ),
    thorough=st.booleans(),
)
def test_whatever_comes_bands_are_finite_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, y: list[float | None], thorough: bool
) -> None:
    check(Forecaster.pretrained(), y, thorough=thorough)


@pytest.mark.parametrize("factor", [2.0**-40, 2.0**-10, 2.0**30, 2.0**300])
def test_the_unit_of_a_series_does_not_matter(model: Forecaster, factor: float) -> None:
    y = np.random.default_rng(0).normal(5, 2, 90)
    np.testing.assert_allclose(check(model, [*(y * factor)]), check(model, [*y]) * factor, rtol=1e-4)


def test_where_zero_is_does_not_matter(model: Forecaster) -> None:
    """But for the one input that tells how level and spread compare."""
    y = np.random.default_rng(0).normal(0, 2, 90)
    assert np.isfinite(check(model, [*(y + 1e9)])).all()
    assert np.abs(check(model, [*(y + 1e9)]) - 1e9).max() < 100


# ---- turned over ----


def test_thorough_is_the_mean_of_both_ways_up(model: Forecaster) -> None:
    y = np.random.default_rng(0).normal(size=80)
    thorough, upside_down = check(model, [*y], thorough=True), check(model, [*-y], thorough=True)
    np.testing.assert_allclose(thorough, -upside_down[:, ::-1], atol=1e-12)
    once = (check(model, [*y]) - check(model, [*-y])[:, ::-1]) / 2
    np.testing.assert_allclose(thorough, once, atol=1e-9)
    assert not np.allclose(thorough, check(model, [*y]))


# ---- backtests ----


def test_a_backtest_trains_nothing(model: Forecaster) -> None:
    table = daily(200)
    result = model.backtest(table, windows=3, levels=(80,))
    assert result.findings[0] == CALLED
    assert result.scores[:, 0].to_list() == ["ensue", "SeasonalNaive"]
    assert result.forecasts.height == 2 * 3 * 14
    for origin in (158, 172, 186):
        day = START + (origin - 1) * DAY
        then = model.predict(table.filter(pl.col("ds") <= day), horizon=14)
        window = result.forecasts.filter(pl.col("cutoff") == day)
        np.testing.assert_allclose(window["ensue"], then["ensue"], rtol=1e-5, atol=1e-6)
    assert_frame_equal(result.forecasts, model.backtest(table, windows=3, levels=(80,), refit=False).forecasts)


@pytest.mark.parametrize("stamps", [True, False])
def test_a_backtest_cannot_see_what_comes(tiny: Path, stamps: bool) -> None:
    """Seasons found in the numbers and the sign of the target too are those of what lies before the windows."""
    random = np.random.default_rng(0)
    y = np.abs(np.sin(np.arange(150) * np.pi / 6)) * 10 + np.abs(random.normal(size=150))
    y[3] = 0.0
    other = y.copy()
    other[126:] = random.normal(size=24) * 1e3 - 500.0
    asked = Forecaster.pretrained(folder=tiny, horizon=8)
    ds = [START + row * DAY if stamps else row for row in range(150)]
    first, second = (asked.backtest(pl.DataFrame({"ds": ds, "y": each}), windows=3).forecasts for each in (y, other))
    seen = pl.col("cutoff") == ds[125]
    assert first.filter(seen).height == 8
    assert_frame_equal(first.filter(seen).drop("y"), second.filter(seen).drop("y"), check_exact=True)
    assert first.filter(seen)["ensue-lo-95"].min() >= 0  # type: ignore[operator]
    assert (first.filter(~seen)["ensue"] != second.filter(~seen)["ensue"]).any()


def test_an_origin_is_one_of_its_own(model: Forecaster) -> None:
    table = pl.DataFrame({"y": np.random.default_rng(1).normal(size=150)})
    result = model.backtest(table, windows=2)
    changed = (
        table.with_row_index().with_columns(y=pl.when(pl.col("index") >= 138).then(50.0).otherwise("y")).drop("index")
    )
    moved = model.backtest(changed, windows=2)
    assert_frame_equal(result.forecasts[:12].drop("y"), moved.forecasts[:12].drop("y"), check_exact=True)


# ---- streams, and looking inside ----


def test_a_stream_goes_on_from_a_table(model: Forecaster) -> None:
    table = daily()
    stream = model.stream(table, id="b")
    ahead = stream.forecast(5)
    frame = model.predict(table, horizon=5).filter(unique_id="b")
    np.testing.assert_allclose(ahead[:, stream.levels.index(0.5)], frame["ensue"], rtol=1e-5)
    assert stream.update([10.0, 10.5]).shape == (2, 13)
    both = model.streams(df=table)
    np.testing.assert_allclose(both.forecast(5)[1], ahead, rtol=1e-5)
    saved = stream.state
    later = model.stream(table, id="b")
    later.state = saved
    np.testing.assert_array_equal(later.forecast(3), stream.forecast(3))


def test_it_can_be_looked_into(model: Forecaster) -> None:
    table = daily(80, ids=("a",))
    assert len(model.trace(table).labels) == 80 if hasattr(model.trace(table), "labels") else model.trace(table)
    assert str(model.inspect(table, steps=40))
    assert model.inspection_findings_[0] == CALLED


# ---- fine-tuned ----


def fine_tuned(tiny: Path, table: pl.DataFrame, **how: Any) -> Forecaster:
    return Forecaster.pretrained(folder=tiny, **(TUNE | how)).fit(table)


def test_fit_goes_on_from_it_and_keeps_the_better(tiny: Path) -> None:
    fitted = fine_tuned(tiny, daily())
    report = fitted.report_
    assert report.curve[0][0] == 0  # what it was worth before the first step
    assert report.validation <= report.curve[0][2]
    said = [each for each in fitted.findings_ if "bundled forecaster" in each]
    assert len(said) == 1 and f"{report.validation:.3f}" in said[0] and f"{report.curve[0][2]:.3f}" in said[0]
    assert fitted.predict().height == 8
    assert (
        fitted.describe()["parameters"] > Forecaster.pretrained(folder=tiny).describe()["parameters"]
    )  # the calendar's


def test_where_training_does_harm_it_stays_as_it_was(tiny: Path) -> None:
    table = daily()
    harmed = fine_tuned(tiny, table, learning_rate=0.9, steps=10)
    assert harmed.report_.best_step == 0
    assert any("is kept as it was" in each for each in harmed.findings_)
    frames = [each.predict(table, horizon=4) for each in (harmed, Forecaster.pretrained(folder=tiny))]
    assert_frame_equal(*frames, rel_tol=1e-5)


def test_covariates_join_and_begin_at_nothing(tiny: Path) -> None:
    random = np.random.default_rng(0)
    table = daily().with_columns(
        price=pl.Series(random.normal(size=240)), sky=pl.Series(random.choice(["clear", "rain"], 240))
    )
    ahead = pl.DataFrame(
        {
            "unique_id": ["a"] * 4 + ["b"] * 4,
            "ds": [START + DAY * row for row in range(120, 124)] * 2,
            "price": random.normal(size=8),
        }
    )
    plain = fine_tuned(tiny, table.drop("price", "sky"), learning_rate=0.9, steps=10)  # kept as it was
    joined = fine_tuned(tiny, table, future=["price"], past=["sky"], learning_rate=0.9, steps=10)
    assert joined.report_.curve[0][2] == pytest.approx(plain.report_.curve[0][2], rel=1e-5)
    np.testing.assert_allclose(joined.predict(future=ahead)["ensue"], plain.predict()["ensue"], rtol=1e-4)
    learned = fine_tuned(tiny, table, future=["price"], past=["sky"])
    frame = learned.predict(future=ahead)
    dearer = learned.predict(future=ahead.with_columns(pl.col("price") + 3))
    if learned.report_.best_step:
        assert (frame["ensue"] != dearer["ensue"]).any()


@pytest.mark.parametrize("roles", [{}, {"future": ["price"]}])
def test_fine_tuned_it_is_a_forecaster_like_any(tiny: Path, tmp_path: Path, roles: dict[str, Any]) -> None:
    table = daily().with_columns(price=pl.Series(np.random.default_rng(0).normal(size=240)))
    fitted = fine_tuned(tiny, table, **roles)
    fitted.save(tmp_path / "a.ensue")
    again = ensue.load(tmp_path / "a.ensue")
    more = table.with_columns(pl.col("ds") + 4 * DAY)
    ahead = more.group_by("unique_id", maintain_order=True).tail(4).drop("y") if roles else None
    assert_frame_equal(again.predict(future=ahead), fitted.predict(future=ahead))
    stream = again.stream(table, id="a")
    future = None if ahead is None else ahead.filter(unique_id="a").select("price").to_numpy()
    median = stream.forecast(4, future=future)[:, stream.levels.index(0.5)] if roles else stream.forecast(4)[:, 6]
    np.testing.assert_allclose(median, fitted.predict(future=ahead).filter(unique_id="a")["ensue"], rtol=1e-4)


def test_a_fine_tuned_one_is_backtested_by_fine_tuning(tiny: Path) -> None:
    fitted = fine_tuned(tiny, daily())
    result = fitted.backtest(daily(), windows=2)
    assert result.forecasts.height == 2 * 2 * 4
    then = fine_tuned(tiny, daily().filter(pl.col("ds") < START + 112 * DAY))
    first = result.forecasts.filter(pl.col("cutoff") == START + 111 * DAY)
    np.testing.assert_allclose(first["ensue"], then.predict()["ensue"], rtol=1e-4, atol=1e-5)


def test_the_card_and_what_it_is_are_told(model: Forecaster) -> None:
    told = model.describe()
    json.dumps(told)
    assert told["task"] == "forecasting" and told["parameters"] > 0
    assert told["quantile_levels"] == list(model.levels)


def test_a_file_of_ensue_pretrain_is_a_forecaster_for_every_table(
    tiny: Path, model: Forecaster, tmp_path: Path
) -> None:
    loaded = ensue.load(tiny / "forecaster.ensue")
    assert_frame_equal(loaded.predict(daily()), model.predict(daily()))
    started = Forecaster(**TUNE).fit(daily(), start_from=tiny / "forecaster.ensue")
    assert started.report_.curve == fine_tuned(tiny, daily()).report_.curve
    with pytest.raises(UsageError) as raised:
        ensue.load(tiny / "forecaster.ensue", weights="int8")
    assert str(raised.value) == (
        f"weights is 'int8', and {tiny / 'forecaster.ensue'} is a pretrained forecaster, read as 'float32' only."
    )


def test_a_fine_tuned_model_needs_the_bundled_one_to_train_anew_alone(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ensue import bundled

    fine_tuned(tiny, daily()).save(tmp_path / "a.ensue")
    monkeypatch.setattr(bundled, "folder", lambda: tmp_path)
    bundled.bundled.cache_clear()
    try:
        loaded = ensue.load(tmp_path / "a.ensue")
        assert loaded.predict().height == 8
        with pytest.raises(ModelFileError):
            loaded.backtest(daily(), windows=1)
    finally:
        bundled.bundled.cache_clear()


def test_a_backtest_takes_as_many_windows_as_half_of_a_short_history_has_room_for(model: Forecaster) -> None:
    months = pl.DataFrame({"ds": pl.date_range(datetime(2010, 1, 1), datetime(2019, 12, 1), "1mo", eager=True)})
    table = months.with_columns(y=pl.Series(np.random.default_rng(0).normal(size=120)))
    result = model.backtest(table)
    assert result.forecasts.height == 2 * 24
    assert "2 windows of 24 steps, as half of the history has room for, unless asked for more." in result.findings
    assert model.backtest(table.head(40)).forecasts.height == 13
    assert model.backtest(daily(400)).forecasts.height == 2 * 8 * 14
    assert not [each for each in model.backtest(table, windows=2).findings if "has room for" in each]


def test_a_series_that_was_silent_for_years_is_named() -> None:
    y = np.full(3000, np.nan)
    y[:50] = np.random.default_rng(0).normal(10, 1, 50)
    y[-1] = 11.0
    forecaster = Forecaster.pretrained(season=[24])
    forecaster.predict(y, horizon=3)
    assert any("fewer than 3 known values" in said for said in forecaster.prediction_findings_)


def test_a_year_that_did_not_fit_before_the_windows_is_not_told_in_a_backtest() -> None:
    days = np.datetime64("2022-01-01") + np.arange(740)
    table = pl.DataFrame({"ds": days, "y": np.random.default_rng(1).normal(size=740).cumsum()})
    forecaster = Forecaster.pretrained(horizon=14)
    scored = forecaster.backtest(table, windows=8)
    first = scored.forecasts.filter(pl.col("cutoff") == pl.col("cutoff").min())
    then = forecaster.predict(table.head(740 - 8 * 14))
    np.testing.assert_allclose(first["ensue"].to_numpy(), then["ensue"].to_numpy())


def test_another_horizon_can_be_set() -> None:
    forecaster = Forecaster.pretrained(horizon=5).set_params(horizon=7)
    assert forecaster.predict(np.sin(np.arange(60.0))).height == 7


@pytest.mark.parametrize("size", ["hidden_size", "layers", "context_length"])
def test_sizes_are_those_of_the_pretrained_network(size: str) -> None:
    with pytest.raises(UsageError) as raised:
        Forecaster.pretrained(horizon=5, **{size: 8}).fit(np.sin(np.arange(200.0)))
    assert str(raised.value) == (
        f"{size} is given, and the pretrained network has its own: leave it out, or train from nothing with Forecaster(...)."
    )
