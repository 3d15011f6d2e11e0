"""The forecasting task: its network fits its inputs, answers in the data's units, calibration, levels, JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensue.config import QUANTILES
from ensue.data.frequency import Frequency
from ensue.data.panel import Panel
from ensue.data.schema import Covariate, Schema
from ensue.errors import UsageError
from ensue.tasks.forecasting import (
    ForecastingTask,
    Scale,
    Sizes,
    Surroundings,
    at_levels,
    calibrate,
    design,
    levels_between,
)

RICH = Schema(
    "id",
    "ds",
    "y",
    past=(Covariate("wind"), Covariate("sky", ("clear", "rain"))),
    future=(Covariate("price"), Covariate("event", ("fair",))),
    static=(Covariate("size"), Covariate("kind", ("a", "b", "c"))),
    frequency=Frequency("hour"),
    seasons=(24, 168),
    time_zone="Europe/Berlin",
    holidays="DE",
    nonnegative=True,
)
PLAIN = Schema(None, None, "y")
SCHEMAS = [
    PLAIN,
    RICH,
    replace(RICH, frequency=Frequency("irregular", 10**9), seasons=(), holidays=None),
    replace(RICH, frequency=Frequency("month"), seasons=(12,), static=()),
    Schema(None, "ds", "y", frequency=Frequency("position", 3), seasons=(1, 5)),
]


def make_block(schema: Schema, batch: int = 2, time: int = 30, seed: int = 0) -> Surroundings:
    random = np.random.default_rng(seed)
    first = np.datetime64("2024-03-30T20:00", "us") if schema.frequency.has_stamps else np.int64(0)
    times = schema.frequency.advance(
        np.full((batch, time), first), np.arange(time)[None, :] + np.arange(batch)[:, None]
    )

    def columns(covariates: tuple[Covariate, ...], *shape: int) -> np.ndarray:
        values = [
            random.normal(size=shape)
            if each.categories is None
            else random.integers(0, len(each.categories) + 1, shape)
            for each in covariates
        ]
        return np.stack(values, -1).astype(float) if values else np.zeros((*shape, 0))

    return Surroundings(
        times,
        random.uniform(0, 5, (batch, time)),
        columns(schema.past, batch, time),
        columns(schema.future, batch, time),
        columns(schema.static, batch),
    )


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_network_takes_exactly_what_it_is_shown(schema: Schema) -> None:
    task = ForecastingTask(schema, 5, 20)
    block = make_block(schema)
    reading, _ = task.reader.read(np.ones((2, 30)), np.ones((2, 30), bool), task.reader.start(2))
    beside = task.beside(block, block.past, np.ones((2, 30), bool))
    network = task.network()
    features = np.concatenate([reading.features, beside], -1)
    assert np.isfinite(features).all()
    network.check_call(features.shape, reading.anchors.shape, None)
    categories = [c for c in (*schema.future, *schema.past, *schema.static) if c.categories is not None]
    codes = beside[..., beside.shape[-1] - len(categories) :]
    for column, covariate in enumerate(categories):
        assert set(np.unique(codes[..., column])) <= set(range(len(covariate.categories or ()) + 1))


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_task_comes_back_from_json(schema: Schema) -> None:
    scales = (("wind", Scale(1.5, 0.25)), ("price", Scale(-3.0, 1e-9)))
    task = ForecastingTask(schema, 7, 33, Sizes(16, 3), scales, widths=tuple(np.linspace(0.5, 2, 13).tolist()))
    again = ForecastingTask.from_json(json.loads(json.dumps(task.to_json(), allow_nan=False)))
    assert again == task and again.network() == task.network()


def test_a_covariate_is_a_number_and_whether_it_was_seen() -> None:
    schema = Schema(
        None, None, "y", past=(Covariate("wind"),), future=(Covariate("price"),), static=(Covariate("size"),)
    )
    task = ForecastingTask(schema, 5, 20, scales=(("price", Scale(10.0, 2.0)),))
    block = make_block(schema, batch=1, time=3)
    block = block._replace(future=np.array([[[10.0], [12.0], [np.nan]]]), static=np.array([[np.nan]]))
    past = np.array([[[5.0], [0.0], [7.0]]])
    beside = task.beside(block, past, np.array([[True, False, True]]))[0]
    expected = [
        # price, seen, wind a step before, seen, size, seen
        [0.0, 1.0, np.arcsinh(5.0), 1.0, 0.0, 0.0],
        [np.arcsinh(1.0), 1.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, np.arcsinh(7.0), 1.0, 0.0, 0.0],
    ]
    np.testing.assert_allclose(beside, expected)


def test_the_clock_on_the_wall_counts_and_not_utc() -> None:
    schema = replace(RICH, past=(), future=(), static=(), holidays=None)
    task = ForecastingTask(schema, 5, 20)
    block = make_block(schema, batch=1, time=12)  # over the night in which the clock was put forward
    local = task.beside(block, block.past, np.ones((1, 12), bool))[0]
    utc = replace(task, schema=replace(schema, time_zone=None))
    shifted = utc.beside(
        block._replace(times=block.times + np.timedelta64(1, "h")), block.past, np.ones((1, 12), bool)
    )[0]
    summer = utc.beside(block._replace(times=block.times + np.timedelta64(2, "h")), block.past, np.ones((1, 12), bool))[
        0
    ]
    np.testing.assert_allclose(local[:5], shifted[:5])  # 20:00 to 00:00 UTC
    np.testing.assert_allclose(local[5:], summer[5:])


@given(seed=st.integers(0, 10**6))
def test_answers_are_sorted_and_in_the_units_of_the_data(seed: int) -> None:
    random = np.random.default_rng(seed)
    task = ForecastingTask(replace(PLAIN, nonnegative=bool(seed % 2)), 5, 20)
    normalised = np.sort(random.normal(size=(2, 4, 13)), -1)
    center, spread = random.normal(size=(2, 4)), random.uniform(0.1, 9, (2, 4))
    values = task.answer(normalised.astype("f"), center, spread)
    plain = normalised * spread[..., None] + center[..., None]
    np.testing.assert_allclose(values, np.maximum(plain, 0) if seed % 2 else plain, rtol=1e-4, atol=1e-4)
    odd = replace(task, widths=tuple(random.uniform(0.3, 3, 13)))
    assert (np.diff(odd.answer(normalised, center, spread), axis=-1) >= 0).all()


@given(seed=st.integers(0, 10**6), factor=st.floats(0.4, 2.5))
@settings(max_examples=20)
def test_calibration_gives_every_band_its_share(seed: int, factor: float) -> None:
    random = np.random.default_rng(seed)
    levels = np.array(QUANTILES)
    truth = np.sort(random.normal(size=200_000))
    honest = truth[(levels * len(truth)).astype(int)]
    targets = random.normal(size=4000)
    targets[:50] = np.nan
    quantiles = np.broadcast_to(honest / factor, (4000, 13))  # bands too wide or too narrow by one factor
    task = calibrate(ForecastingTask(PLAIN, 5, 20), quantiles, targets, independent=10**9)
    stretched = task.stretch(quantiles)
    known = np.isfinite(targets)
    for low, high in ((0, 12), (2, 10), (3, 9)):
        inside = (targets >= stretched[:, low]) & (targets <= stretched[:, high])
        assert inside[known].mean() == pytest.approx(levels[high] - levels[low], abs=0.005)
    assert task.widths[6] == 1.0
    np.testing.assert_allclose(task.widths[0], factor, rtol=0.25)


def test_calibration_trusts_few_windows_little() -> None:
    random = np.random.default_rng(0)
    quantiles = np.broadcast_to(np.linspace(-0.3, 0.3, 13), (50, 13))
    targets = random.normal(size=50)
    task = ForecastingTask(PLAIN, 5, 20)
    few, many = (calibrate(task, quantiles, targets, independent) for independent in (1, 1000))
    assert 1 < few.widths[0] < many.widths[0]
    assert calibrate(task, quantiles, np.full(50, np.nan), 50).widths == (1.0,) * 13


def test_levels_between_are_straight_lines() -> None:
    quantiles = np.array(QUANTILES) * 10
    wanted = levels_between(QUANTILES, (80.0, 95.0, 75.0, 50.0))
    assert wanted == (0.1, 0.9, 0.025, 0.975, 0.125, 0.875, 0.25, 0.75)
    np.testing.assert_allclose(at_levels(quantiles, QUANTILES, wanted), np.array(wanted) * 10)
    assert levels_between(QUANTILES, ()) == ()


@pytest.mark.parametrize("level", [0.0, -5.0, 96.0, 100.0, float("nan"), float("inf")])
def test_a_band_that_was_not_learned_is_refused(level: float) -> None:
    with pytest.raises(UsageError) as raised:
        levels_between(QUANTILES, (80.0, level))
    assert str(raised.value) == (
        f"level {level:g} was asked for, expected bands between 0 and 95 percent: "
        "the model has learned no quantile beyond 0.025 and 0.975."
    )


def test_the_task_of_a_panel_looks_back_far_enough_and_scales_its_covariates() -> None:
    schema = Schema(
        None, None, "y", past=(Covariate("wind"),), future=(Covariate("flat"), Covariate("c", ("a",))), seasons=(24,)
    )
    rows = 100
    past = np.linspace(0, 99, rows)[:, None]
    past[3] = np.nan
    future = np.stack([np.full(rows, 7.0), np.ones(rows)], 1)
    panel = Panel(
        schema,
        ("y",),
        np.array([0, rows]),
        np.array([rows]),
        np.arange(rows),
        np.ones(rows),
        past,
        future,
        np.zeros((1, 0)),
    )
    task = design(panel, 10, Sizes())
    assert task.context_length >= 2 * 24 and task.memory >= task.context_length
    scales = dict(task.scales)
    assert scales["wind"].mean == pytest.approx(np.nanmean(past)) and scales["wind"].spread == pytest.approx(
        np.nanstd(past)
    )
    assert scales["flat"] == Scale(7.0, 1.0) and set(scales) == {"wind", "flat"}
    assert design(panel, 10, Sizes(), context_length=17).context_length == 17
    assert task.season == 24 and ForecastingTask(PLAIN, 3, 9).season == 1
