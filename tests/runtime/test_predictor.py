"""Forecasts without PyTorch: the same whatever stands beside a series, nothing from the future, one pass for a backtest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ensue.data.frequency import Frequency
from ensue.data.panel import Panel
from ensue.data.schema import Covariate, Schema
from ensue.data.series import build_panel
from ensue.errors import DataError, UsageError
from ensue.learn.modules import build, load_weights
from ensue.runtime.engine import Engine, Executor
from ensue.runtime.predictor import Predictor, warnings_of
from ensue.tasks.forecasting import ForecastingTask, Sizes

DAILY = Schema("id", "ds", "y", frequency=Frequency("day"), seasons=(7,))
RICH = replace(
    DAILY,
    past=(Covariate("wind"), Covariate("sky", ("clear", "rain"))),
    future=(Covariate("price"), Covariate("event", ("fair",))),
    static=(Covariate("size"),),
)
PLAIN = Schema("id", "ds", "y", seasons=(4,))
HORIZON = 6


def make_weights(task: ForecastingTask, seed: int) -> dict[str, np.ndarray]:
    """Random weights, large enough to matter."""
    random = np.random.default_rng(seed)
    shapes = task.network().parameters()
    return {name: random.normal(scale=0.4, size=shape).astype("f") for name, shape in shapes.items()}


def make_predictor(schema: Schema, seed: int = 0, members: int = 1) -> Predictor:
    task = ForecastingTask(schema, HORIZON, context_length=80, sizes=Sizes(hidden_size=8, layers=2))
    weights = [make_weights(task, seed + member) for member in range(members)]
    return Predictor(task, tuple(Engine(task.network(), each) for each in weights))


def make_panel(schema: Schema, lengths: list[int], seed: int = 0, ahead: int = 0, missing: float = 0.1) -> Panel:
    """Series of given lengths with gaps, `ahead` future rows behind each."""
    random = np.random.default_rng(seed)
    tables = []
    for name, length in enumerate(lengths):
        rows = length + ahead
        y = random.normal(size=rows).cumsum() * 10.0 ** random.integers(-2, 4)
        y[1:-1][random.random(rows - 2) < missing] = np.nan
        y[0], y[length - 1], y[length:] = 1.0, 2.0, np.nan
        start = np.datetime64("2024-01-01", "us") + np.timedelta64(int(random.integers(300)), "D")
        columns: dict[str, Any] = {"id": [f"s{name}"] * rows, "y": y}
        columns["ds"] = (
            start + np.arange(rows) * np.timedelta64(1, "D") if schema.frequency.has_stamps else np.arange(rows)
        )
        columns |= {
            "wind": random.normal(size=rows),
            "price": random.normal(size=rows),
            "size": [random.random()] * rows,
        }
        columns |= {
            "sky": random.choice(["clear", "rain", "snow"], rows),
            "event": random.choice(["fair", "none"], rows),
        }
        tables.append(pl.DataFrame(columns))
    return build_panel(pl.concat(tables), schema, for_training=False)


@given(seed=st.integers(0, 10**6), lengths=st.lists(st.integers(3, 110), min_size=2, max_size=5))
@settings(max_examples=8)
def test_a_series_alone_is_forecast_as_it_is_among_others(seed: int, lengths: list[int]) -> None:
    predictor = make_predictor(RICH, seed)
    panel = make_panel(RICH, lengths, seed, ahead=HORIZON)
    together = predictor.predict(panel, HORIZON)
    scale = np.abs(together).max(axis=(1, 2))
    for i in range(len(panel)):
        alone = predictor.predict(panel.select([i]), HORIZON)[0]
        np.testing.assert_allclose(alone, together[i], rtol=1e-5, atol=1e-5 * scale[i])
    order = np.random.default_rng(seed).permutation(len(panel))
    shuffled = predictor.predict(panel.select(order), HORIZON)
    np.testing.assert_allclose(shuffled, together[order], rtol=1e-5, atol=1e-5 * scale.max())


@pytest.mark.parametrize("schema", [PLAIN, DAILY, RICH])
def test_a_backtest_in_one_pass_is_a_prediction_at_every_cut(schema: Schema) -> None:
    predictor = make_predictor(schema, members=2)
    panel = make_panel(schema, [42, 55, 68])
    assert panel.history.max() <= predictor.task.memory
    windows = predictor.backtest(panel, HORIZON, windows=3, step=5)
    assert windows.shape == (3, 3, HORIZON, 13)
    for window, back in enumerate((16, 11, 6)):
        once = predictor.predict(panel.cut(back), HORIZON)
        np.testing.assert_allclose(windows[:, window], once, rtol=1e-5, atol=1e-5 * np.abs(once).max())


@given(seed=st.integers(0, 10**6), back=st.integers(1, 20))
@settings(max_examples=8)
def test_what_comes_later_does_not_move_a_forecast_made_before(seed: int, back: int) -> None:
    predictor = make_predictor(RICH, seed)
    panel = make_panel(RICH, [50, 64], seed)
    y, past = panel.y.copy(), panel.past.copy()
    for end in panel.offsets[1:]:
        y[end - back : end], past[end - back : end] = 1e9, 2.0
    changed = replace(panel, y=y, past=past)
    before = predictor.backtest(panel, HORIZON, windows=4, step=HORIZON)
    after = predictor.backtest(changed, HORIZON, windows=4, step=HORIZON)
    # Window w begins `(4 - w) * HORIZON` rows before the end, and has seen nothing that was changed if back is within.
    untouched = [w for w in range(4) if (4 - w) * HORIZON >= back]
    np.testing.assert_array_equal(before[:, untouched], after[:, untouched])
    assert len(untouched) == 4 or not np.array_equal(before, after)


def test_only_remembered_rows_count() -> None:
    predictor = make_predictor(DAILY)
    memory = predictor.task.memory
    panel = make_panel(DAILY, [memory + 20])
    kept = panel.y.copy()
    kept[:20] = -777.0
    np.testing.assert_array_equal(predictor.predict(panel, 3), predictor.predict(replace(panel, y=kept), 3))
    kept[20] = -777.0
    assert not np.array_equal(predictor.predict(panel, 3), predictor.predict(replace(panel, y=kept), 3))


@pytest.mark.parametrize("schema", [PLAIN, DAILY, RICH])
def test_a_longer_horizon_goes_on_from_a_shorter_one(schema: Schema) -> None:
    predictor = make_predictor(schema)
    panel = make_panel(schema, [30, 55], ahead=40)
    longer = predictor.predict(panel, 40)
    assert longer.shape == (2, 40, 13) and np.isfinite(longer).all()
    np.testing.assert_allclose(longer[:, :HORIZON], predictor.predict(panel, HORIZON), rtol=1e-5, atol=1e-6)
    (said,) = warnings_of(predictor.task, panel, 40)
    assert said == "40 steps are asked of a model trained for 6: its bands are calibrated up to step 6 only."
    assert warnings_of(predictor.task, panel, 6) == ()


@given(seed=st.integers(0, 10**6))
@settings(max_examples=8)
def test_quantiles_are_sorted_and_never_negative_where_the_target_is_not(seed: int) -> None:
    schema = replace(PLAIN, nonnegative=True)
    panel = make_panel(schema, [10, 25, 40], seed)
    panel = replace(panel, y=np.abs(panel.y))
    quantiles = make_predictor(schema, seed).predict(panel, 30)
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=-1) >= 0).all()
    assert (quantiles >= 0).all()
    free = make_predictor(replace(schema, nonnegative=False), seed).predict(panel, 30)
    np.testing.assert_array_equal(quantiles, np.maximum(free, 0.0))


class TorchEngine:
    """The module that is trained, behind the face of the engine that is used."""

    def __init__(self, engine: Executor, weights: dict[str, np.ndarray]) -> None:
        self.initial_state = engine.initial_state
        self.module = build(engine.network)
        load_weights(self.module, weights)
        self.module.eval()

    def forward(
        self, x: np.ndarray, anchors: np.ndarray, state: list[np.ndarray], outputs: bool = True
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        with torch.no_grad():
            values, after = self.module(
                torch.from_numpy(x).float(),
                torch.from_numpy(anchors).float(),
                [torch.from_numpy(each) for each in state],
            )
        return values.numpy(), [each.numpy() for each in after]


@pytest.mark.parametrize("schema", [PLAIN, RICH])
def test_the_trained_module_and_the_engine_forecast_alike(schema: Schema) -> None:
    predictor = make_predictor(schema)
    twin = replace(predictor, engines=(TorchEngine(predictor.engines[0], make_weights(predictor.task, 0)),))
    panel = make_panel(schema, [20, 35, 64], ahead=20)
    ours, theirs = predictor.predict(panel, 20), twin.predict(panel, 20)
    scale = np.abs(theirs).max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(ours / scale, theirs / scale, rtol=1e-4, atol=1e-4)


def test_an_ensemble_says_the_mean_of_its_networks() -> None:
    both = make_predictor(DAILY, seed=5, members=2)
    panel = make_panel(DAILY, [40, 50])
    one, other = (replace(both, engines=(engine,)).predict(panel, HORIZON) for engine in both.engines)
    np.testing.assert_allclose(both.predict(panel, HORIZON), (one + other) / 2, rtol=1e-6, atol=1e-6)


def test_covariates_that_stop_early_are_refused() -> None:
    predictor = make_predictor(RICH)
    with pytest.raises(DataError) as raised:
        predictor.predict(make_panel(RICH, [30, 40], ahead=4), HORIZON)
    assert str(raised.value) == (
        "Series 's0' has only 4 future rows of 'price', 'event', and a horizon of 6 steps needs 6: "
        "add rows with an empty target, or give them with --future-data."
    )
    with pytest.raises(DataError) as raised:
        predictor.predict(make_panel(RICH, [30, 40]), HORIZON)
    assert str(raised.value).startswith("Series 's0' has no future rows of 'price', 'event', and a horizon of 6 steps")


@pytest.mark.parametrize("horizon", [0, -3, 2.5, "six", True, None])
def test_a_horizon_that_is_no_number_of_steps_is_refused(horizon: Any) -> None:
    with pytest.raises(UsageError) as raised:
        make_predictor(PLAIN).predict(make_panel(PLAIN, [30]), horizon)
    assert str(raised.value) == (f"horizon is {horizon!r}, expected 1 or more steps: give --horizon 30, for example.")


def test_irregular_rows_carry_their_spacing_into_the_horizon() -> None:
    schema = replace(RICH, frequency=Frequency("irregular", 86_400_000_000), seasons=())
    predictor = make_predictor(schema)
    panel = make_panel(schema, [40], ahead=HORIZON)
    usual = predictor.predict(panel, HORIZON)
    times = panel.times.copy()
    times[-HORIZON:] += np.arange(1, HORIZON + 1) * np.timedelta64(12, "h")
    # The calendar moves too, so another series of stamps with equal clocks would be needed to hold it still.
    assert not np.allclose(usual, predictor.predict(replace(panel, times=times), HORIZON), rtol=1e-4)
    np.testing.assert_allclose(
        predictor.backtest(panel, HORIZON, 1, HORIZON)[:, 0], predictor.predict(panel.cut(HORIZON), HORIZON), rtol=1e-5
    )


@pytest.mark.parametrize("unit", [1e-12, 1e-6, 1e9, 1e100])
def test_the_unit_of_the_target_does_not_matter(unit: float) -> None:
    predictor = make_predictor(DAILY)
    panel = make_panel(DAILY, [30, 60])
    plain, scaled = predictor.predict(panel, HORIZON), predictor.predict(replace(panel, y=panel.y * unit), HORIZON)
    np.testing.assert_allclose(scaled / unit, plain, rtol=1e-4, atol=1e-4 * np.abs(plain).max())


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(60),
        np.full(60, -1e18),
        np.r_[np.zeros(40), 1e200, np.zeros(19)],
        np.r_[np.ones(40), 1e30, np.ones(19)],
        np.array([1e18, -1e18] * 30),
        np.r_[np.full(30, np.nan), 3.0, np.full(29, np.nan)],
        np.r_[1e12, np.zeros(500), 1e-12],
    ],
)
def test_no_numbers_give_a_forecast_that_is_no_number(values: np.ndarray) -> None:
    count = len(values)
    times = np.datetime64("2024-01-01", "us") + np.arange(count) * np.timedelta64(1, "D")
    empty = np.zeros((count, 0))
    schema = replace(DAILY, id=None)
    panel = Panel(
        schema, ("y",), np.array([0, count]), np.array([count]), times, values, empty, empty, np.zeros((1, 0))
    )
    assert np.isfinite(make_predictor(schema).predict(panel, 30)).all()


def test_a_series_of_one_value_is_forecast_and_pointed_out() -> None:
    predictor = make_predictor(PLAIN)
    panel = build_panel(
        pl.DataFrame({"id": ["a", "b", "b", "b", "c"], "ds": [0, 0, 1, 2, 5], "y": [7.0, 1, 2, 3, 9]}),
        PLAIN,
        for_training=False,
    )
    quantiles = predictor.predict(panel, HORIZON)
    np.testing.assert_allclose(quantiles[0], 7.0, rtol=1e-6)
    assert warnings_of(predictor.task, panel, HORIZON) == (
        "2 series with fewer than 3 known values, whose bands tell nothing: 'a', 'c'.",
    )
