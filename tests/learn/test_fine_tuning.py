"""Going on from a network that reads every table: it begins as it was, new inputs at zero, and keeps what was better."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ensue.config import TrainOptions
from ensue.data.frequency import Frequency
from ensue.data.panel import Panel
from ensue.data.schema import Covariate, Schema
from ensue.learn.fine_tuning import SHORTEST_CONTEXT, fine_tuned, reads_every_table, settled, widened
from ensue.learn.forecasting import Fitted, fit
from ensue.network import EmbedColumns
from ensue.reports import Progress
from ensue.runtime.engine import Engine
from ensue.runtime.predictor import Predictor
from ensue.tasks.forecasting import ForecastingTask, Sizes, design

ROLES: dict[str, dict[str, Any]] = {
    "alone": {},
    "numbers": {"future": (Covariate("price"),), "static": (Covariate("size"),)},
    "categories": {"past": (Covariate("sky", ("clear", "rain")),), "future": (Covariate("price"),)},
}
BEFORE = ForecastingTask(Schema(None, None, "y"), 8, 48, Sizes(8, 2), widths=(1.2,) * 13, slots=2, alone=True)
OPTIONS = TrainOptions(horizon=4, steps=20, batch_size=4, threads=1, device="cpu", learning_rate=0.01)


def weights_of(task: ForecastingTask, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    shapes = task.network().parameters().items()
    return {name: random.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes}


def make_panel(roles: str = "alone", rows: int = 90, series: int = 3, seasons: tuple[int, ...] = (4,)) -> Panel:
    schema = Schema("id", "ds", "y", seasons=seasons, **ROLES[roles])
    random = np.random.default_rng(0)
    total = rows * series
    past, future, static = (
        random.integers(0, 3, (count, len(each))).astype(float)
        for count, each in ((total, schema.past), (total, schema.future), (series, schema.static))
    )
    y = np.sin(np.arange(total) * np.pi / 2) + 0.3 * random.normal(size=total)
    ids = tuple(f"s{i}" for i in range(series))
    offsets = np.arange(series + 1) * rows
    return Panel(schema, ids, offsets, np.full(series, rows), np.tile(np.arange(rows), series), y, past, future, static)


def tuned_task(panel: Panel) -> ForecastingTask:
    return fine_tuned(design(panel, 4, Sizes(99, 9)), BEFORE, panel)


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in {*one, *other})


@pytest.mark.parametrize("roles", ROLES)
def test_it_begins_as_it_was(roles: str) -> None:
    """Whatever stands beside the target, the answers are those of the network that was shown the target alone."""
    panel = make_panel(roles)
    task, weights = tuned_task(panel), weights_of(BEFORE)
    assert (task.sizes, task.slots, task.alone, task.levels) == (BEFORE.sizes, 2, roles == "alone", BEFORE.levels)
    wide = widened(weights, BEFORE, task)
    assert {name: each.shape for name, each in wide.items()} == task.network().parameters()
    bare = replace(panel, schema=replace(panel.schema, past=(), future=(), static=()))
    bare = replace(bare, past=bare.past[:, :0], future=bare.future[:, :0], static=bare.static[:, :0])
    alone = replace(BEFORE, schema=bare.schema, context_length=task.context_length, horizon=4)
    one, other = (
        Predictor(each, (Engine(each.network(), given),)).backtest(known, 4, 2, step=4)
        for each, given, known in ((task, wide, panel), (alone, weights, bare))
    )
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_categories_are_embedded_before_all_other_layers() -> None:
    task = tuned_task(make_panel("categories"))
    assert isinstance(task.network().layers[0], EmbedColumns)
    weights = weights_of(BEFORE)
    wide = widened(weights, BEFORE, task)
    inputs = BEFORE.reader.feature_count
    np.testing.assert_array_equal(wide["layers.1.weight"][:, :inputs], weights["layers.0.weight"])
    assert not wide["layers.1.weight"][:, inputs:].any()
    assert wide["layers.0.embeddings.0.weight"].any()  # or no gradient would ever reach the columns behind it
    assert same(wide, widened(weights, BEFORE, task))


def test_seasons_beyond_the_slots_are_left_out() -> None:
    assert tuned_task(make_panel(seasons=(4, 12, 30))).schema.seasons == (4, 12)


def test_a_table_shorter_than_the_context_is_read_whole() -> None:
    assert tuned_task(make_panel(rows=300)).context_length == 48
    assert tuned_task(make_panel(rows=40)).context_length == 36
    assert tuned_task(make_panel(rows=12)).context_length == SHORTEST_CONTEXT


def test_a_fine_tuned_network_reads_one_table_only_where_it_was_shown_more() -> None:
    assert reads_every_table(BEFORE)
    assert not reads_every_table(replace(BEFORE, alone=False))
    assert not reads_every_table(replace(BEFORE, slots=None))


def tune(panel: Panel, **how: Any) -> Fitted:
    more = {name: how.pop(name) for name in ("checkpoint", "resume", "progress") if name in how}
    return fit(panel, replace(OPTIONS, **how), start_from=(BEFORE, (weights_of(BEFORE),)), **more)


@pytest.mark.parametrize("roles", ROLES)
def test_what_it_was_is_the_first_candidate(roles: str) -> None:
    panel = make_panel(roles)
    fitted = tune(panel)
    (report,) = fitted.reports
    assert report.curve[0][0] == 0 and np.isnan(report.curve[0][1])
    assert report.validation == min(score for _, _, score in report.curve)
    first = tune(panel, steps=1, learning_rate=1e-6).reports[0]
    assert first.curve[0][2] == report.curve[0][2]


def test_where_no_step_is_better_all_of_it_stays_the_width_of_its_bands_too() -> None:
    kept = tune(make_panel(), learning_rate=0.9, steps=10)
    assert kept.reports[0].best_step == 0
    assert same(kept.weights[0], weights_of(BEFORE))
    assert kept.task.widths == BEFORE.widths


def test_a_run_that_was_interrupted_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.step == 13:
            raise KeyboardInterrupt

    panel = make_panel("numbers")
    whole = tune(panel)
    file = tmp_path / "checkpoint"
    assert tune(panel, checkpoint=file, progress=stop).reports[0].stopped == "interrupted"
    again = tune(panel, checkpoint=file, resume=True)
    assert same(whole.weights[0], again.weights[0]) and whole.task == again.task
    assert [step for step, _, _ in again.reports[0].curve] == [step for step, _, _ in whole.reports[0].curve]


def test_interrupted_before_the_first_step_it_is_what_it_was(tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    kept = tune(make_panel(), progress=stop)
    assert kept.reports[0].best_step == 0 and same(kept.weights[0], weights_of(BEFORE))


def test_members_of_an_ensemble_each_begin_with_it() -> None:
    fitted = tune(make_panel(), ensemble=2)
    assert len(fitted.weights) == 2
    assert fitted.reports[0].curve[0] == pytest.approx(fitted.reports[1].curve[0], nan_ok=True)


def test_a_network_of_one_table_is_not_scored_before_its_first_step() -> None:
    assert fit(make_panel(), OPTIONS).reports[0].curve[0][0] > 0


def test_the_calendar_joins_where_there_are_stamps() -> None:
    panel = make_panel()
    dated = replace(
        panel,
        schema=replace(panel.schema, frequency=Frequency("day")),
        times=np.datetime64("2024-01-01", "us") + panel.times * np.timedelta64(1, "D"),
    )
    assert not tuned_task(dated).alone and tuned_task(panel).alone
    assert tune(dated).reports[0].curve[0][2] == pytest.approx(tune(panel).reports[0].curve[0][2], rel=1e-5)


def test_bands_are_half_way_between_what_the_table_and_what_many_sequences_say() -> None:
    calibrated = settled(replace(BEFORE, widths=(0.3,) * 13), BEFORE)
    np.testing.assert_allclose(calibrated.widths, 0.6)
    learned = tune(make_panel())
    assert learned.reports[0].best_step > 0
    ratio = np.array(learned.task.widths) ** 2 / 1.2  # what the windows set aside alone would say
    assert (ratio > 0.2).all() and (ratio < 4.1).all() and learned.task.widths != BEFORE.widths
