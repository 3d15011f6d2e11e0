"""Streams of a forecaster that is shown values alone, with room for any seasons: timed or not, on every executor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ensue.data.frequency import Frequency
from ensue.data.schema import Schema
from ensue.errors import DataError, ModelFileError, UsageError
from ensue.runtime.numpy_engine import NumPyEngine
from ensue.runtime.predictor import Predictor
from ensue.runtime.stream import ForecastStream
from ensue.runtime.stream_batch import StreamBatch
from ensue.runtime.stream_clock import NO_CLOCK
from ensue.runtime.stream_state import HAS_LAST, LAST
from ensue.tasks.forecasting import ForecastingTask, Sizes, Surroundings

SLOTS, STEPS, AHEAD = 2, 60, 9
HOURLY = Schema(
    None, "ds", "y", frequency=Frequency("hour"), seasons=(24, 5), time_zone="Europe/Berlin", holidays="DE-BY"
)
SCHEMAS = {
    "hourly": HOURLY,
    "monthly": replace(HOURLY, frequency=Frequency("month", 1, 31), seasons=(12,)),
    "business days": replace(HOURLY, frequency=Frequency("business day"), seasons=(5,), nonnegative=True),
    "irregular": replace(HOURLY, frequency=Frequency("irregular", 3_600_000_000), seasons=()),
    "positions": Schema(None, "ds", "y", frequency=Frequency("position", 3), seasons=(4,)),
    "irregular positions": Schema(None, "ds", "y", frequency=Frequency("irregular position", 10)),
}
ONCE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
"""The executor is the same for all examples of a test."""

Maker = Callable[..., Predictor]


def executors() -> list[Any]:
    try:
        import ensue._native  # noqa: F401
        from ensue.runtime.native_engine import NativeEngine
    except ImportError:
        return [NumPyEngine]
    return [NumPyEngine, NativeEngine]


def predictor_of(engine: Any, schema: Schema, alone: bool = True, slots: int | None = SLOTS) -> Predictor:
    task = ForecastingTask(schema, 6, 50, sizes=Sizes(hidden_size=8, layers=2), slots=slots, alone=alone)
    network, random = task.network(), np.random.default_rng(0)
    members = [
        {name: random.normal(scale=0.4, size=shape).astype("f") for name, shape in network.parameters().items()}
        for _ in range(2)
    ]
    return Predictor(task, tuple(engine(network, weights) for weights in members))


@pytest.fixture(params=executors(), ids=lambda engine: engine.__name__)
def make_predictor(request: pytest.FixtureRequest) -> Maker:
    return partial(predictor_of, request.param)


def values_of(seed: int, steps: int = STEPS) -> np.ndarray:
    random = np.random.default_rng(seed)
    values = np.asarray(random.normal(size=steps).cumsum() * 10.0 ** random.integers(-2, 4))
    values[1:][random.random(steps - 1) < 0.15] = np.nan
    return values


def times_of(schema: Schema, steps: int = STEPS) -> np.ndarray:
    frequency = schema.frequency
    first = np.datetime64("2024-03-29T12:00", "us") if frequency.has_stamps else np.int64(7)
    times = frequency.advance(np.full(steps, first), np.arange(steps))
    if not frequency.is_regular:
        times = times + np.sort(np.random.default_rng(1).integers(0, 50 * frequency.count, steps))
    return np.asarray(times)


def read(stream: ForecastStream, schema: Schema, values: np.ndarray, cuts: set[int], timed: bool) -> np.ndarray:
    """All values in blocks; with a time, one of each value where there is no rhythm, else one at the beginning."""
    times, borders, said = times_of(schema, len(values)), [0, *sorted(cuts), len(values)], []
    for first, after in zip(borders, borders[1:], strict=False):
        time: Any = times[first] if first == 0 else None
        time = time if schema.frequency.is_regular else times[first:after]
        said.append(stream.update(values[first:after], time=time if timed else None))
    return np.concatenate(said)


def surroundings(steps: int) -> Surroundings:
    nothing = np.zeros((1, steps, 0))
    return Surroundings(np.zeros((1, steps), np.int64), np.ones((1, steps)), nothing, nothing, np.zeros((1, 0)))


def close(found: np.ndarray, expected: np.ndarray, values: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.nanmax(np.abs(values)))


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
@given(seed=st.integers(0, 10**6), cuts=st.sets(st.integers(1, STEPS - 1), max_size=6), timed=st.booleans())
@settings(max_examples=8, suppress_health_check=ONCE)
def test_however_a_stream_is_fed_it_says_what_the_predictor_says_of_the_whole(
    make_predictor: Maker, schema: Schema, seed: int, cuts: set[int], timed: bool
) -> None:
    predictor, values = make_predictor(schema), values_of(seed)
    in_numpy = predictor_of(NumPyEngine, schema)
    expected, state = in_numpy.advance(values[None], surroundings(STEPS), in_numpy.start(1), hush=True)
    stream = ForecastStream(predictor)
    close(read(stream, schema, values, cuts, timed), expected[0], values)
    assert stream.steps == STEPS
    close(stream.forecast(AHEAD), in_numpy.forecast(surroundings(AHEAD), state)[0], values)


@pytest.mark.parametrize("schema", [HOURLY, SCHEMAS["positions"]], ids=["hourly", "positions"])
@pytest.mark.parametrize(("slots", "alone"), [(SLOTS, False), (None, True), (5, True)])
def test_slots_and_being_alone_do_not_need_each_other(
    make_predictor: Maker, schema: Schema, slots: int | None, alone: bool
) -> None:
    if schema.holidays and not alone:
        schema = replace(schema, holidays=None)
    values = values_of(4)
    streams = [
        ForecastStream(make(schema, alone, slots)) for make in (make_predictor, partial(predictor_of, NumPyEngine))
    ]
    said = [
        read(stream, schema, values, cuts, timed=True) for stream, cuts in zip(streams, ({7, 40}, set()), strict=True)
    ]
    close(said[0], said[1], values)
    close(streams[0].forecast(), streams[1].forecast(), values)


@pytest.mark.parametrize("seasons", [(), (7,), (24, 7)])
def test_one_network_reads_every_season(make_predictor: Maker, seasons: tuple[int, ...]) -> None:
    schema, values = replace(HOURLY, seasons=seasons), values_of(6)
    predictor, of_others = make_predictor(schema), make_predictor(HOURLY)
    assert [engine.digest for engine in predictor.engines] == [engine.digest for engine in of_others.engines]
    stream, whole = ForecastStream(predictor), ForecastStream(predictor_of(NumPyEngine, schema))
    close(read(stream, schema, values, {1, 2, 3}, timed=False), whole.update(values), values)
    with pytest.raises(ModelFileError) as raised:
        stream.state = ForecastStream(make_predictor(replace(HOURLY, seasons=(23, 5)))).state
    assert str(raised.value) == (
        "This state belongs to a stream of another model: restore it on the model it came from."
    )


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
def test_a_saved_state_goes_on_where_the_stream_was_on_any_executor(make_predictor: Maker, schema: Schema) -> None:
    values = values_of(2)
    stream = ForecastStream(make_predictor(schema))
    read(stream, schema, values[:40], {13}, timed=True)
    saved = stream.state
    rest = stream.update(values[40:])
    for engine in executors():
        restored = ForecastStream(predictor_of(engine, schema))
        restored.state = saved
        assert restored.steps == 40 and restored.state == saved
        close(restored.update(values[40:]), rest, values)
        np.testing.assert_array_equal(
            restored._reader.records[:, :3].view(np.int64), stream._reader.records[:, :3].view(np.int64)
        )


@given(seed=st.integers(0, 10**6), seasons=st.sampled_from([(), (3,), (5, 2)]))
@settings(max_examples=20)
def test_a_record_unpacked_and_packed_is_the_record(seed: int, seasons: tuple[int, ...]) -> None:
    predictor = predictor_of(NumPyEngine, replace(SCHEMAS["positions"], seasons=seasons))
    layout, random = predictor.records, np.random.default_rng(seed)
    records = random.normal(size=(3, layout.words))
    reals = records[:, layout._states : layout._phases].view(np.float32)
    reals[:] = random.normal(size=reals.shape)
    records[:, 3] = 7.0  # steps, alike in all
    again = layout.start(np.zeros((3, 0)))
    layout.pack(layout.unpack(records), again)
    np.testing.assert_array_equal(again[:, 3:], records[:, 3:])
    assert layout._past - layout._trends == 4 + 4 * len(seasons)


def test_records_are_those_of_the_core_word_for_word() -> None:
    if len(executors()) == 1:
        pytest.skip("needs the native core")
    values = values_of(8)
    streams = [ForecastStream(predictor_of(engine, HOURLY)) for engine in executors()]
    for stream in streams:
        stream.update(values, time="2024-03-29")
    layout = streams[0]._predictor.records
    found, expected = (stream._reader.take()[0] for stream in streams)
    assert found.shape == expected.shape
    front = np.r_[3 : layout._past, layout._phases : layout.words]
    np.testing.assert_allclose(found[front], expected[front], rtol=1e-9, atol=1e-9 * np.nanmax(np.abs(values)))
    np.testing.assert_array_equal(found[:3].view(np.int64), expected[:3].view(np.int64))
    assert np.count_nonzero(found[layout._trends : layout._past]) == 4 + 4 * 2


def test_no_time_is_needed_and_one_given_is_kept(make_predictor: Maker) -> None:
    with pytest.raises(UsageError) as raised:
        ForecastStream(make_predictor(replace(HOURLY, holidays=None), alone=False)).update(1.0)
    assert str(raised.value) == NO_CLOCK
    values = values_of(3)
    timed, untimed = (ForecastStream(make_predictor(HOURLY)) for _ in range(2))
    timed.update(values[:20], time="2024-03-31")
    untimed.update(values[:20])
    np.testing.assert_array_equal(timed.update(values[20:]), untimed.update(values[20:]))
    np.testing.assert_array_equal(timed.forecast(), untimed.forecast())
    clocks = [stream._reader.records[0, :3].view(np.int64) for stream in (timed, untimed)]
    assert clocks[0][HAS_LAST] == 1 and clocks[1][HAS_LAST] == 0
    assert clocks[0][LAST] == np.datetime64("2024-04-02T11:00", "us").astype(np.int64)
    # With a clock, steps left out are read as missing, and time does not go back.
    skipped = timed.update(5.0, time="2024-04-02T14:00")
    np.testing.assert_allclose(skipped, untimed.update([np.nan, np.nan, 5.0])[-1:], rtol=1e-5)
    before = timed.state
    with pytest.raises(DataError, match="expected a later time"):
        timed.update(5.0, time="2024-04-02T14:00")
    assert timed.state == before


def test_steps_of_a_series_without_a_rhythm_may_come_without_a_time(make_predictor: Maker) -> None:
    schema, values = SCHEMAS["irregular"], values_of(5)
    timed, untimed = (ForecastStream(make_predictor(schema)) for _ in range(2))
    expected = untimed.update(values)
    times = times_of(schema)
    said = [timed.update(values[:30], time=times[:30]), timed.update(values[30:])]
    close(np.concatenate(said), expected, values)
    last = timed._reader.records[0, :3].view(np.int64)[LAST]
    assert last == times[29].astype(np.int64) + (STEPS - 30) * 3_600_000_000  # the usual spacing on
    bound = untimed.bind()
    bound.x[0] = 3.0
    bound.step()
    close(bound.y, timed.update(3.0)[0], values)


@given(seed=st.integers(0, 10**6), cuts=st.sets(st.integers(1, 29), max_size=3), threads=st.integers(1, 3))
@settings(max_examples=5, suppress_health_check=ONCE)
def test_streams_side_by_side_say_what_each_says_alone(
    make_predictor: Maker, seed: int, cuts: set[int], threads: int
) -> None:
    predictor = make_predictor(HOURLY)
    values = np.stack([values_of(seed + i, 30) for i in range(5)])
    batch, borders = StreamBatch(predictor, 5, threads=threads), [0, *sorted(cuts), 30]
    said = [batch.update(values[:, first:after]) for first, after in zip(borders, borders[1:], strict=False)]
    batch.update(values[[3, 1], 0], rows=[3, 1])
    ahead = batch.forecast(4)
    other = StreamBatch(predictor, 5)
    other.state = batch.state
    np.testing.assert_array_equal(other.forecast(4), ahead)
    for i in range(5):
        stream = ForecastStream(predictor)
        close(np.concatenate([each[i] for each in said]), stream.update(values[i]), values[i])
        if i in (1, 3):
            stream.update(values[i, 0])
        close(ahead[i], stream.forecast(4), values[i])
