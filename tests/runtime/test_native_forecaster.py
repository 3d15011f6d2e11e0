"""The front end, the calendar and the whole forecaster in the native core say what they say in NumPy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensue.data.calendar import CYCLES, calendar_cycles, calendar_features, holiday_feature, holiday_names, local_times
from ensue.data.causal import CausalReader
from ensue.data.frequency import Frequency
from ensue.data.schema import Covariate, Schema
from ensue.errors import DataError, ModelFileError, UsageError
from ensue.runtime.native_forecaster import NativeForecaster, _spacing
from ensue.runtime.numpy_engine import NumPyEngine
from ensue.runtime.predictor import Predictor
from ensue.runtime.stream import ForecastStream
from ensue.runtime.stream_clock import NO_CLOCK, NO_STAMPS
from ensue.runtime.stream_reader import Beside
from ensue.tasks.forecasting import ForecastingTask, Scale, Sizes

native = pytest.importorskip("ensue._native", reason="the native core is not built")
from ensue.runtime.native_engine import NativeEngine  # noqa: E402

FREQUENCIES = [
    Frequency("minute", 5),
    Frequency("hour"),
    Frequency("day", 3),
    Frequency("business day"),
    Frequency("week"),
    Frequency("month"),
    Frequency("month", 1, 31),
    Frequency("quarter", 1, 30),
    Frequency("year", 2),
    Frequency("position", 7),
    Frequency("irregular", 3_600_000_000),
]
NOTHING = (-(2**62), 2**62, [], [], [])
YEARS = st.integers(-(10**15), 4 * 10**15)
"""Microseconds from 1938 to 2096."""


def calendar_of(frequency: Frequency, holidays: int = 0) -> Any:
    cycles = [list(CYCLES).index(name) for name in calendar_cycles(frequency)]
    return native.Calendar(cycles, *_spacing(frequency), frequency.anchor or 0, holidays, bool(holidays))


@given(
    seed=st.integers(0, 10**6),
    seasons=st.lists(st.integers(2, 30), max_size=3, unique=True).map(tuple),
    empty=st.none() | st.integers(0, 2),
    gaps=st.floats(0, 0.9),
    cuts=st.sets(st.integers(1, 199), max_size=4),
)
def test_the_front_end_reads_as_the_causal_reader(
    seed: int, seasons: tuple[int, ...], empty: int | None, gaps: float, cuts: set[int]
) -> None:
    random = np.random.default_rng(seed)
    slots = None if empty is None else len(seasons) + empty
    reader = CausalReader(seasons, half_life=float(max(seasons, default=16)), slots=slots)
    values = random.normal(size=200).cumsum() * 10 ** random.uniform(-6, 6) + random.normal()
    values[random.random(200) < gaps] = np.nan
    seen = np.isfinite(values)
    expected, _ = reader.read(np.where(seen, values, 0.0)[None], seen[None], reader.start(1))
    front = native.FrontEnd(seasons, reader.half_life, slots)
    memory, phases = np.zeros(front.memory_size), np.zeros(front.phase_size)
    borders = [0, *sorted(cuts), 200]
    parts = [front.read(values[a:b], memory, phases) for a, b in zip(borders, borders[1:], strict=False)]
    features, anchors, center, spread = (np.concatenate(each) for each in zip(*parts, strict=True))
    scale = np.nanmax(np.abs(values), initial=0.0)
    # What is divided by a spread near nothing (after values almost alike) carries the rounding of the values, and so does
    # that spread, which makes it a share of the quotient.
    allowed = 1e-10 + 1e-14 * scale / expected.spread[0][:, None]
    for found, wanted in ((features, expected.features[0]), (anchors, expected.anchors[0])):
        assert (np.abs(found - wanted) <= (1 + np.abs(wanted)) * allowed).all()
    np.testing.assert_allclose(center, expected.center[0], rtol=1e-12, atol=1e-12 * scale)
    np.testing.assert_allclose(spread, expected.spread[0], rtol=1e-9, atol=1e-14 * scale)


@pytest.mark.parametrize("slots", [None, 2, 3])
def test_the_front_end_agrees_to_the_last_digits_on_data_as_usual(slots: int | None) -> None:
    random = np.random.default_rng(1)
    values = 20 + 5 * np.sin(np.arange(2000) * 2 * np.pi / 24) + random.normal(size=2000)
    values[300:320] = values[1000:1400] = np.nan
    reader = CausalReader((24, 168), half_life=168.0, slots=slots)
    seen = np.isfinite(values)
    expected, _ = reader.read(np.where(seen, values, 0.0)[None], seen[None], reader.start(1))
    front = native.FrontEnd((24, 168), 168.0, slots)
    memory, phases = np.zeros(front.memory_size), np.zeros(front.phase_size)
    found = front.read(values, memory, phases)
    for name, each in zip(("features", "anchors", "center", "spread"), found, strict=True):
        np.testing.assert_allclose(each, getattr(expected, name)[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seasons", [(), (7,), (4, 30)])
def test_the_front_end_closes_its_eyes_for_long_as_the_causal_reader_does(seasons: tuple[int, ...]) -> None:
    random = np.random.default_rng(3)
    values = 50 + random.normal(size=9000).cumsum()
    values[100:180] = values[200:5000] = values[5040:] = np.nan
    reader = CausalReader(seasons, half_life=16.0, slots=2)
    seen = np.isfinite(values)
    expected, _ = reader.read(np.where(seen, values, 0.0)[None], seen[None], reader.start(1))
    front = native.FrontEnd(seasons, 16.0, 2)
    memory, phases = np.zeros(front.memory_size), np.zeros(front.phase_size)
    found = front.read(values, memory, phases)
    # Shortly before a mean is forgotten its sums have few digits left.
    for name, each in zip(("features", "anchors", "center", "spread"), found, strict=True):
        np.testing.assert_allclose(each, getattr(expected, name)[0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("frequency", FREQUENCIES, ids=lambda each: each.name)
@given(ticks=st.lists(YEARS, min_size=1, max_size=20), steps=st.integers(0, 3000))
@settings(max_examples=25)
def test_the_calendar_counts_and_turns_as_in_python(frequency: Frequency, ticks: list[int], steps: int) -> None:
    kind = "datetime64[us]" if frequency.has_stamps else "int64"
    stamps = np.array(ticks + [tick // 86_400_000_000 * 86_400_000_000 for tick in ticks])
    calendar = calendar_of(frequency)
    np.testing.assert_array_equal(
        calendar.advance(stamps, steps), frequency.advance(stamps.astype(kind), steps).astype(np.int64)
    )
    features = calendar.features(stamps, native.CalendarTables(*NOTHING))
    np.testing.assert_allclose(features, calendar_features(stamps.astype(kind), frequency), rtol=0, atol=1e-7)


def test_ends_of_months_and_leap_years_are_kept() -> None:
    days = np.arange("1899-12-25", "2105-01-10", dtype="datetime64[D]").astype("datetime64[us]")
    for frequency in FREQUENCIES[3:8]:
        advanced = calendar_of(frequency).advance(days.astype(np.int64), 1)
        np.testing.assert_array_equal(advanced, frequency.advance(days, 1).astype(np.int64))
    found = calendar_of(Frequency("day")).features(days.astype(np.int64), native.CalendarTables(*NOTHING))
    np.testing.assert_allclose(found, calendar_features(days, Frequency("day")), rtol=0, atol=1e-7)


def task_of(schema: Schema, members: int = 1) -> ForecastingTask:
    scales = (("wind", Scale(2.0, 3.0)), ("price", Scale(-1.0, 0.5)))
    task = ForecastingTask(schema, 6, context_length=50, sizes=Sizes(hidden_size=8, layers=2), scales=scales)
    widths = tuple(1.0 + 0.1 * abs(i - 6) for i in range(len(task.levels)))
    return replace(task, widths=widths)


def predictors(schema: Schema, members: int = 1) -> tuple[Predictor, Predictor]:
    """The same forecaster, native and in NumPy."""
    task, random = task_of(schema), np.random.default_rng(0)
    network = task.network()
    weights = [
        {name: random.normal(scale=0.4, size=shape).astype("f") for name, shape in network.parameters().items()}
        for _ in range(members)
    ]
    return tuple(
        Predictor(task, tuple(engine(network, each) for each in weights)) for engine in (NativeEngine, NumPyEngine)
    )  # type: ignore[return-value]


BASE = Schema(
    None,
    "ds",
    "y",
    past=(Covariate("wind"), Covariate("sky", ("clear", "rain"))),
    future=(Covariate("event", ("fair",)), Covariate("price")),
    static=(Covariate("kind", ("a", "b")), Covariate("size")),
    frequency=Frequency("hour"),
    seasons=(24, 168),
)
SCHEMAS = {
    "berlin": replace(BASE, time_zone="Europe/Berlin", nonnegative=True),
    "lord howe": replace(BASE, time_zone="Australia/Lord_Howe", frequency=Frequency("minute", 15), seasons=(96,)),
    "holidays": replace(BASE, holidays="DE-BY", time_zone="Europe/Berlin"),
    "weekly holidays": replace(BASE, holidays="US", frequency=Frequency("week"), seasons=(52,)),
    "business days": replace(BASE, frequency=Frequency("business day"), seasons=(5,)),
    "month ends": replace(BASE, frequency=Frequency("month", 1, 31), seasons=(12,), holidays="US"),
    "positions": replace(BASE, frequency=Frequency("position", 3), seasons=(4,)),
    "irregular": replace(BASE, frequency=Frequency("irregular", 3_600_000_000), seasons=()),
    "irregular positions": replace(BASE, frequency=Frequency("irregular position", 10), seasons=()),
}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
@given(seed=st.integers(0, 10**6), cuts=st.sets(st.integers(1, 119), max_size=5))
@settings(max_examples=5)
def test_a_native_stream_says_what_one_in_numpy_says(schema: Schema, seed: int, cuts: set[int]) -> None:
    if schema.holidays:
        pytest.importorskip("holidays")
    random, frequency, steps = np.random.default_rng(seed), schema.frequency, 120
    values = np.abs(random.normal(size=steps).cumsum()) + 1
    values[1:][random.random(steps - 1) < 0.1] = np.nan
    # From shortly before the clocks change, Easter and the end of a month.
    start = np.datetime64("2024-03-28T14:00", "us") if frequency.has_stamps else np.int64(5)
    times = frequency.advance(np.full(steps, start), np.arange(steps))
    if not frequency.is_regular:
        times = times + np.sort(random.integers(0, 50 * frequency.count, steps))
    past = np.stack([random.normal(size=steps), random.integers(0, 3, steps)], axis=1)
    future = np.stack([random.integers(0, 2, steps), random.normal(size=steps)], axis=1)
    past[random.random(past.shape) < 0.1] = np.nan
    future[random.random(future.shape) < 0.1] = np.nan
    said = []
    for predictor in predictors(schema, members=2):
        stream = ForecastStream(predictor, [2.0, 0.7])
        found, borders = [], [0, *sorted(cuts), steps]
        for first, after in zip(borders, borders[1:], strict=False):
            time: Any = times[first:after] if not frequency.is_regular else times[first] if first == 0 else None
            rows = slice(first, after)
            found.append(stream.update(values[rows], time=time, past=past[rows], future=future[rows]))
        said.append(np.concatenate([*found, stream.forecast(30, future=future[:30])]))
    scale = np.nanmax(values)
    np.testing.assert_allclose(said[0][5:], said[1][5:], rtol=1e-5, atol=1e-5 * scale)


def test_clocks_are_looked_up_for_the_years_that_are_read() -> None:
    schema = SCHEMAS["berlin"]
    forecaster = predictors(schema)[0].native
    assert forecaster is not None
    for text in ("2024-01-01", "1950-06-01", "2080-02-03"):
        stamp = int(np.datetime64(text, "us").astype(np.int64))
        forecaster.reach(stamp, stamp)
    assert forecaster._span is not None
    first, after = forecaster._span
    assert str(np.array([first, after], "datetime64[us]").astype("datetime64[D]")) == "['1945-01-01' '2086-01-01']"
    changes, offsets = forecaster._clock_changes(first, after)
    stamps = np.sort(np.random.default_rng(0).integers(first, after, 20_000))
    stamps = np.sort(np.concatenate([stamps, changes[1:], np.array(changes[1:]) - 1]))
    clock = np.array(offsets)[np.searchsorted(changes, stamps, side="right") - 1] + stamps
    expected = local_times(stamps.astype("datetime64[us]"), "Europe/Berlin", schema.frequency)
    np.testing.assert_array_equal(clock.astype("datetime64[us]"), expected)
    with pytest.raises(DataError) as raised:
        forecaster.reach(-(10**17), 0)
    assert (
        str(raised.value) == "The calendar would be asked about -1199-02-15 14:13:20, expected a year from 1 to 9999."
    )


@pytest.mark.parametrize(
    "frequency", [Frequency("hour"), Frequency("day", 2), Frequency("month")], ids=lambda f: f.name
)
def test_holidays_are_those_of_the_calendar(frequency: Frequency) -> None:
    pytest.importorskip("holidays")
    schema = replace(BASE, holidays="US", frequency=frequency, seasons=())
    forecaster = predictors(schema)[0].native
    assert forecaster is not None
    stamps = np.arange("2020-12-20", "2022-01-15", dtype="datetime64[h]").astype("datetime64[us]")
    ticks = stamps.astype(np.int64)
    days = forecaster._holidays(int(ticks[0]), int(ticks[-1]) + 1)
    columns = len(holiday_names(frequency))
    found = calendar_of(frequency, columns).features(ticks, native.CalendarTables(*NOTHING[:4], days))
    np.testing.assert_array_equal(found[:, -columns:], holiday_feature(stamps, "US", frequency))


def test_what_does_not_fit_together_is_refused() -> None:
    predictor = predictors(SCHEMAS["berlin"])[0]
    networks = [engine.native for engine in predictor.engines if isinstance(engine, NativeEngine)]
    for task, sentence in (
        (task_of(SCHEMAS["positions"]), "a network does not have the inputs, the anchors or the outputs of the task"),
        (
            replace(predictor.task, schema=replace(BASE, frequency=Frequency("month", 1, 77))),
            "there is no such spacing of time",
        ),
    ):
        with pytest.raises(ModelFileError) as raised:
            NativeForecaster(task, networks)
        assert str(raised.value) == f"The forecaster's task cannot be right: {sentence}."
    with pytest.raises(
        ModelFileError, match=r"^The forecaster's task cannot be right: there are no networks, or no median\.$"
    ):
        NativeForecaster(predictor.task, [])


@given(seed=st.integers(0, 10**6))
@settings(max_examples=30)
def test_the_binding_takes_no_array_that_does_not_fit(seed: int) -> None:
    random = np.random.default_rng(seed)
    forecaster = predictors(replace(BASE, frequency=Frequency("position"), seasons=(4,)))[0].native
    assert forecaster is not None
    streams = native.Streams(forecaster.core, 3, np.zeros((3, 2)))
    before = streams.records.copy()

    def some(dimensions: int, kind: type = float) -> Any:
        return None if random.random() < 0.4 else np.zeros(random.integers(0, 4, dimensions), kind)

    rows = None if random.random() < 0.5 else random.integers(-1, 4, random.integers(0, 4))
    arguments = (some(2), np.zeros((*random.integers(0, 4, 2), 13)), some(2, int), some(2), some(3), some(3), rows, 2)
    try:
        streams.read(*arguments)
    except (TypeError, ValueError):
        np.testing.assert_array_equal(streams.records, before)
    else:
        chosen = range(3) if rows is None else rows
        assert arguments[1].shape[0] == len(chosen) and arguments[1].shape[1] > 0
    assert not streams.put(np.full((3, forecaster.core.record_size), np.nan))
    with pytest.raises(ValueError, match="read-only"):
        streams.records[0, 0] = 1.0
    with pytest.raises((TypeError, ValueError)):
        streams.take(np.zeros((2, forecaster.core.record_size)))


def test_what_is_written_to_is_the_array_that_was_given() -> None:
    forecaster = predictors(replace(BASE, frequency=Frequency("position"), seasons=(4,)))[0].native
    assert forecaster is not None
    streams, words = native.Streams(forecaster.core, 1, np.zeros((1, 2))), forecaster.core.record_size
    before = streams.records.copy()
    single, strided = np.zeros((1, 13), "f"), np.zeros((1, 26))[:, ::2]
    front = native.FrontEnd([4], 8.0)
    memory, phases = np.zeros(front.memory_size), np.zeros(front.phase_size)
    calls = [
        lambda: streams.step(1.0, single),
        lambda: streams.step(1.0, strided),
        lambda: streams.read(np.ones((1, 1)), single[None]),
        lambda: streams.take(np.zeros((1, words), "f")),
        lambda: native.BoundStep(streams, np.zeros(1, "f"), np.zeros(13)),
        lambda: native.BoundStep(streams, np.zeros(1), np.zeros(13, "f")),
        lambda: front.read(np.ones(3), memory.astype("f"), phases),
        lambda: front.read(np.ones(3), memory, phases.astype("f")),
    ]
    for call in calls:
        with pytest.raises(TypeError, match="incompatible function arguments"):
            call()
    np.testing.assert_array_equal(streams.records, before)
    assert streams.step(1.0, np.zeros((1, 13))) and not memory.any()


@pytest.mark.parametrize("seasons", [[1], [0, 5], [-3], [2**33], [7, 1]])
def test_a_season_that_is_none_is_refused(seasons: list[int]) -> None:
    with pytest.raises(ValueError, match=r"^there are no such seasons, or no such half-life$"):
        native.FrontEnd(seasons, 8.0)


@pytest.mark.parametrize(("seasons", "slots"), [([4, 7], 1), ([], -1), ([2], 2**40)])
def test_fewer_slots_than_seasons_are_refused(seasons: list[int], slots: int) -> None:
    with pytest.raises(ValueError, match=r"^there are fewer slots than seasons, or too many$"):
        native.FrontEnd(seasons, 8.0, slots)


@pytest.mark.parametrize("name", ["berlin", "irregular"])
def test_what_the_core_lacks_is_said_in_the_words_of_streams(name: str) -> None:
    forecaster = predictors(SCHEMAS[name])[0].native
    assert forecaster is not None
    reader = forecaster.streams(np.full((1, 2), np.nan))
    for call in (lambda: reader.read(np.ones((1, 1)), Beside()), lambda: reader.skip(2)):
        with pytest.raises(UsageError) as raised:
            call()
        assert str(raised.value) == (NO_STAMPS if name == "irregular" else NO_CLOCK)
