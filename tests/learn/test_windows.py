"""Training windows: repeatable, blind where they should be, and exactly what a forecast reads later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensue.data.frequency import Frequency
from ensue.data.panel import Panel
from ensue.data.schema import Covariate, Schema
from ensue.learn.windows import HIDDEN_WEIGHT, Batch, Windows
from ensue.runtime.engine import Engine
from ensue.runtime.predictor import Predictor
from ensue.tasks.forecasting import ForecastingTask, Sizes

HORIZON = 5
RICH = Schema(
    "id",
    "ds",
    "y",
    past=(Covariate("wind"), Covariate("sky", ("clear", "rain"))),
    future=(Covariate("price"),),
    static=(Covariate("size"),),
    frequency=Frequency("day"),
    seasons=(7,),
)
IRREGULAR = replace(RICH, frequency=Frequency("irregular", 86_400_000_000))
PLAIN = Schema("id", "ds", "y", seasons=(4,))


def make_task(schema: Schema) -> ForecastingTask:
    return ForecastingTask(schema, HORIZON, context_length=20, sizes=Sizes(hidden_size=8, layers=1))


def make_panel(schema: Schema, lengths: list[int], seed: int = 0, ahead: int = 4) -> Panel:
    """Series of random numbers with gaps; the rows beyond the history hold numbers that nothing may look at."""
    random = np.random.default_rng(seed)
    history = np.array(lengths)
    offsets = np.concatenate([[0], np.cumsum(history + ahead)])
    rows = int(offsets[-1])
    y = random.normal(size=rows).cumsum() * 10.0 ** random.integers(-2, 4)
    y[random.random(rows) < 0.1] = np.nan
    spacing = 1 if schema.frequency.is_regular else random.integers(1, 5, rows)
    times = np.concatenate([np.arange(n + ahead) for n in lengths]) * spacing
    if schema.frequency.has_stamps:
        times = np.datetime64("2024-01-01", "us") + times * np.timedelta64(1, "D")
    past = np.stack([random.normal(size=rows), random.integers(0, 3, rows)], 1)[:, : len(schema.past)]
    future = random.normal(size=(rows, len(schema.future)))
    static = random.normal(size=(len(lengths), len(schema.static)))
    ids = tuple(f"s{i}" for i in range(len(lengths)))
    return Panel(schema, ids, offsets, history, times, y, past, future, static)


def equal(first: Batch, second: Batch) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@given(seed=st.integers(0, 2**40), step=st.integers(0, 10**6))
@settings(max_examples=10)
def test_a_step_draws_the_same_batch_whatever_was_drawn_before(seed: int, step: int) -> None:
    panel = make_panel(RICH, [60, 9, 33, 110])
    fresh = Windows(panel, make_task(RICH), 16).draw(seed, step)
    windows = Windows(panel, make_task(RICH), 16)
    others = [windows.draw(seed, step + 1), windows.draw(seed + 1, step)]
    assert equal(windows.draw(seed, step), fresh)
    assert not any(equal(other, fresh) for other in others)
    assert all(np.isfinite(each).all() for each in fresh)
    assert [each.dtype for each in fresh] == [np.float32] * 4


@pytest.mark.parametrize("schema", [PLAIN, RICH, IRREGULAR])
@given(seed=st.integers(0, 10**6))
@settings(max_examples=10)
def test_hidden_values_move_nothing_that_the_network_reads(schema: Schema, seed: int) -> None:
    random = np.random.default_rng(seed)
    panel, task = make_panel(schema, [70, 40, 26, 12], seed), make_task(schema)
    windows = Windows(panel, task, 4)
    series = np.arange(4)
    ends = panel.history - random.integers(0, 3, 4)
    rows = np.minimum(np.array([task.warm_up, 0, 0, task.warm_up]) + windows.length, ends)
    hidden = windows._hide(rows, random)
    before = windows._gather(series, ends, rows, hidden)[0]
    y, past = panel.y.copy(), panel.past.copy()
    for i in range(4):
        begin, end = panel.offsets[i] + ends[i] - rows[i], panel.offsets[i + 1]
        place = np.flatnonzero(hidden[i]) - (hidden.shape[1] - rows[i])  # windows stand with their ends side by side
        covered = np.concatenate([place + begin, np.arange(begin + rows[i], end)])
        y[covered] = random.choice([np.nan, 1e9, -3.0], len(covered))
        past[covered] = random.choice([np.nan, 0.0, 1.0], (len(covered), past.shape[1]))
    after = Windows(replace(panel, y=y, past=past), task, 4)._gather(series, ends, rows, hidden)[0]
    inside = np.arange(windows.length) < np.minimum(rows, windows.length)[:, None]  # what pads a window is not read
    np.testing.assert_array_equal(before.features[inside], after.features[inside])
    np.testing.assert_array_equal(before.anchors[inside], after.anchors[inside])


@given(seed=st.integers(0, 10**6))
@settings(max_examples=25)
def test_every_window_hides_its_end_and_some_hide_a_run_inside(seed: int) -> None:
    windows = Windows(make_panel(PLAIN, [50]), make_task(PLAIN), 1)
    random = np.random.default_rng(seed)
    rows = random.integers(1, windows.length + windows.task.warm_up + 1, 64)
    hidden = windows._hide(rows, random)
    index = np.arange(hidden.shape[1]) - (hidden.shape[1] - rows)[:, None]
    tail = np.minimum(HORIZON, np.maximum(rows // 2, 1))
    assert hidden[index >= (rows - tail)[:, None]].all()
    assert not hidden[index < 0].any()
    inner = (hidden & (index < (rows - tail)[:, None])).sum(1)
    assert 0 < (inner > 0).sum() < 64 and inner.max() <= HORIZON
    # What warms the front end up is never hidden, and something is always seen before the end.
    assert not (hidden & (index < (rows - windows.length)[:, None])).any()
    assert (inner + tail < rows)[rows > 1].all()


@given(seed=st.integers(0, 10**6))
@settings(max_examples=10)
def test_what_stands_beside_a_window_in_the_batch_does_not_matter(seed: int) -> None:
    panel, task = make_panel(RICH, [80, 31, 14, 8], seed), make_task(RICH)
    windows = Windows(panel, task, 4)
    series, ends = np.arange(4), panel.history
    together, spread, hidden = windows.at(series, ends)
    for i in range(4):
        alone, own_spread, own_hidden = windows.at(series[i : i + 1], ends[i : i + 1])
        steps = min(windows.length, ends[i])
        for joint, single in zip(together, alone, strict=True):
            np.testing.assert_allclose(joint[i, :steps], single[0, :steps], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(spread[i, :steps], own_spread[0, :steps], rtol=1e-9)
        np.testing.assert_array_equal(hidden[i], own_hidden[0])
        assert not together.weights[i, steps:].any() and not hidden[i, steps:].any()


@pytest.mark.parametrize("length", [2, 3, 7, 12, 25, 31, 90])
def test_targets_are_the_values_and_only_what_was_known_counts(length: int) -> None:
    task = make_task(PLAIN)
    panel = make_panel(PLAIN, [length], seed=length, ahead=3)
    windows = Windows(panel, task, 1)
    batch, spread, hidden = windows.at(np.array([0]), panel.history)
    steps = min(windows.length, length)
    y = panel.y[length - steps : length]
    assert hidden[0, :steps].tolist() == [step >= steps - HORIZON for step in range(steps)]
    weights = batch.weights[0]
    assert not weights[steps:].any()
    assert not weights[:steps][~np.isfinite(y)].any()
    assert set(weights[hidden[0]]) <= {0.0, HIDDEN_WEIGHT} and set(weights[~hidden[0]]) <= {0.0, 1.0}
    if length >= 25:  # enough was seen for every known value to count
        seen = np.isfinite(y) & (np.arange(length - steps, length) > 6)
        assert (weights[:steps][seen] > 0).all()
    counted = weights[:steps] > 0
    # The difference of two targets in units of their spread is that of the values, as the centre stands still in the end.
    tail = np.flatnonzero(counted & hidden[0, :steps])
    back = batch.targets[0, tail] * spread[0, tail]
    np.testing.assert_allclose(np.diff(back), np.diff(y[tail]), rtol=1e-4, atol=1e-5 * np.nanmax(np.abs(panel.y)))


@given(seed=st.integers(0, 10**6), lengths=st.lists(st.integers(2, 60), min_size=1, max_size=4))
@settings(max_examples=15)
def test_nothing_beyond_the_history_is_ever_drawn(seed: int, lengths: list[int]) -> None:
    panel, task = make_panel(RICH, lengths, seed, ahead=6), make_task(RICH)
    place = np.concatenate([np.arange(n + 6) >= n for n in lengths])
    other = replace(
        panel,
        y=np.where(place, 1e9, panel.y),
        past=np.where(place[:, None], 2.0, panel.past),
        future=np.where(place[:, None], -1e9, panel.future),
    )
    for step in range(3):
        assert equal(Windows(panel, task, 8).draw(seed, step), Windows(other, task, 8).draw(seed, step))


def test_no_chance_number_is_out_of_range() -> None:
    windows = Windows(make_panel(PLAIN, [30] * 7), make_task(PLAIN), 64)
    object.__setattr__(windows, "_cumulative", windows._cumulative * 0.9)  # rounding, writ large
    drawn = [windows.draw(0, step) for step in range(5)]
    assert all(batch.features.shape[0] == 64 for batch in drawn)


@pytest.mark.parametrize("schema", [PLAIN, RICH])
@pytest.mark.parametrize("length", [12, 30, 120])
def test_training_reads_what_a_forecast_reads(schema: Schema, length: int) -> None:
    panel, task = make_panel(schema, [length, length + 3], seed=length, ahead=0), make_task(schema)
    random = np.random.default_rng(1)
    network = task.network()
    weights = {name: random.normal(scale=0.4, size=shape).astype("f") for name, shape in network.parameters().items()}
    engine = Engine(network, weights)
    y = panel.y.copy()
    y[panel.offsets[1:] - HORIZON - 1] = 1.0  # the panel's history must end in a known value
    panel = replace(panel, y=y)
    batch, spread, hidden = Windows(panel, task, 1).at(np.arange(2), panel.history)
    normalised, _ = engine.forward(batch.features, batch.anchors)
    forecast = Predictor(task, (engine,)).predict(panel.cut(HORIZON), HORIZON)
    ends = panel.offsets[:-1] + panel.history
    truth = np.stack([panel.y[end - HORIZON : end] for end in ends])
    for i in range(2):
        horizon = hidden[i]
        off = (normalised[i, horizon] - batch.targets[i, horizon, None]) * spread[i, horizon, None]
        counts = (batch.weights[i, horizon] > 0) & (np.abs(batch.targets[i, horizon]) < 50)
        expected = np.maximum.accumulate(off[counts] + truth[i][counts, None], axis=-1)
        assert counts.any()
        scale = np.abs(forecast[i]).max()
        np.testing.assert_allclose(forecast[i][counts] / scale, expected / scale, rtol=1e-4, atol=1e-4)
