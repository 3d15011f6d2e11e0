"""A forecaster as a subject: what would it have forecast, had its history been otherwise?

A window holds rows as a table has them: the target, then the covariates. What stands at the forecast step itself, the
calendar and the covariates known ahead, stays as it is.

Letters of shapes: `window` windows, `time` steps, `column` columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.panel import Panel
from ensue.errors import DataError
from ensue.inspection.subject import Floats, NetworkSubject, Subject, Whole
from ensue.runtime.predictor import Predictor, ReaderState, during, surroundings
from ensue.tasks.forecasting import Surroundings


class ForecastSubject(Subject):
    """A forecaster's median `ahead` steps after the last row of each window.

    Args:
        predictor: the forecaster.
        panel: the series to draw windows from; series of fewer rows than a window are left out.
        count: how many windows, evenly spread over all places a window fits.
        asked: series and row (how many rows come before) of a window of its own, which then is the first. Read alone it
            begins with all the rows a forecast reads, so that its answer is that forecast.

    A window has as many rows as a forecast reads, unless the series are too short for that. Raises `DataError` where no
    series is long enough to measure anything on.
    """

    first_lag = 1

    def __init__(
        self,
        predictor: Predictor,
        panel: Panel,
        *,
        count: int = 192,
        ahead: int = 1,
        asked: tuple[int, int] | None = None,
    ) -> None:
        self.predictor, self.ahead = predictor, ahead
        self.rows = rows_of_windows(panel, predictor.task.memory, ahead)
        series, ends = spread_windows(panel, self.rows, ahead, count)
        if asked is not None:
            if asked[1] < self.rows:
                raise DataError(
                    f"There are {asked[1]} rows before the forecast that is asked about, expected {self.rows} or more: "
                    "ask about a later one."
                )
            series, ends = np.concatenate([[asked[0]], series]), np.concatenate([[asked[1]], ends])
        self._older = 0 if asked is None else min(predictor.task.memory, asked[1]) - self.rows
        at = (panel.offsets[series] + ends)[:, None]
        index = at + np.arange(-self.rows, 0)  # window x time
        schema = panel.schema
        columns = [panel.y[index][..., None], panel.past[index], panel.future[index]]
        self.windows = np.concatenate(columns, axis=2)  # window x time x column
        self.names = (schema.target, *(each.name for each in (*schema.past, *schema.future)))
        self.targets = panel.y[at[:, 0] + ahead - 1]
        self._block = surroundings(panel, series, index)
        before = at[:1] + np.arange(-self.rows - self._older, -self.rows)
        self._values_before, self._before = panel.y[before], surroundings(panel, series[:1], before)
        hidden = surroundings(panel, series, at + np.arange(ahead))
        self._ahead = hidden._replace(past=np.full_like(hidden.past, np.nan))
        self._unit = _units(self.windows[..., 0], self.targets)
        self.series, self.ends = series, ends

    def start(self, which: Whole) -> ReaderState:
        if not self._older or which.any():
            return self.predictor.start(len(which))
        state = self.predictor.read_on(self._values_before, self._before, self.predictor.start(1), left=self.rows)
        return state.rows(np.zeros(len(which), np.int64))

    def read(self, steps: Floats, place: int, which: Whole, state: ReaderState) -> ReaderState:
        time, past = steps.shape[1], len(self.predictor.task.schema.past)
        block = _of(during(self._block, slice(place, place + time)), which)
        block = block._replace(past=steps[..., 1 : 1 + past], future=steps[..., 1 + past :])
        return self.predictor.read_on(steps[..., 0], block, state, left=self.rows - place - time)

    def branch(self, state: ReaderState, rows: Whole) -> ReaderState:
        return state.rows(rows)

    def borrowed(self, other: Whole, which: Whole) -> Floats:
        """Other windows; those of another series brought to the level and spread of the one they stand in for.

        Otherwise what is measured is that there are large series and small ones.
        """
        windows = self.windows[other]
        foreign = self.series[other] != self.series[which]
        if foreign.any():
            level, spread = self._scales
            other, which = other[foreign], which[foreign]
            unit = (windows[foreign, :, 0] - level[other, None]) / spread[other, None]
            windows[foreign, :, 0] = unit * spread[which, None] + level[which, None]
        return windows

    @cached_property
    def _scales(self) -> tuple[Floats, Floats]:
        """Level and spread of the target in each window, `(window,)`; 0 and 1 where nothing is known."""
        values = np.ma.masked_invalid(self.windows[..., 0])
        level, spread = values.mean(axis=1).filled(0.0), values.std(axis=1).filled(0.0)
        return level, np.where(spread > 0, spread, 1.0)

    def answer(self, which: Whole, state: ReaderState) -> Floats:
        median = self.predictor.task.levels.index(0.5)
        return self.predictor.forecast(_of(self._ahead, which), state)[:, -1, median]

    def losses(self, answers: Floats, which: Whole) -> Floats:
        wrong: Floats = np.abs(answers - self.targets[which]) / self._unit[which]
        return wrong

    def network(self, weights: Mapping[str, NDArray[Any]]) -> NetworkSubject:
        """Its network alone, shown what the front end makes of these windows.

        Each window ends with the forecast step itself, which is lag 0: its inputs hold what the front end hands over, and
        whatever else counts is memory. Answers are in the front end's unit, `(value - center) / spread`.
        """
        task = self.predictor.task
        hidden = np.full((len(self.windows), self.ahead), np.nan)
        values = np.concatenate([self.windows[..., 0], hidden], axis=1)
        block = Surroundings(
            np.concatenate([self._block.times, self._ahead.times], axis=1),
            np.concatenate([self._block.deltas, self._ahead.deltas], axis=1),
            np.concatenate([self._block.past, self._ahead.past], axis=1),
            np.concatenate([self._block.future, self._ahead.future], axis=1),
            self._block.static,
        )
        keep = task.context_length + self.ahead
        reading, features = self.predictor.inputs_of(values, block, keep)
        targets = (self.targets - reading.center[:, -1]) / reading.spread[:, -1]
        shown = np.concatenate([features, reading.anchors], axis=2)  # window x time x column
        if self._older:
            shown[0] = self._shown_when_asked(values[:1], block, shown.shape[1])
        names = (*task.input_names, *(f"{name} (reference)" for name in task.reader.anchor_names))
        return NetworkSubject(task.network(), weights, shown, targets, output=task.levels.index(0.5), names=names)

    def _shown_when_asked(self, values: Floats, block: Surroundings, keep: int) -> Floats:
        """What the network is shown over the end of the window that is asked about, `(time, column)`."""
        whole = Surroundings(
            np.concatenate([self._before.times, block.times[:1]], axis=1),
            np.concatenate([self._before.deltas, block.deltas[:1]], axis=1),
            np.concatenate([self._before.past, block.past[:1]], axis=1),
            np.concatenate([self._before.future, block.future[:1]], axis=1),
            block.static[:1],
        )
        reading, features = self.predictor.inputs_of(np.concatenate([self._values_before, values], axis=1), whole, keep)
        shown: Floats = np.concatenate([features, reading.anchors], axis=2)[0]
        return shown


def rows_of_windows(panel: Panel, memory: int, ahead: int) -> int:
    """As many rows as a forecast reads, but at most half of the longest series, so that there are windows to compare.

    Raises `DataError` where even that is nothing.
    """
    rows = min(memory, int(panel.history.max() - ahead + 1) // 2)
    if rows < 2:
        raise DataError(
            f"The longest series has {int(panel.history.max())} rows, too few to measure how far back a forecast "
            f"{ahead} steps ahead looks: give at least {ahead + 3}."
        )
    return rows


def spread_windows(panel: Panel, rows: int, ahead: int, count: int) -> tuple[Whole, Whole]:
    """Series and end row of windows, evenly spread over all places whose target is known: `(window,)` each."""
    last = panel.history - ahead  # a window may end before this row, so that its target is in the history
    series = np.repeat(np.arange(len(panel)), np.maximum(last - rows + 1, 0))
    first = np.cumsum(np.concatenate([[0], np.maximum(last - rows + 1, 0)]))[:-1]
    ends = np.arange(len(series)) - first[series] + rows
    known = np.isfinite(panel.y[panel.offsets[series] + ends + ahead - 1])
    series, ends = series[known], ends[known]
    if len(series) < 2:
        raise DataError(
            f"There are {len(series)} places with {rows} rows before a known value, expected 2 or more: "
            "give a table with more rows."
        )
    # Steps of the golden ratio through all places: even, also the first few of them, and never in step with a season.
    chosen = (np.arange(min(count, len(series))) * 0.6180339887498949 % 1.0 * len(series)).astype(np.int64)
    chosen = chosen[np.sort(np.unique(chosen, return_index=True)[1])]
    return series[chosen], ends[chosen]


def with_steps_ahead(panel: Panel, ahead: int) -> Panel:
    """The panel with so many steps after each history, whether covariates are known for them or not."""
    lengths = panel.history + ahead
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    beyond = within - np.repeat(panel.history, lengths)  # 0, 1, ... after the history
    known = within < np.repeat(panel.lengths, lengths)
    source = np.where(known, np.repeat(panel.offsets[:-1], lengths) + within, 0)
    times = panel.times[source].copy()
    after = beyond >= 0
    series = np.repeat(np.arange(len(panel)), lengths)
    times[after] = panel.future_times(ahead)[series[after], beyond[after]]
    gone = (after | ~known)[:, None]
    return replace(
        panel,
        offsets=offsets,
        times=times,
        y=np.where(gone[:, 0], np.nan, panel.y[source]),
        past=np.where(gone, np.nan, panel.past[source]),
        future=np.where(known[:, None], panel.future[source], np.nan),
    )


def _of(block: Surroundings, which: Whole) -> Surroundings:
    """Of some windows, some more than once."""
    return Surroundings(*(each[which] for each in block))


def _units(values: Floats, targets: Floats) -> Floats:
    """What errors are measured in: the mean step from one value to the next of each window, `(window,)`."""
    steps = np.abs(np.diff(np.concatenate([values, targets[:, None]], axis=1), axis=1))
    known = np.isfinite(steps)
    mean = np.where(known, steps, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    overall = float(mean[mean > 0].mean()) if (mean > 0).any() else 1.0
    return np.where(mean > 0, mean, overall)
