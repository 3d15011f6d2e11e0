"""A stream says what a prediction from the whole table says, however it is fed, saved, copied or restored.

Every test runs on each executor there is.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ensue.data.frequency import Frequency
from ensue.data.panel import Panel, SeriesView
from ensue.data.schema import Covariate, Schema
from ensue.errors import DataError, ModelFileError, UsageError
from ensue.runtime.engine import Executor
from ensue.runtime.numpy_engine import NumPyEngine
from ensue.runtime.predictor import Predictor
from ensue.runtime.stream import ForecastStream
from ensue.runtime.stream_reader import Beside
from ensue.runtime.stream_state import CAUSAL, HAS_LAST, LAST, save
from ensue.runtime.stream_state import STEPS as STEPS_WORD
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
MEMBERS = 2
ONCE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
"""The executor is the same for all examples of a test."""
SCHEMAS = {"plain": PLAIN, "daily": DAILY, "rich": RICH, "hourly": HOURLY, "irregular": IRREGULAR}

Maker = Callable[..., Predictor]


def executors() -> list[Any]:
    try:
        import ensue._native  # noqa: F401
        from ensue.runtime.native_engine import NativeEngine
    except ImportError:
        return [NumPyEngine]
    return [NumPyEngine, NativeEngine]


def predictor_of(engine: Callable[..., Executor], schema: Schema, seed: int = 0) -> Predictor:
    task = ForecastingTask(schema, HORIZON, context_length=STEPS, sizes=Sizes(hidden_size=8, layers=2))
    network = task.network()
    random = np.random.default_rng(seed)
    members = [
        {name: random.normal(scale=0.4, size=shape).astype("f") for name, shape in network.parameters().items()}
        for _ in range(MEMBERS)
    ]
    return Predictor(task, tuple(engine(network, weights) for weights in members))


@pytest.fixture(params=executors(), ids=lambda engine: engine.__name__)
def make_predictor(request: pytest.FixtureRequest) -> Maker:
    return partial(predictor_of, request.param)


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


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
@given(seed=st.integers(0, 10**6), cuts=st.sets(st.integers(1, STEPS - 1), max_size=6), clock=st.booleans())
@settings(max_examples=6, suppress_health_check=ONCE)
def test_however_a_stream_is_fed_it_says_what_the_whole_table_says(
    make_predictor: Maker, schema: Schema, seed: int, cuts: set[int], clock: bool
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


def test_asking_leaves_the_stream_where_it_is(make_predictor: Maker) -> None:
    predictor, view = make_predictor(DAILY), make_panel(DAILY).series(0)
    stream = ForecastStream(predictor)
    read(stream, view, 0, 30)
    before = stream.state
    first = stream.forecast(3)
    assert first.shape == (3, 13) and len(stream.levels) == 13
    np.testing.assert_array_equal(stream.forecast(HORIZON)[:3], first)
    assert stream.state == before


@pytest.mark.parametrize("schema", [PLAIN, RICH, IRREGULAR])
def test_a_saved_state_goes_on_where_the_stream_was(make_predictor: Maker, schema: Schema) -> None:
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


def test_a_copy_is_a_branch(make_predictor: Maker) -> None:
    predictor, view = make_predictor(RICH), make_panel(RICH).series(0)
    stream = ForecastStream(predictor, view.static)
    read(stream, view, 0, 30)
    before = stream.state
    branch = stream.copy()
    branch.update([1e3, 2e3], past=np.ones((2, 2)), future=np.ones((2, 1)))
    assert stream.state == before and stream.steps == 30 and branch.steps == 32
    expected = read(stream.copy(), view, 30, STEPS)
    np.testing.assert_array_equal(read(stream, view, 30, STEPS), expected)


def test_reset_forgets_everything(make_predictor: Maker) -> None:
    predictor, view = make_predictor(DAILY), make_panel(DAILY).series(0)
    stream = ForecastStream(predictor)
    first = read(stream, view, 0, 30)
    stream.reset()
    assert stream.steps == 0
    with pytest.raises(UsageError):
        stream.update(1.0)
    np.testing.assert_array_equal(read(stream, view, 0, 30), first)


def test_steps_left_out_are_read_as_missing(make_predictor: Maker) -> None:
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
@settings(max_examples=40, suppress_health_check=ONCE)
def test_bytes_that_are_no_state_are_refused_and_change_nothing(
    make_predictor: Maker, cut: int, junk: bytes, at: int
) -> None:
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
def test_foreign_bytes_are_refused(make_predictor: Maker, bad: Any) -> None:
    stream = ForecastStream(make_predictor(PLAIN))
    with pytest.raises(ModelFileError) as raised:
        stream.state = bad
    assert str(raised.value) == "These bytes are not the state of a stream: give what `stream.state` returned."


def test_the_state_of_another_model_is_refused(make_predictor: Maker) -> None:
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


def test_a_calendar_needs_a_clock_once(make_predictor: Maker) -> None:
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


def test_time_cannot_go_back(make_predictor: Maker) -> None:
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


def test_a_stamp_may_be_written_in_many_ways(make_predictor: Maker) -> None:
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
def test_what_is_no_stamp_is_refused(make_predictor: Maker, time: Any) -> None:
    with pytest.raises(UsageError) as raised:
        ForecastStream(make_predictor(DAILY)).update(1.0, time=time)
    assert str(raised.value) == f"time is {time!r}, expected a date or time: give the stamp of the value."


@pytest.mark.parametrize("time", ["2024-01-01", 2.5, True])
def test_what_is_no_position_is_refused(make_predictor: Maker, time: Any) -> None:
    with pytest.raises(UsageError) as raised:
        ForecastStream(make_predictor(PLAIN)).update(1.0, time=time)
    assert str(raised.value) == f"time is {time!r}, expected a whole number: give the stamp of the value."


def test_arguments_that_do_not_fit_are_refused_with_a_sentence(make_predictor: Maker) -> None:
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


@given(seed=st.integers(0, 10**6))
@settings(max_examples=4, suppress_health_check=ONCE)
def test_a_long_stream_says_what_the_whole_says_and_remembers_no_more(make_predictor: Maker, seed: int) -> None:
    random = np.random.default_rng(seed)
    values = 1e4 + random.normal(size=3000).cumsum()
    values[random.random(3000) < 0.05] = np.nan
    stream, whole = (ForecastStream(make_predictor(PLAIN, seed)) for _ in range(2))
    first = len(stream.state)
    said = [stream.update(value)[0] for value in values[:20]]
    said += [
        stream.update(block) for block in np.split(values[20:], np.sort(random.integers(0, 2980, 5))) if len(block)
    ]
    scale = np.nanmax(np.abs(values))
    np.testing.assert_allclose(np.vstack(said), whole.update(values), rtol=0, atol=1e-5 * scale)
    np.testing.assert_allclose(stream.forecast(40), whole.forecast(40), rtol=0, atol=1e-5 * scale)
    assert len(stream.state) == first and stream.steps == 3000


def test_a_number_alone_is_a_row_of_one(make_predictor: Maker) -> None:
    one, other = (ForecastStream(make_predictor(DAILY)) for _ in range(2))
    for number in (1.5, 3, True, float("nan"), np.float64(2.0), np.float32(0.5), np.int64(4)):
        time = None if one.steps else "2024-01-31"
        assert one.update(number, time=time).shape == (1, 13)
        other.update([number], time=time)
    assert one.state == other.state
    for number in (10**400, "many"):
        with pytest.raises(DataError) as raised:
            one.update(number)
        assert str(raised.value) == f"values are {number!r}, expected numbers, NaN where missing."
    with pytest.raises(DataError) as raised:
        one.update(float("inf"))
    assert str(raised.value) == "value 1 is infinite, expected a number, or NaN where missing."
    assert one.state == other.state


@pytest.mark.parametrize("schema", [PLAIN, HOURLY])
def test_a_bound_stream_reads_between_fixed_buffers(make_predictor: Maker, schema: Schema) -> None:
    stream, other = (ForecastStream(make_predictor(schema)) for _ in range(2))
    for each in (stream, other):
        each.update([1.0, 2.0], time=None if schema is PLAIN else "2024-03-30 23:00")
    bound = stream.bind()
    x, y = bound.x, bound.y
    for value in (3.0, np.nan, 5.0):
        x[0] = value
        bound.step()
        np.testing.assert_array_equal(y, other.update(value)[0])
    assert x is bound.x and y is bound.y and stream.steps == 5
    stream.reset()
    x[0] = np.inf
    with pytest.raises(DataError) as raised:
        bound.step()
    assert str(raised.value) == "value 1 is infinite, expected a number, or NaN where missing."
    if schema is HOURLY:
        x[0] = 1.0
        with pytest.raises(UsageError, match="has no clock yet"):
            bound.step()
    assert stream.steps == 0


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
def test_a_state_goes_from_one_executor_to_another(schema: Schema) -> None:
    view = make_panel(schema).series(0)
    streams = [ForecastStream(predictor_of(engine, schema), view.static) for engine in executors()]
    states = []
    for stream in streams:
        read(stream, view, 0, 30)
        states.append(stream.state)
    for stream, state in zip(streams, reversed(states), strict=True):
        stream.state = state
        assert stream.state == state and stream.steps == 30
    said = [read(stream, view, 30, STEPS) for stream in streams]
    np.testing.assert_allclose(said[0], said[-1], rtol=1e-4, atol=1e-5 * np.nanmax(np.abs(view.y)))


@pytest.mark.parametrize("schema", [RICH, PLAIN], ids=["rich", "plain"])
def test_numbers_that_cannot_be_remembered_are_refused(make_predictor: Maker, schema: Schema) -> None:
    predictor, view = make_predictor(schema), make_panel(schema).series(0)
    stream = ForecastStream(predictor, view.static)
    read(stream, view, 0, 30)
    before, record = stream.state, stream._reader.take()
    words = record.view(np.int64)
    spoiled: list[tuple[int, Any]] = [(CAUSAL, number) for number in (-1.0, 0.5, np.nan, np.inf, 1e300)]
    if schema is RICH:
        static = predictor.records._static
        spoiled += [(static - 1, 9.0), (static + 1, -1.0)]  # codes of sky and kind
    bad = []
    for word, number in spoiled:
        bad.append(record.copy())
        bad[-1][0, word] = number
    for word, number in ((STEPS_WORD, -1), (HAS_LAST, 2), *(((LAST, 2**62),) if schema is RICH else ())):
        bad.append(record.copy())
        bad[-1].view(np.int64)[0, word] = number
    for each in bad:
        with pytest.raises(ModelFileError) as raised:
            stream.state = save(each, predictor.records)
        assert str(raised.value) == "These bytes are not the state of a stream: give what `stream.state` returned."
        assert stream.state == before
    assert words[0, STEPS_WORD] == 30
    with pytest.raises(ModelFileError) as raised:
        stream.state = save(np.repeat(record, 3, axis=0), predictor.records)
    assert str(raised.value) == "This state is that of 3 streams: restore it on as many."


def test_a_stream_can_be_copied_in_the_ways_of_python(make_predictor: Maker) -> None:
    stream = ForecastStream(make_predictor(RICH), [0.5, 1.0])
    stream.update([1.0, 2.0], time="2024-01-01", past=np.ones((2, 2)))
    copies = [copy.deepcopy(stream)]
    if stream._predictor.native is not None:
        copies.append(pickle.loads(pickle.dumps(stream)))
    for other in copies:
        assert other.state == stream.state
        np.testing.assert_array_equal(other.update(3.0), stream.copy().update(3.0))


def test_categories_that_there_are_not_are_refused_at_once(make_predictor: Maker) -> None:
    stream = ForecastStream(make_predictor(RICH))
    with pytest.raises(DataError) as raised:
        stream.update(1.0, time="2024-01-01", past=[0.5, 3.0])
    assert str(raised.value) == (
        "past holds the code 3 of sky, expected 0 to 2: 1 for the first of its categories, 0 for one that is not known."
    )
    with pytest.raises(DataError, match=r"^static holds the code -1 of kind, expected 0 to 2: "):
        ForecastStream(make_predictor(RICH), [0.0, -1.0])
    assert stream.steps == 0


def test_covariates_are_not_turned_around(make_predictor: Maker) -> None:
    stream = ForecastStream(make_predictor(RICH))
    with pytest.raises(UsageError) as raised:
        stream.update([1.0, 2.0, 3.0], time="2024-01-01", past=np.ones((2, 3)))
    assert str(raised.value) == "past has shape (2, 3), expected (3, 2): a row a step, with columns wind, sky."


def test_many_steps_left_out_are_read_and_too_many_refused(make_predictor: Maker) -> None:
    schema = replace(HOURLY, past=(), future=(), static=(), time_zone=None)
    stream, whole = (ForecastStream(make_predictor(schema)) for _ in range(2))
    first = np.datetime64("2024-01-01", "us")
    for each in (stream, whole):
        each.update([1.0, 2.0, 4.0], time=first)
    later = first + np.timedelta64(2000 + 3, "h")
    said = stream.update(5.0, time=later)
    np.testing.assert_allclose(said, whole.update([np.nan] * 2000 + [5.0])[-1:], rtol=1e-4)
    assert stream.steps == whole.steps == 2004
    with pytest.raises(DataError) as raised:
        stream.update(1.0, time="9000-01-01")
    assert str(raised.value) == (
        "The value at 9000-01-01 comes 61,148,365 steps after one at 2024-03-24 11:00, expected at most 10,000,000: "
        "correct the time, or reset the stream."
    )
    with pytest.raises(UsageError, match=r"^time is np.datetime64\('12024-01-01'\), expected a date or time: "):
        stream.update(1.0, time=np.datetime64("12024-01-01"))


def test_streams_of_many_threads_say_what_one_thread_says(make_predictor: Maker) -> None:
    predictor = make_predictor(HOURLY)
    values = np.random.default_rng(0).normal(size=(12, 60)).cumsum(axis=1)

    def run(row: int) -> np.ndarray:
        stream = ForecastStream(predictor)
        said = [stream.update(values[row, 0], time=f"20{row + 10}-03-25")]
        said += [stream.update(value) for value in values[row, 1:].tolist()]
        return np.vstack([*said, stream.forecast(8, future=np.zeros((8, 1)))])

    alone = [run(row) for row in range(len(values))]
    predictor = make_predictor(HOURLY)  # which has looked nothing up yet
    with ThreadPoolExecutor(len(values)) as pool:
        for expected, found in zip(alone, pool.map(run, range(len(values))), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_threads_that_share_a_stream_take_turns() -> None:
    stream = ForecastStream(predictor_of(executors()[-1], PLAIN))
    if stream._predictor.native is None:
        pytest.skip("needs the native core: in NumPy a stream belongs to one thread")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda value: stream.update(float(value)), range(800)))
    assert stream.steps == 800 and np.isfinite(stream.forecast(3)).all()


def test_after_thousands_of_missing_steps_all_ways_still_say_the_same(make_predictor: Maker) -> None:
    random = np.random.default_rng(0)
    before, after, gap = 100 + random.normal(size=100), 100 + random.normal(size=8), np.full(5000, np.nan)
    stream, whole = (ForecastStream(make_predictor(PLAIN)) for _ in range(2))
    stream.update(before)
    if stream._predictor.native is None:
        for missing in np.split(gap, 10):
            stream.update(missing)
    else:
        for missing in gap.tolist():
            stream.update(missing)
    said = whole.update(np.concatenate([before, gap, after]))[-8:]
    np.testing.assert_allclose(np.vstack([stream.update(value) for value in after]), said, rtol=1e-5)
    numpy = ForecastStream(predictor_of(NumPyEngine, PLAIN)).update(np.concatenate([before, gap, after]))[-8:]
    np.testing.assert_allclose(said, numpy, rtol=1e-5)


@pytest.mark.parametrize("nonnegative", [False, True])
def test_nothing_is_expected_until_three_values_were_seen(make_predictor: Maker, nonnegative: bool) -> None:
    predictor = make_predictor(replace(PLAIN, nonnegative=nonnegative))
    values = [np.nan, 5.0, np.nan, 6.0, 5.5, np.nan, 7.0]
    known = [False] * 5 + [True] * 2
    whole, alone, bound = (ForecastStream(predictor) for _ in range(3))
    step, singly = bound.bind(), []
    for value in values:
        singly.append(alone.update(value)[0])
        step.x[0] = value
        step.step()
        np.testing.assert_array_equal(step.y, singly[-1])
    for said in (whole.update(values), np.array(singly)):
        assert np.isfinite(said).all(axis=1).tolist() == known and np.isnan(said).all(axis=1).tolist() == [
            not each for each in known
        ]
    early = ForecastStream(predictor)
    early.update([5.0])
    assert np.isfinite(early.forecast(3)).all()  # who asks gets an answer, whatever it is worth


def test_a_series_without_a_frequency_needs_the_time_of_every_value(make_predictor: Maker) -> None:
    stream = ForecastStream(make_predictor(replace(IRREGULAR, past=(), future=(), static=())))
    stream.update(1.0, time=["2024-03-01"])
    bound, before = stream.bind(), stream.state
    bound.x[0] = 2.0
    for call in (lambda: stream.update(3.0), lambda: stream.update([3.0, 4.0]), bound.step):
        with pytest.raises(UsageError) as raised:
            call()
        assert str(raised.value) == (
            "The series has no regular frequency: give every update time=, a stamp of each value."
        )
    assert stream.state == before and stream.forecast(2).shape == (2, 13)


def test_what_is_refused_after_steps_left_out_changes_nothing(
    make_predictor: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = ForecastStream(make_predictor(DAILY))
    stream.update([1.0, 2.0, 4.0], time="2024-01-01")
    before, reader = stream.state, type(stream._reader)
    read_block = reader.read

    def fail(self: Any, values: Any, *others: Any) -> Any:
        if np.isfinite(values).any():  # the steps left out are read
            raise DataError("no")
        return read_block(self, values, *others)

    with monkeypatch.context() as patched:
        patched.setattr(reader, "read", fail)
        with pytest.raises(DataError, match=r"^no$"):
            stream.update([5.0, 6.0], time="2024-01-09")
    assert stream.steps == 3 and stream.state == before
    stream.update(5.0, time="2024-01-09")
    assert stream.steps == 9


def test_years_that_cannot_be_written_change_nothing() -> None:
    stream = ForecastStream(predictor_of(executors()[-1], replace(HOURLY, past=(), future=(), static=())))
    if stream._predictor.native is None:
        pytest.skip("needs the native core: it looks clocks up for a span of years")
    stream.update([1.0, 2.0, 4.0], time="9999-12-29")
    before = stream.state
    with pytest.raises(DataError, match=r"^The calendar would be asked about .*, expected a year from 1 to 9999\.$"):
        stream.update([5.0] * 40, time="9999-12-30T20:00")
    assert stream.steps == 3 and stream.state == before


def test_a_code_that_only_the_network_refuses_changes_nothing(make_predictor: Maker) -> None:
    view = make_panel(RICH).series(0)
    stream = ForecastStream(make_predictor(RICH), view.static)
    read(stream, view, 0, 10)
    before = stream.state
    for steps in (1, 2, 40):
        past = np.ones((1, steps, 2))
        past[0, -2:, 1] = 9.0
        values = np.arange(steps, dtype=float)[None] + 1
        if steps > 1:
            with pytest.raises(DataError):
                stream._reader.read(values, Beside(past=past))
            assert stream.state == before
    other = stream.copy()
    other._reader.read(np.ones((1, 1)), Beside(past=np.array([[[1.0, 9.0]]])))  # seen one step later
    before = other.state
    with pytest.raises(DataError):
        other.update(1.0)
    assert other.state == before and other.steps == 11


def test_static_covariates_that_are_no_numbers_are_refused(make_predictor: Maker) -> None:
    with pytest.raises(DataError) as raised:
        ForecastStream(make_predictor(RICH), ["x", 1.0])
    assert str(raised.value) == "static is ['x', 1.0], expected numbers, NaN where missing."
