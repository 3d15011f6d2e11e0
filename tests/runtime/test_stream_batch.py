"""Streams side by side say what each says alone, on every executor."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ensue
from ensue.data.frequency import Frequency
from ensue.data.schema import Covariate, Schema
from ensue.data.series import build_panel
from ensue.errors import DataError, ModelFileError, NotFittedError, UsageError
from ensue.runtime.numpy_engine import NumPyEngine
from ensue.runtime.predictor import Predictor
from ensue.runtime.stream import ForecastStream
from ensue.runtime.stream_batch import StreamBatch
from ensue.runtime.stream_reader import Beside
from ensue.tasks.forecasting import ForecastingTask, Sizes

PLAIN = Schema("id", "ds", "y", seasons=(4,))
RICH = Schema(
    "id",
    "ds",
    "y",
    past=(Covariate("wind"),),
    future=(Covariate("price"), Covariate("event", ("fair",))),
    static=(Covariate("kind", ("a", "b")),),
    frequency=Frequency("hour"),
    seasons=(24,),
    time_zone="Europe/Berlin",
)
IRREGULAR = replace(RICH, frequency=Frequency("irregular", 3_600_000_000), seasons=(), time_zone=None)
SCHEMAS = {"plain": PLAIN, "rich": RICH, "irregular": IRREGULAR}
START = np.datetime64("2024-03-30T20:00", "us")
STREAMS, STEPS = 7, 40

Maker = Callable[..., Predictor]
ONCE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
"""The executor is the same for all examples of a test."""


def executors() -> list[Any]:
    try:
        import ensue._native  # noqa: F401
        from ensue.runtime.native_engine import NativeEngine
    except ImportError:
        return [NumPyEngine]
    return [NumPyEngine, NativeEngine]


def predictor_of(engine: Any, schema: Schema, seed: int = 0) -> Predictor:
    task = ForecastingTask(schema, 6, context_length=50, sizes=Sizes(hidden_size=8, layers=2))
    network, random = task.network(), np.random.default_rng(seed)
    weights = {name: random.normal(scale=0.4, size=shape).astype("f") for name, shape in network.parameters().items()}
    return Predictor(task, (engine(network, weights),))


@pytest.fixture(params=executors(), ids=lambda engine: engine.__name__)
def make_predictor(request: pytest.FixtureRequest) -> Maker:
    return partial(predictor_of, request.param)


class Rows:
    """Values, times and covariates of some series: `(streams, steps, ...)`."""

    def __init__(self, schema: Schema, seed: int = 0, streams: int = STREAMS, steps: int = STEPS) -> None:
        random = np.random.default_rng(seed)
        shape = (streams, steps)
        self.values = random.normal(size=shape).cumsum(axis=1) * 10.0 ** random.integers(-2, 4, (streams, 1))
        self.values[:, 1:][random.random((streams, steps - 1)) < 0.1] = np.nan
        self.times = START + np.arange(steps) * np.timedelta64(1, "h") + np.zeros(shape, "timedelta64[us]")
        if not schema.frequency.is_regular:
            self.times += np.sort(random.integers(0, 10**11, shape), axis=1)
        self.past = random.normal(size=(*shape, len(schema.past)))
        self.future = np.stack([random.normal(size=shape), random.integers(0, 2, shape)], -1)[..., : len(schema.future)]
        self.static = random.integers(0, 3, (streams, len(schema.static))).astype(float)
        self.regular, self.plain = schema.frequency.is_regular, schema is PLAIN

    def block(self, at: slice, of: Any = slice(None)) -> dict[str, Any]:
        time: Any = None
        if not self.regular:
            time = self.times[of, at]
        elif at.start == 0 and not self.plain:
            time = self.times[0, 0]
        return {"values": self.values[of, at], "time": time, "past": self.past[of, at], "future": self.future[of, at]}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
@given(seed=st.integers(0, 10**6), cuts=st.sets(st.integers(1, STEPS - 1), max_size=4), threads=st.integers(1, 3))
@settings(max_examples=5, suppress_health_check=ONCE)
def test_streams_side_by_side_say_what_each_says_alone(
    make_predictor: Maker, schema: Schema, seed: int, cuts: set[int], threads: int
) -> None:
    predictor, rows = make_predictor(schema, seed), Rows(schema, seed)
    batch = StreamBatch(predictor, STREAMS, static=rows.static, threads=threads)
    assert len(batch) == STREAMS and batch.levels == predictor.task.levels
    borders = [0, *sorted(cuts), STEPS]
    said = [batch.update(**rows.block(slice(*pair))) for pair in zip(borders, borders[1:], strict=False)]
    ahead = batch.forecast(9, future=rows.future[:, :9])
    assert ahead.shape == (STREAMS, 9, 13) and batch.steps.tolist() == [STEPS] * STREAMS
    scale = np.nanmax(np.abs(rows.values), axis=1)
    for i in range(STREAMS):
        stream = ForecastStream(predictor, rows.static[i])
        alone = stream.update(**rows.block(slice(0, STEPS), i))
        np.testing.assert_allclose(np.concatenate([each[i] for each in said]), alone, rtol=1e-5, atol=1e-5 * scale[i])
        np.testing.assert_allclose(
            ahead[i], stream.forecast(9, future=rows.future[i, :9]), rtol=1e-5, atol=1e-5 * scale[i]
        )


@pytest.mark.parametrize("count", [1, 63, 64, 65, 130])
def test_many_streams_and_threads_change_no_bit(make_predictor: Maker, count: int) -> None:
    predictor, rows = make_predictor(PLAIN), Rows(PLAIN, streams=count, steps=20)
    one, several = (StreamBatch(predictor, count, threads=threads) for threads in (1, 3))
    for first in range(0, 20, 4):
        values = rows.values[:, first : first + 4]
        np.testing.assert_array_equal(one.update(values), several.update(values))
    np.testing.assert_array_equal(one.forecast(), several.forecast())
    assert one.state == several.state


def test_a_value_of_each_is_a_step(make_predictor: Maker) -> None:
    predictor, rows = make_predictor(RICH), Rows(RICH)
    one, other = (StreamBatch(predictor, STREAMS, static=rows.static) for _ in range(2))
    for step in range(3):
        block = rows.block(slice(step, step + 1))
        expected = one.update(**block)
        said = other.update(
            rows.values[:, step], time=block["time"], past=rows.past[:, step], future=rows.future[:, step]
        )
        assert said.shape == (STREAMS, 13)
        np.testing.assert_array_equal(said, expected[:, 0])
    assert one.state == other.state


def test_some_read_while_others_wait(make_predictor: Maker) -> None:
    predictor, rows = make_predictor(PLAIN), Rows(PLAIN)
    batch, streams = StreamBatch(predictor, STREAMS), [ForecastStream(predictor) for _ in range(STREAMS)]
    random = np.random.default_rng(0)
    batch.update(rows.values[:, :2])
    for i, stream in enumerate(streams):
        stream.update(rows.values[i, :2])
    for _ in range(12):
        chosen = random.permutation(STREAMS)[: random.integers(1, STREAMS + 1)]
        block = random.normal(size=(len(chosen), random.integers(1, 4)))
        said = batch.update(block, rows=chosen)
        ahead = batch.forecast(3, rows=chosen)
        for place, i in enumerate(chosen):
            np.testing.assert_allclose(said[place], streams[i].update(block[place]), rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(ahead[place], streams[i].forecast(3), rtol=1e-4, atol=1e-5)
    assert batch.steps.tolist() == [stream.steps for stream in streams]
    mask = np.arange(STREAMS) == 4
    np.testing.assert_array_equal(batch.forecast(rows=mask), batch.forecast(rows=[4]))
    batch.reset(mask)
    assert batch.steps[4] == 0 and batch.stream(4).state == ForecastStream(predictor).state


def test_each_stream_has_its_clock(make_predictor: Maker) -> None:
    schema = replace(RICH, past=(), future=())
    predictor = make_predictor(schema)
    batch = StreamBatch(predictor, 4, static=[[1.0], [2.0], [0.0], [np.nan]])
    alone = [ForecastStream(predictor, each) for each in ([1.0], [2.0], [0.0], [np.nan])]
    hour = np.timedelta64(1, "h")
    first = START + np.array([0, 1000, 3, 0]) * hour
    later = first + np.array([2, 5, 2, 1500]) * hour
    for values, times in (([[1.0, 2.0]] * 3, first[:3]), ([[3.0], [4.0], [5.0], [6.0]], later)):
        chosen = range(len(times))
        said = batch.update(values, time=times, rows=chosen)
        for i in chosen:
            expected = alone[i].update(values[i], time=times[i])
            np.testing.assert_allclose(said[i], expected, rtol=1e-4, atol=1e-5)
    assert batch.steps.tolist() == [stream.steps for stream in alone] == [3, 6, 3, 1]
    said = batch.update([1.0] * 4, time=max(later) + hour)  # all catch up with one clock
    for i, stream in enumerate(alone):
        np.testing.assert_allclose(said[i : i + 1], stream.update(1.0, time=max(later) + hour), rtol=1e-4, atol=1e-5)
    with pytest.raises(DataError) as raised:
        batch.update([1.0, 2.0], time=START, rows=[3, 1])
    assert str(raised.value).startswith("The value at 2024-03-30 20:00 of stream 1 comes after one at ")


def test_what_all_streams_share_is_given_once(make_predictor: Maker) -> None:
    for schema in (RICH, IRREGULAR):
        predictor, rows = make_predictor(schema), Rows(schema)
        one, other = (StreamBatch(predictor, STREAMS) for _ in range(2))
        time = rows.times[:1] if schema is IRREGULAR else rows.times[0, 0]
        said = one.update(rows.values, time=time, past=rows.past[:1], future=rows.future[:1])
        everywhere = np.repeat(time, STREAMS, axis=0) if schema is IRREGULAR else time
        past, future = (np.repeat(each[:1], STREAMS, axis=0) for each in (rows.past, rows.future))
        np.testing.assert_array_equal(said, other.update(rows.values, time=everywhere, past=past, future=future))
        np.testing.assert_array_equal(
            one.forecast(5, future=rows.future[:1, :5]), other.forecast(5, future=future[:, :5])
        )


def test_streams_are_split_off_and_put_back(make_predictor: Maker) -> None:
    predictor, rows = make_predictor(PLAIN), Rows(PLAIN)
    batch = StreamBatch(predictor, STREAMS)
    batch.update(rows.values)
    before = batch.state
    stream = batch.stream(3)
    stream.update([1.0, 2.0])
    assert batch.state == before and stream.steps == STEPS + 2
    batch.put(5, stream)
    assert batch.steps.tolist() == [STEPS] * 5 + [STEPS + 2, STEPS]
    assert batch.stream(5).state == stream.state
    with pytest.raises(UsageError) as raised:
        batch.put(0, ForecastStream(make_predictor(PLAIN, seed=1)))
    assert str(raised.value) == "The stream is one of another model: give one that this model's stream() made."
    with pytest.raises(UsageError) as raised:
        batch.stream(7)
    assert str(raised.value) == "index is 7, expected a stream of the batch, 0 to 6."


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
def test_a_saved_state_goes_on_where_the_streams_were(make_predictor: Maker, schema: Schema) -> None:
    predictor, rows = make_predictor(schema), Rows(schema)
    batch = StreamBatch(predictor, STREAMS, static=rows.static)
    batch.update(**rows.block(slice(0, 30)))
    restored = StreamBatch(make_predictor(schema), STREAMS)
    restored.state = batch.state
    copies = [restored, batch.copy(), copy.deepcopy(batch)]
    if predictor.native is not None:
        copies.append(pickle.loads(pickle.dumps(batch)))
    expected = batch.update(**rows.block(slice(30, STEPS)))
    for other in copies:
        np.testing.assert_array_equal(other.update(**rows.block(slice(30, STEPS))), expected)
        assert other.state == batch.state
    small = StreamBatch(predictor, 2)
    with pytest.raises(ModelFileError) as raised:
        small.state = batch.state
    assert str(raised.value) == "This state is that of 7 streams: restore it on as many."
    with pytest.raises(ModelFileError) as raised:
        batch.state = batch.state[:-1]
    assert str(raised.value) == "These bytes are not the state of a stream: give what `stream.state` returned."


def test_streams_after_a_table_forecast_what_predict_does(make_predictor: Maker) -> None:
    predictor, lengths = make_predictor(PLAIN), [30, 5, 58, 30]
    random = np.random.default_rng(0)
    frame = pl.concat(
        pl.DataFrame({"id": [f"s{i}"] * length, "ds": np.arange(length), "y": random.normal(size=length)})
        for i, length in enumerate(lengths)
    )
    panel = build_panel(frame, PLAIN, for_training=False)
    batch = StreamBatch.after(predictor, panel)
    assert batch.steps.tolist() == lengths
    np.testing.assert_allclose(batch.forecast(), predictor.predict(panel, 6), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        batch.forecast(), [ForecastStream.after(predictor, panel, i).forecast() for i in range(4)], rtol=1e-5, atol=1e-6
    )


def test_a_forecaster_makes_them() -> None:
    forecaster = ensue.Forecaster(horizon=3)
    with pytest.raises(NotFittedError):
        forecaster.streams(3)
    forecaster._predictor = predictor_of(executors()[-1], PLAIN)
    batch = forecaster.streams(3, threads=1)
    assert isinstance(batch, ensue.StreamBatch) and len(batch) == 3
    after = forecaster.streams(df=pl.DataFrame({"id": ["a", "a", "b"], "ds": [0, 1, 0], "y": [1.0, 2.0, 3.0]}))
    assert after.steps.tolist() == [2, 1]
    with pytest.raises(UsageError) as raised:
        forecaster.streams()
    assert str(raised.value) == (
        "streams() takes how many streams there are to be, or df=, a table to begin after: give one."
    )


def test_arguments_that_do_not_fit_are_refused_and_change_nothing(make_predictor: Maker) -> None:
    predictor, rows = make_predictor(RICH), Rows(RICH)
    batch = StreamBatch(predictor, STREAMS, static=rows.static)
    with pytest.raises(UsageError, match="has no clock yet"):
        batch.update(rows.values)
    batch.update(**rows.block(slice(0, 5), slice(0, 6)), rows=range(6))
    before = batch.state
    ones = np.ones(STREAMS)
    sentences: list[tuple[type[Exception], str, Callable[[], Any]]] = [
        (
            UsageError,
            "values have shape (6,), expected (7,) or (7, steps).",
            lambda: batch.update(np.ones(6)),
        ),
        (
            UsageError,
            "values have shape (2, 1, 1), expected (2,) or (2, steps).",
            lambda: batch.update(np.ones((2, 1, 1)), rows=[0, 1]),
        ),
        (
            DataError,
            "value 1 of row 1 is infinite, expected a number, or NaN where missing.",
            lambda: batch.update([1.0, np.inf], rows=[5, 2]),
        ),
        (
            UsageError,
            "time has shape (2,), expected one stamp or (7,), a stamp of each stream.",
            lambda: batch.update(ones, time=["2025-01-01", "2025-01-02"]),
        ),
        (
            UsageError,
            "past has shape (7, 2), expected (7, 1): a row a step, with columns wind.",
            lambda: batch.update(ones, time="2025-01-01", past=np.ones((7, 2))),
        ),
        (
            DataError,
            "future holds the code 2 of event, expected 0 to 1: 1 for the first of its categories, 0 for one that is not "
            "known.",
            lambda: batch.update(ones, time="2025-01-01", future=np.full((7, 2), 2.0)),
        ),
        (UsageError, "rows go from 2 to 2, expected each once, 0 to 6.", lambda: batch.update([1, 2], rows=[2, 2])),
        (UsageError, "rows go from -1 to 0, expected each once, 0 to 6.", lambda: batch.update([1, 2], rows=[0, -1])),
        (UsageError, "rows is 'all', expected indices of streams, or 7 truths.", lambda: batch.reset("all")),
        (
            UsageError,
            "Stream 6 has read no value yet: give it history with update(), or say with rows= which streams are to "
            "forecast.",
            lambda: batch.forecast(future=np.ones((7, 6, 2))),
        ),
        (
            DataError,
            "The model uses price, event, known ahead, and none was given: pass future= with 2 x 6 rows.",
            lambda: batch.forecast(rows=[0, 1]),
        ),
        (UsageError, "count is 0, expected 1 or more streams.", lambda: StreamBatch(predictor, 0)),
        (UsageError, "threads is 1.5, expected 1 or more threads.", lambda: StreamBatch(predictor, 1, threads=1.5)),
        (
            UsageError,
            "static has shape (1,), expected (7, 1), one value a static covariate.",
            lambda: StreamBatch(predictor, STREAMS, static=[1.0]),
        ),
    ]
    for kind, sentence, call in sentences:
        with pytest.raises(kind) as said:
            call()
        assert str(said.value) == sentence
    assert batch.state == before
    irregular = StreamBatch(make_predictor(IRREGULAR), 2)
    for time, sentence in (
        (None, "The series has no regular frequency: give every update time=, a stamp of each value."),
        (["2024-01-01", "2024-01-02"], "time has shape (2,), expected (2, 3), a stamp of each value."),
    ):
        with pytest.raises(UsageError) as raised:
            irregular.update(np.ones((2, 3)), time=time)
        assert str(raised.value) == sentence


def test_nothing_is_expected_of_a_stream_until_it_has_seen_three_values(make_predictor: Maker) -> None:
    batch = StreamBatch(make_predictor(PLAIN), 70)
    values = np.random.default_rng(0).normal(size=(70, 5))
    values[69, 1] = np.nan
    said = [batch.update(values[:, 0])[:, None], batch.update(values[:, 1:])]
    known = np.tile(np.arange(5) >= 3, (70, 1))
    known[69] = np.arange(5) >= 4
    found = np.concatenate(said, axis=1)
    np.testing.assert_array_equal(np.isfinite(found), np.repeat(known[:, :, None], 13, axis=2))
    assert np.isnan(found[~known]).all()


def test_an_update_that_is_refused_moves_no_stream(make_predictor: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor, rows = make_predictor(RICH), Rows(RICH)
    batch = StreamBatch(predictor, STREAMS, static=rows.static)
    batch.update(**rows.block(slice(0, 5)))
    batch.update([1.0, 2.0], rows=[2, 5])  # two groups
    before, reader, steps = batch.state, type(batch._reader), batch.steps
    read_block = reader.read

    def fail(self: Any, values: Any, *others: Any) -> Any:
        if np.isfinite(values).any():  # the steps left out are read
            raise DataError("no")
        return read_block(self, values, *others)

    later = rows.times[0, 20]
    with monkeypatch.context() as patched:
        patched.setattr(reader, "read", fail)
        for chosen in (None, [5, 1]):
            with pytest.raises(DataError, match=r"^no$"):
                batch.update(np.ones(STREAMS if chosen is None else 2), time=later, rows=chosen)
    assert batch.state == before and batch.steps.tolist() == steps.tolist()


def test_a_code_that_only_the_network_refuses_moves_no_stream(make_predictor: Maker) -> None:
    batch = StreamBatch(make_predictor(replace(RICH, past=())), 130, threads=2)
    values = np.random.default_rng(0).normal(size=(130, 30))
    batch.update(values, time=START)
    batch.update(np.ones(65), rows=range(65))
    before = batch.state
    future = np.zeros((130, 30, 2))
    for row in (0, 129):
        wrong = future.copy()
        wrong[row, -1, 1] = 7.0
        with pytest.raises(DataError):
            batch._reader.read(values, Beside(future=wrong))
        assert batch.state == before
    batch.update(values, future=future)
    assert batch.steps.tolist() == [61] * 65 + [60] * 65
