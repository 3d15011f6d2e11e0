"""Backtests of a forecaster: train on what lies before the first origin, forecast at each, score beside baselines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ensue import baselines
from ensue.config import QUANTILES
from ensue.data.panel import Panel
from ensue.data.roles import none_negative
from ensue.data.rows import show_time
from ensue.data.seasons import confirm_seasons, find_seasons
from ensue.errors import DataError, UsageError
from ensue.evaluation import Backtest, cutoffs, forecast_table, histories, score_forecasts, training_scales
from ensue.reports import Progress
from ensue.runtime.frames import band_columns, in_own_zone
from ensue.tasks.forecasting import levels_between

if TYPE_CHECKING:
    from ensue.estimators import Forecaster
    from ensue.pretrained import Pretrained
    from ensue.runtime.predictor import Predictor


WINDOWS = 8
"""Where none are asked for; a forecaster that has learned from no table takes fewer of a short one."""


class _Scene(NamedTuple):
    """Who forecasts which series, in how many windows, and what was found on the way."""

    predictor: Predictor
    panel: Panel
    windows: int
    findings: tuple[str, ...]


def backtest(
    forecaster: Forecaster,
    df: Any,
    windows: int | None,
    levels: tuple[float, ...],
    rivals: tuple[str, ...],
    refit: bool,
    progress: Callable[[Progress], None] | None,
) -> Backtest:
    """See `Forecaster.backtest`."""
    if windows is not None and windows < 1:
        raise UsageError(f"windows is {windows}, expected 1 or more: give --windows 8, for example.")
    baselines.check_names(rivals)
    untrained = forecaster._untrained
    wanted = levels_between(QUANTILES if refit and untrained is None else forecaster.levels, levels)
    if untrained is None:
        scene = _trained(forecaster, df, windows or WINDOWS, refit, progress)
    else:
        scene = _as_it_comes(forecaster, untrained, df, windows)
    predictor, panel, windows, findings = scene
    horizon = predictor.task.horizon
    task = predictor.task
    quantiles = predictor.backtest(panel, horizon, windows, step=horizon)
    blocks = quantiles.reshape(-1, horizon, len(task.levels))  # series*windows x horizon x level
    origins = cutoffs(panel, horizon, windows)
    past = histories(panel, origins)
    columns = band_columns(blocks, task.levels, wanted)
    columns |= baselines.forecast_panel(past, task.season, horizon, levels)
    notes: tuple[str, ...] = ()
    if rivals:
        more, notes = baselines.statistical(past, rivals, horizon=horizon, season=task.season, levels=levels)
        columns |= more
    table = forecast_table(panel, origins, horizon, columns)
    for name in ("ds", "cutoff"):
        table = in_own_zone(table, name, panel.schema)
    scored = score_forecasts(table, training_scales(panel, origins, task.season), season=task.season)
    return replace(scored, findings=(*findings, *scored.findings, *notes))


def _trained(
    forecaster: Forecaster, df: Any, windows: int, refit: bool, progress: Callable[[Progress], None] | None
) -> _Scene:
    """A forecaster that learns from tables: trained on what lies before the windows, or as it is."""
    panel, findings = forecaster._panel_to_score(df, refit)
    horizon = forecaster._train.horizon if refit else forecaster._fitted().task.horizon
    panel, left_out = _long_enough(panel, horizon, windows, refit)
    if refit:
        known = _before(panel, windows * horizon, forecaster._data.season is None)
        forecaster = forecaster._refitted(known, progress)
    else:
        _refuse_seen(forecaster, panel, horizon, windows)
    return _Scene(forecaster._fitted(), panel, windows, (*findings, *left_out))


def _as_it_comes(forecaster: Forecaster, untrained: Pretrained, df: Any, windows: int | None) -> _Scene:
    """One that has learned from no table, so that there is nothing to train anew and nothing it has seen."""
    predictor, panel = forecaster._ready(df)
    findings, horizon = panel.findings, predictor.task.horizon
    if windows is None:
        windows = int(np.clip(np.median(panel.history) // 2 // horizon, 1, WINDOWS))
        if windows < WINDOWS:
            counted = "1 window" if windows == 1 else f"{windows} windows"
            findings = (
                *findings,
                f"{counted} of {horizon} steps, as half of the history has room for, unless asked for more.",
            )
    panel, left_out = _long_enough(panel, horizon, windows, refit=False)
    known = _before(panel, windows * horizon, forecaster._data.season is None)
    predictor, known, _ = untrained.reading(known, horizon)
    return _Scene(predictor, replace(panel, schema=known.schema), windows, (*findings, *left_out))


def _before(panel: Panel, rows: int, look_for_seasons: bool) -> Panel:
    """The panel as it was, and what could be said of its target then: its sign, and seasons found in the numbers."""
    past = panel.cut(rows)
    schema = replace(past.schema, nonnegative=none_negative(past.y, past.offsets))
    if look_for_seasons and not schema.frequency.has_stamps:
        ends = past.offsets[:-1] + past.history
        series = [past.y[first:end] for first, end in zip(past.offsets, ends, strict=False)]
        schema = replace(schema, seasons=find_seasons(series))
    elif look_for_seasons:
        schema = replace(schema, seasons=confirm_seasons(past.history, schema.seasons))
    return replace(past, schema=schema)


def _long_enough(panel: Panel, horizon: int, windows: int, refit: bool) -> tuple[Panel, tuple[str, ...]]:
    """The series that reach over all windows with something before them, and a word on the others."""
    before = 2 * horizon + 4 if refit else 2
    needed = windows * horizon + before
    able = np.flatnonzero(panel.history >= needed)
    if able.size == 0:
        longest = int(np.argmax(panel.history))
        raise DataError(
            f"The longest series '{panel.ids[longest]}' has {panel.history[longest]} rows, and {windows} windows of "
            f"{horizon} steps need {needed}: give fewer windows or more history."
        )
    if able.size == len(panel):
        return panel, ()
    short = [name for name, rows in zip(panel.ids, panel.history, strict=True) if rows < needed]
    more = f" and {len(short) - 5} more" if len(short) > 5 else ""
    names = ", ".join(f"'{name}'" for name in short[:5])
    return panel.select(able), (f"{len(short)} series shorter than {needed} rows left out: {names}{more}.",)


def _refuse_seen(forecaster: Forecaster, panel: Panel, horizon: int, windows: int) -> None:
    """Raise `UsageError` where a window holds values that the network was trained on."""
    for name, offset, history in zip(panel.ids, panel.offsets, panel.history, strict=False):
        first = panel.times[offset + history - windows * horizon]
        end = forecaster._ends.get(name)
        if end is not None and first <= end:
            raise UsageError(
                f"The model was trained on series '{name}' up to {show_time(end)}, and the first window begins at "
                f"{show_time(first)}: "
                "its score would be of values it has seen; backtest with refit, or on later rows."
            )
