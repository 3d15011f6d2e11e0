"""A forecaster as a subject answers as the forecaster itself does, a stretch at a time or at once, and never looks ahead."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ensue
from ensue.data.panel import Panel
from ensue.errors import DataError
from ensue.inspection.attribution import shapley
from ensue.inspection.forecaster import Question, inspect_forecaster
from ensue.inspection.forecasts import ForecastSubject, with_steps_ahead
from ensue.inspection.reach import measure_reach

TINY = {"horizon": 4, "preset": "fast", "steps": 8, "hidden_size": 6, "layers": 1, "context_length": 16, "threads": 1}


def table(rows: int = 90, ahead: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(3)
    stamps = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2025, 1, 1), "1d", eager=True)[: rows + ahead]
    frames = []
    for name in ("a", "b"):
        y = 10 + np.sin(np.arange(rows + ahead) * 2 * np.pi / 7) + 0.1 * random.normal(size=rows + ahead)
        known = {"unique_id": [name] * (rows + ahead), "ds": stamps, "y": y}
        frames.append(pl.DataFrame(known | {"rain": random.random(rows + ahead), "price": random.random(rows + ahead)}))
    return pl.concat(frames)


@pytest.fixture(scope="module")
def forecaster() -> ensue.Forecaster:
    return ensue.Forecaster(past=["rain"], future=["price"], **TINY).fit(table())


@pytest.fixture(scope="module")
def panel(forecaster: ensue.Forecaster) -> Panel:
    return forecaster._panel_to_predict(table(), None)


@pytest.fixture(scope="module")
def subject(forecaster: ensue.Forecaster, panel: Panel) -> ForecastSubject:
    return ForecastSubject(forecaster._fitted(), panel, count=9)


@pytest.mark.parametrize("ahead", [1, 3])
def test_its_answers_are_the_forecasters_own_medians(forecaster: ensue.Forecaster, panel: Panel, ahead: int) -> None:
    predictor = forecaster._fitted()
    subject = ForecastSubject(predictor, panel, count=9, ahead=ahead)
    assert subject.rows == predictor.task.memory  # so a window is all that a forecast reads
    answers = subject.answers(subject.windows, subject.all())
    for window in range(len(answers)):
        series, end = int(subject.series[window]), int(subject.ends[window])
        alone = panel.select([series])
        median = predictor.predict(alone.cut(int(alone.history[0]) - end), ahead)[
            0, -1, predictor.task.levels.index(0.5)
        ]
        assert answers[window] == pytest.approx(median, rel=1e-6)
        assert subject.targets[window] == alone.y[end + ahead - 1]


@given(st.lists(st.integers(1, 29), max_size=4, unique=True))
@settings(max_examples=15)
def test_read_in_stretches_it_answers_the_same(subject: ForecastSubject, cuts: list[int]) -> None:
    which = subject.all()
    whole = subject.answers(subject.windows, which)
    state = subject.start(which)
    places = [0, *sorted(cut for cut in cuts if cut < subject.rows), subject.rows]
    for begin, end in zip(places, places[1:], strict=False):
        state = subject.read(subject.windows[:, begin:end], begin, which, state)
    np.testing.assert_allclose(subject.answer(which, state), whole, rtol=1e-5)


def test_a_branched_state_goes_on_as_its_rows_would_have(subject: ForecastSubject) -> None:
    rows = np.array([4, 0, 4])
    half = subject.rows // 2
    state = subject.read(subject.windows[:, :half], 0, subject.all(), subject.start(subject.all()))
    state = subject.read(subject.windows[rows, half:], half, rows, subject.branch(state, rows))
    expected = subject.answers(subject.windows, subject.all())[rows]
    np.testing.assert_allclose(subject.answer(rows, state), expected, rtol=1e-5)


def test_its_network_answers_the_same_in_the_front_ends_unit(
    forecaster: ensue.Forecaster, subject: ForecastSubject
) -> None:
    network = subject.network(forecaster._weights[0])
    normalised = network.answers(network.windows, network.all())
    assert network.longest_lag == forecaster._fitted().task.context_length  # and lag 0 is the forecast step
    assert len(network.names) == network.windows.shape[2]
    # value = normalised * spread + center: with the targets, two equations that give both back, as the front end has them
    answers, targets = subject.answers(subject.windows, subject.all()), subject.targets
    spread = (answers - targets) / (normalised - network.targets)
    np.testing.assert_allclose(answers - normalised * spread, targets - network.targets * spread, rtol=1e-6)
    state = subject.read(subject.windows, 0, subject.all(), subject.start(subject.all()))
    empty = np.full((len(answers), 1), np.nan)
    reading, _ = forecaster._fitted().task.reader.read(np.zeros_like(empty), np.isfinite(empty), state.causal)
    np.testing.assert_allclose(spread, reading.spread[:, 0], rtol=1e-4)
    np.testing.assert_allclose(answers - normalised * spread, reading.center[:, 0], rtol=1e-4)


def test_the_future_moves_no_answer(forecaster: ensue.Forecaster, panel: Panel, subject: ForecastSubject) -> None:
    later = panel.y.copy()
    for window in range(len(subject.windows)):
        series, end = int(subject.series[window]), int(subject.ends[window])
        changed = later.copy()
        changed[panel.offsets[series] + end : panel.offsets[series + 1]] += 100.0
        other = ForecastSubject(forecaster._fitted(), replace(panel, y=changed), count=9)
        np.testing.assert_array_equal(other.windows[window], subject.windows[window])
        assert (
            other.answers(other.windows, other.all())[window] == subject.answers(subject.windows, subject.all())[window]
        )


def test_the_step_after_the_history_can_be_asked_about(forecaster: ensue.Forecaster) -> None:
    ahead = table(ahead=4).drop("y").filter(pl.col("ds") > table()["ds"].max())
    panel = forecaster._panel_to_predict(table(), ahead)
    extended = with_steps_ahead(panel, 2)
    np.testing.assert_array_equal(extended.lengths, panel.history + 2)
    last = int(panel.history[1])
    subject = ForecastSubject(forecaster._fitted(), extended, ahead=2, asked=(1, last))
    assert np.isnan(subject.targets[0])
    expected = forecaster._fitted().predict(panel, 2)[1, -1, forecaster.levels.index(0.5)]
    assert subject.answers(subject.windows, subject.all())[0] == pytest.approx(expected, rel=1e-6)


def test_steps_ahead_without_known_covariates_are_empty(panel: Panel) -> None:
    extended = with_steps_ahead(panel, 3)
    own = extended.series(0)
    assert np.isnan(own.y[-3:]).all()
    assert np.isnan(own.future[-3:]).all()
    assert np.diff(own.times.astype("datetime64[D]").astype(int)).tolist() == [1] * (len(own.times) - 1)


def test_short_series_are_refused_in_one_sentence(forecaster: ensue.Forecaster) -> None:
    panel = forecaster._panel_to_predict(table(rows=3), None)
    with pytest.raises(DataError) as error:
        ForecastSubject(forecaster._fitted(), panel)
    assert str(error.value) == (
        "The longest series has 3 rows, too few to measure how far back a forecast 1 steps ahead looks: give at least 4."
    )


def test_a_forecast_with_too_few_rows_before_it_is_refused(forecaster: ensue.Forecaster, panel: Panel) -> None:
    with pytest.raises(DataError) as error:
        ForecastSubject(forecaster._fitted(), panel, asked=(0, 5))
    assert str(error.value) == (
        "There are 5 rows before the forecast that is asked about, expected 30 or more: ask about a later one."
    )


def test_reach_is_measured_through_front_end_and_network(subject: ForecastSubject) -> None:
    reach = measure_reach(subject, apart=[7])
    assert reach.resampled.first[0] == 1
    assert reach.resampled.last[-1] == subject.rows == reach.longest
    assert (reach.resampled.effect >= 0).all()
    assert reach.resampled.effect.sum() > 0
    assert reach.truncation is not None
    assert reach.truncation.loss[-1] == 1.0


def test_the_explained_forecast_is_the_forecasters_own_where_windows_are_shorter_than_it_reads() -> None:
    """Windows are cut to half of a short series; the one asked about begins with the rows before it all the same."""
    forecaster = ensue.Forecaster(past=["rain"], **TINY).fit(table(rows=90).drop("price"))
    frame = table(rows=40).drop("price")
    panel = forecaster._panel_to_predict(frame, None)
    predictor = forecaster._fitted()
    assert predictor.task.memory < 40 < 2 * predictor.task.memory
    for ahead in (1, 3):
        extended = with_steps_ahead(panel, ahead)
        subject = ForecastSubject(predictor, extended, ahead=ahead, asked=(1, 40))
        assert subject.rows < predictor.task.memory
        median = forecaster.levels.index(0.5)
        assert shapley(subject, 0).answer == pytest.approx(predictor.predict(panel, ahead)[1, -1, median], rel=1e-6)
        network = subject.network(forecaster._weights[0])
        own = network.answers(network.windows[:1], np.array([0]))[0]
        stretched = predictor.task.stretch(np.full((1, len(forecaster.levels)), own))  # a median stays a median
        assert stretched[0, median] == pytest.approx(own)


def test_a_window_of_another_series_is_brought_to_the_same_level() -> None:
    frame = table().with_columns(pl.when(pl.col("unique_id") == "b").then(1000 * pl.col("y")).otherwise("y").alias("y"))
    forecaster = ensue.Forecaster(**TINY).fit(frame.drop("rain", "price"))
    panel = forecaster._panel_to_predict(frame.drop("rain", "price"), None)
    subject = ForecastSubject(forecaster._fitted(), panel, count=20)
    small, large = (int(np.flatnonzero(subject.series == each)[0]) for each in (0, 1))
    borrowed = subject.borrowed(np.array([large, small]), np.array([small, small]))
    assert borrowed[0, :, 0].mean() == pytest.approx(subject.windows[small, :, 0].mean())
    np.testing.assert_array_equal(borrowed[1], subject.windows[small])  # its own series as it is
    assert subject.windows[large].max() > 5000
    explained = shapley(ForecastSubject(forecaster._fitted(), panel, count=20, asked=(0, 80)), 0)
    assert 5 < explained.without < 15


@pytest.mark.parametrize("ahead", [1, 2, 3])
def test_the_season_before_the_forecast_step_is_found_at_its_lag(ahead: int) -> None:
    frame = table().drop("rain", "price")
    forecaster = ensue.Forecaster(**(TINY | {"steps": 40, "season": [7]})).fit(frame)
    panel = forecaster._panel_to_predict(frame, None)
    found = inspect_forecaster(forecaster._fitted(), forecaster._weights[0], panel, Question(ahead=ahead))
    assert next(iter(found.setting.season_lags.items())) == (8 - ahead, 7)
    assert found.reach is not None
    assert 8 - ahead in found.reach.resampled.first
    if ahead > 1:  # with one step ahead the last value matters most
        largest = int(found.reach.resampled.first[found.reach.resampled.effect.argmax()])
        assert largest in (1, 8 - ahead)
