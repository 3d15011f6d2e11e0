"""A stream says what a prediction from the whole table says, however it is fed, saved, copied or restored."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensue.data.frequency import Frequency
from ensue.data.panel import Panel, SeriesView
from ensue.data.schema import Covariate, Schema
from ensue.errors import DataError, ModelFileError, UsageError
from ensue.runtime.engine import Engine
from ensue.runtime.predictor import Predictor
from ensue.runtime.stream import ForecastStream
from ensue.tasks.forecasting import ForecastingTask, Sizes

DAILY = Schema(None, "ds", "y", frequency=Frequency("day"), seasons=(7,))
RICH = replace(
    DAILY,
    past=(Covariate("wind"), Covariate("sky", ("clear", "rain"))),
    future=(Covariate("price"),),
    static=(Covariate("size"), Covariate("kind", ("a", "b"))),
)
PLAIN = Schema(None, "ds", "y", seasons=(4,))
HOURLY = replace(RICH, frequency=Frequency("hour"), time_zone="Europe/Berlin")
IRREGULAR = replace(RICH, frequency=Frequency("irregular", 86_400_000_000), seasons=())
HORIZON = 6
STEPS = 50


def make_predictor(schema: Schema, seed: int = 0) -> Predictor:
    task = ForecastingTask(schema, HORIZON, context_length=STEPS, sizes=Sizes(hidden_size=8, layers=2))
    network = task.network()
    random = np.random.default_rng(seed)
    weights = {name: random.normal(scale=0.4, size=shape).astype("f") for name, shape in network.parameters().items()}
    return Predictor(task, (Engine(network, weights),))


def make_panel(schema: Schema, seed: int = 0) -> Panel:
    """One series of STEPS rows with gaps, and a horizon of future rows."""
    random = np.random.default_rng(seed)
    rows = STEPS + HORIZON
    y = random.normal(size=rows).cumsum() * 10.0 ** random.integers(-2, 4)
    y[1:-1][random.random(rows - 2) < 0.1] = np.nan
    y[0], y[STEPS - 1], y[STEPS:] = 1.0, 2.0, np.nan
    first = np.datetime64("2024-03-29", "us") if schema.frequency.has_stamps else np.int64(0)
    times = schema.frequency.advance(np.full(rows, first), np.arange(rows))
    if not schema.frequency.is_regular:
        times[:STEPS] += np.sort(random.integers(0, 10**12, STEPS))
        times[STEPS:] = schema.frequency.advance(np.full(HORIZON, times[STEPS - 1]), np.arange(1, HORIZON + 1))
    past = np.stack([random.normal(size=rows), random.integers(0, 3, rows)], 1)[:, : len(schema.past)]
    past[STEPS:] = np.nan
    future = random.normal(size=(rows, len(schema.future)))
    static = np.array([[0.3, 2.0]])[:, : len(schema.static)]
    return Panel(schema, ("y",), np.array([0, rows]), np.array([STEPS]), times, y, past, future, static)


def read(stream: ForecastStream, view: SeriesView, first: int, after: int, clock: bool = False) -> np.ndarray:
    """Give the stream some rows of a series."""
    time: Any = None
    if not stream._predictor.task.schema.frequency.is_regular:
        time = view.times[first:after]
    elif clock or first == 0:
        time = view.times[first]
    rows = slice(first, after)
    return stream.update(view.y[rows], time=time, past=view.past[rows], future=view.future[rows])


@pytest.mark.parametrize(
    "schema", [PLAIN, DAILY, RICH, HOURLY, IRREGULAR], ids=["plain", "daily", "rich", "hourly", "irregular"]
)
@given(seed=st.integers(0, 10**6), cuts=st.sets(st.integers(1, STEPS - 1), max_size=6), clock=st.booleans())
@settings(max_examples=6)
def test_however_a_stream_is_fed_it_says_what_the_whole_table_says(
    schema: Schema, seed: int, cuts: set[int], clock: bool
) -> None:
    predictor, panel = make_predictor(schema, seed), make_panel(schema, seed)
    assert predictor.task.memory >= STEPS
    view = panel.series(0)
    stream = ForecastStream(predictor, view.static)
    borders = [0, *sorted(cuts), STEPS]
    said = [read(stream, view, *pair, clock=clock) for pair in zip(borders, borders[1:], strict=False)]
    assert stream.steps == STEPS
    whole = ForecastStream(predictor, view.static)
    scale = np.nanmax(np.abs(view.y))
    np.testing.assert_allclose(np.concatenate(said), read(whole, view, 0, STEPS), rtol=1e-5, atol=1e-5 * scale)
    batch = predictor.predict(panel, HORIZON)[0]
    np.testing.assert_allclose(stream.forecast(future=view.future[STEPS:]), batch, rtol=1e-5, atol=1e-5 * scale)


def test_asking_leaves_the_stream_where_it_is() -> None:
    predictor, view = make_predictor(DAILY), make_panel(DAILY).series(0)
    stream = ForecastStream(predictor)
    read(stream, view, 0, 30)
    before = stream.state
    first = stream.forecast(3)
    assert first.shape == (3, 13) and len(stream.levels) == 13
    np.testing.assert_array_equal(stream.forecast(HORIZON)[:3], first)
    assert stream.state == before


@pytest.mark.parametrize("schema", [PLAIN, RICH, IRREGULAR])
def test_a_saved_state_goes_on_where_the_stream_was(schema: Schema) -> None:
    predictor, view = make_predictor(schema), make_panel(schema).series(0)
    stream = ForecastStream(predictor, view.static)
    read(stream, view, 0, 30)
    saved = stream.state
    rest = read(stream, view, 30, STEPS)
    restored = ForecastStream(make_predictor(schema))
    restored.state = saved
    assert restored.steps == 30 and restored.state == saved
    np.testing.assert_array_equal(read(restored, view, 30, STEPS), rest)
    assert restored.state == stream.state


def test_a_copy_is_a_branch() -> None:
    predictor, view = make_predictor(RICH), make_panel(RICH).series(0)
    stream = ForecastStream(predictor, view.static)
    read(stream, view, 0, 30)
    before = stream.state
    branch = stream.copy()
    branch.update([1e3, 2e3], past=np.ones((2, 2)), future=np.ones((2, 1)))
    assert stream.state == before and stream.steps == 30 and branch.steps == 32
    expected = read(stream.copy(), view, 30, STEPS)
    np.testing.assert_array_equal(read(stream, view, 30, STEPS), expected)


def test_reset_forgets_everything() -> None:
    predictor, view = make_predictor(DAILY), make_panel(DAILY).series(0)
    stream = ForecastStream(predictor)
    first = read(stream, view, 0, 30)
    stream.reset()
    assert stream.steps == 0
    with pytest.raises(UsageError):
        stream.update(1.0)
    np.testing.assert_array_equal(read(stream, view, 0, 30), first)


def test_steps_left_out_are_read_as_missing() -> None:
    predictor, panel = make_predictor(DAILY), make_panel(DAILY)
    y = panel.y.copy()
    y[20:25] = np.nan
    view = replace(panel, y=y).series(0)
    whole, jumping = ForecastStream(predictor), ForecastStream(predictor)
    read(whole, view, 0, STEPS)
    read(jumping, view, 0, 20)
    read(jumping, view, 25, STEPS, clock=True)
    assert jumping.steps == STEPS
    np.testing.assert_allclose(jumping.forecast(), whole.forecast(), rtol=1e-5)


@given(cut=st.integers(0, 3000), junk=st.binary(max_size=40), at=st.integers(0, 700))
@settings(max_examples=40)
def test_bytes_that_are_no_state_are_refused_and_change_nothing(cut: int, junk: bytes, at: int) -> None:
    predictor = make_predictor(PLAIN)
    stream = ForecastStream(predictor)
    stream.update([1.0, 2.0, 4.0])
    saved = stream.state
    for bad in (saved[:cut], saved[:at] + junk + saved[at + len(junk) + 1 :]):
        other = stream.copy()
        try:
            other.state = bad
        except ModelFileError as error:
            assert str(error) in (
                "These bytes are not the state of a stream: give what `stream.state` returned.",
                "This state belongs to a stream of another model: restore it on the model it came from.",
            )
            assert other.state == saved
        else:
            assert len(bad) == len(saved)  # what was hit was a number, and a number is a number


@pytest.mark.parametrize("bad", [b"", b"\xff" * 8, b"\x02\0\0\0\0\0\0\0{}", "text", None, 7, b"{}" * 50])
def test_foreign_bytes_are_refused(bad: Any) -> None:
    stream = ForecastStream(make_predictor(PLAIN))
    with pytest.raises(ModelFileError) as raised:
        stream.state = bad
    assert str(raised.value) == "These bytes are not the state of a stream: give what `stream.state` returned."


def test_the_state_of_another_model_is_refused() -> None:
    stream = ForecastStream(make_predictor(PLAIN))
    other = make_predictor(PLAIN)
    widths = (*other.task.widths[:-1], 1.25)
    for task in (make_predictor(DAILY).task, replace(other.task, widths=widths)):
        theirs = make_predictor(task.schema)
        state = ForecastStream(replace(theirs, task=task)).state
        with pytest.raises(ModelFileError) as raised:
            stream.state = state
        assert str(raised.value) == (
            "This state belongs to a stream of another model: restore it on the model it came from."
        )


def test_a_calendar_needs_a_clock_once() -> None:
    stream = ForecastStream(make_predictor(DAILY))
    with pytest.raises(UsageError) as raised:
        stream.update([1.0, 2.0])
    assert str(raised.value) == (
        "The model uses the calendar and the stream has no clock yet: give the first update time=, "
        "the stamp of its first value."
    )
    stream.update([1.0, 2.0], time="2024-02-28")
    stream.update(3.0)
    assert stream.forecast(2).shape == (2, 13)
    yearly = replace(DAILY, frequency=Frequency("year"), seasons=())
    without = ForecastStream(make_predictor(yearly))  # a calendar that says nothing needs no clock
    without.update([1.0, 2.0, 4.0])
    timed = ForecastStream(make_predictor(yearly))
    timed.update([1.0, 2.0, 4.0], time="2001-01-01")
    np.testing.assert_array_equal(without.forecast(), timed.forecast())


def test_time_cannot_go_back() -> None:
    stream = ForecastStream(make_predictor(DAILY))
    stream.update([1.0, 2.0, 3.0], time="2024-02-28")
    before = stream.state
    with pytest.raises(DataError) as raised:
        stream.update(4.0, time="2024-03-01")
    assert str(raised.value) == (
        "The value at 2024-03-01 comes after one at 2024-03-01, expected a later time: "
        "give values in the order of time, or reset the stream."
    )
    irregular = ForecastStream(make_predictor(replace(IRREGULAR, past=(), future=(), static=())))
    with pytest.raises(DataError) as raised:
        irregular.update([1.0, 2.0], time=["2024-03-01 12:00", "2024-03-01 11:00"])
    assert "at 2024-03-01 11:00 comes after one at 2024-03-01 12:00" in str(raised.value)
    with pytest.raises(UsageError) as raised_usage:
        irregular.update([1.0, 2.0])
    assert str(raised_usage.value) == (
        "The series has no regular frequency: give every update time=, a stamp of each value."
    )
    with pytest.raises(UsageError) as raised_usage:
        irregular.update([1.0, 2.0], time="2024-03-01")
    assert str(raised_usage.value) == "time has shape (1,), expected (2,), a stamp of each value."
    assert stream.state == before


def test_a_stamp_may_be_written_in_many_ways() -> None:
    predictor = make_predictor(HOURLY)
    berlin = datetime(2024, 1, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))
    ways = (
        "2024-01-01",
        "2024-01-01T00:00Z",
        "2024-01-01 01:00+01:00",
        date(2024, 1, 1),
        datetime(2024, 1, 1),
        datetime(2024, 1, 1, tzinfo=UTC),
        berlin,
        np.datetime64("2024-01-01"),
        np.array("2024-01-01", "datetime64[s]"),
    )
    states = set()
    for way in ways:
        stream = ForecastStream(predictor)
        stream.update([1.0, 2.0], time=way)
        states.add(stream.state)
    assert len(states) == 1
    daily = [ForecastStream(make_predictor(replace(DAILY, time_zone="Europe/Berlin"))) for _ in range(2)]
    daily[0].update(1.0, time=datetime(2024, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")))
    daily[1].update(1.0, time="2024-01-01")  # longer steps than hours are kept as local dates
    assert daily[0].state == daily[1].state


@pytest.mark.parametrize("time", ["yesterday", 17, 2.5, "NaT", "", object])
def test_what_is_no_stamp_is_refused(time: Any) -> None:
    with pytest.raises(UsageError) as raised:
        ForecastStream(make_predictor(DAILY)).update(1.0, time=time)
    assert str(raised.value) == f"time is {time!r}, expected a date or time: give the stamp of the value."


@pytest.mark.parametrize("time", ["2024-01-01", 2.5, True])
def test_what_is_no_position_is_refused(time: Any) -> None:
    with pytest.raises(UsageError) as raised:
        ForecastStream(make_predictor(PLAIN)).update(1.0, time=time)
    assert str(raised.value) == f"time is {time!r}, expected a whole number: give the stamp of the value."


def test_arguments_that_do_not_fit_are_refused_with_a_sentence() -> None:
    predictor, view = make_predictor(RICH), make_panel(RICH).series(0)
    stream = ForecastStream(predictor, view.static)
    with pytest.raises(UsageError) as raised:
        stream.forecast(future=np.zeros((HORIZON, 1)))
    assert str(raised.value) == "The stream has read no value yet: give it history with update() before it forecasts."
    read(stream, view, 0, 20)
    before = stream.state
    sentences: list[tuple[type[Exception], str, Any]] = [
        (
            UsageError,
            "values have shape (1, 2), expected a number or a row of numbers.",
            lambda: stream.update([[1, 2]]),
        ),
        (UsageError, "values have shape (0,), expected a number or a row of numbers.", lambda: stream.update([])),
        (
            DataError,
            "value 2 is infinite, expected a number, or NaN where missing.",
            lambda: stream.update([1, np.inf]),
        ),
        (
            UsageError,
            "past has shape (3,), expected (2, 2): a row a step, with columns wind, sky.",
            lambda: stream.update([1, 2], past=[1, 2, 3]),
        ),
        (
            DataError,
            "future holds an infinite number, expected a number, or NaN where missing.",
            lambda: stream.update([1, 2], future=[1, -np.inf]),
        ),
        (
            DataError,
            "The model uses price, known ahead, and none was given: pass future= with 6 rows.",
            stream.forecast,
        ),
        (
            UsageError,
            "future has shape (2, 1), expected (6, 1): a row a step, with columns price.",
            lambda: stream.forecast(future=[[1], [2]]),
        ),
        (
            UsageError,
            "horizon is 0, expected 1 or more steps: give --horizon 30, for example.",
            lambda: stream.forecast(0, future=[]),
        ),
        (
            UsageError,
            "static has shape (1,), expected (2,), one value a static covariate.",
            lambda: ForecastStream(predictor, [1.0]),
        ),
    ]
    for kind, sentence, call in sentences:
        with pytest.raises(kind) as said:
            call()
        assert str(said.value) == sentence
    assert stream.state == before
