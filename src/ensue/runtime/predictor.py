"""Forecasts from a trained network without PyTorch: many series side by side.

A forecaster reads history step by step and keeps a state. To forecast it reads on with its eyes closed, from a copy of
that state, which stays where it is.

Letters: `batch` series side by side, `time` steps, `level` quantile levels, `windows` origins.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.causal import CausalState, Reading
from ensue.data.frequency import Frequency
from ensue.data.panel import Panel
from ensue.errors import DataError, UsageError
from ensue.runtime.engine import Executor
from ensue.tasks.forecasting import ForecastingTask, Surroundings

if TYPE_CHECKING:
    from ensue.runtime.native_forecaster import NativeForecaster
    from ensue.runtime.stream_state import Records

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

GROUP = 256
"""Series read side by side."""
FEW = 3
"""Known values without which nothing can be said of a series' spread."""


@dataclass(frozen=True)
class ReaderState:
    """Everything carried from step to step: the front end's memory, each network's, and the last past covariates."""

    causal: CausalState
    networks: tuple[tuple[NDArray[Any], ...], ...]
    past: Floats  # batch column

    def rows(self, index: Whole) -> ReaderState:
        """The state of some series, some of them perhaps more than once."""
        networks = tuple(tuple(each[:, index] for each in network) for network in self.networks)
        return ReaderState(self.causal.rows(index), networks, self.past[index])


@dataclass(frozen=True)
class Predictor:
    """A trained forecaster ready to read: the task, and one engine for each network of the ensemble."""

    task: ForecastingTask
    engines: tuple[Executor, ...]

    @cached_property
    def fingerprint(self) -> str:
        """Tells whether a saved state belongs to this model."""
        parts = [json.dumps(self.task.to_json(), sort_keys=True), *(engine.digest for engine in self.engines)]
        return hashlib.sha256("".join(parts).encode()).hexdigest()[:32]

    @cached_property
    def records(self) -> Records:
        """How a stream of this forecaster is remembered."""
        from ensue.runtime.stream_state import Records

        return Records(self)

    @cached_property
    def native(self) -> NativeForecaster | None:
        """The same forecaster in the native core, for streams; None where its engines are not native."""
        from ensue.runtime.native_forecaster import native_forecaster

        return native_forecaster(self)

    def __getstate__(self) -> dict[str, Any]:
        """A copy works out anew what follows from the task and the engines."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def start(self, batch: int) -> ReaderState:
        """The state before anything was read."""
        networks = tuple(tuple(engine.initial_state(batch)) for engine in self.engines)
        past = np.full((batch, len(self.task.schema.past)), np.nan)
        return ReaderState(self.task.reader.start(batch), networks, past)

    def advance(
        self, values: Floats, block: Surroundings, state: ReaderState, hush: bool = False
    ) -> tuple[Floats, ReaderState]:
        """Read a block; what was expected of each of its values before it was seen.

        Args:
            values: `(batch, time)`, NaN where missing, hidden or still to come.
            block: stamps and covariates of the same steps.
            hush: answer NaN until enough values were seen for a spread to mean anything.

        Returns quantiles `(batch, time, level)` in the data's units, and the state after the block.
        """
        reading, features, causal = self.see(values, block, state)
        total: Floats = np.zeros((*values.shape, len(self.task.levels)))
        networks = []
        for engine, before in zip(self.engines, state.networks, strict=True):
            normalised, after = engine.forward(features, reading.anchors, list(before))
            networks.append(tuple(after))
            total += normalised
        quantiles = self.task.answer(total / len(self.engines), reading.center, reading.spread)
        if hush:
            quantiles[~reading.ready] = np.nan
        return quantiles, ReaderState(causal, tuple(networks), block.past[:, -1])

    def see(self, values: Floats, block: Surroundings, state: ReaderState) -> tuple[Reading, Floats, CausalState]:
        """A block as the networks see it: its reading, their inputs `(batch, time, features)`, the front end's state."""
        seen = np.isfinite(values)
        reading, causal = self.task.reader.read(np.where(seen, values, 0.0), seen, state.causal)
        earlier = np.concatenate([state.past[:, None], block.past[:, :-1]], axis=1)  # batch x time x column
        beside = self.task.beside(block, earlier, np.ones(values.shape, dtype=bool))
        return reading, np.concatenate([reading.features, beside], axis=-1), causal

    def listen(self, values: Floats, block: Surroundings, state: ReaderState) -> ReaderState:
        """Read a block without answering: the state alone."""
        reading, features, causal = self.see(values, block, state)
        networks = tuple(
            tuple(engine.forward(features, reading.anchors, list(before), outputs=False)[1])
            for engine, before in zip(self.engines, state.networks, strict=True)
        )
        return ReaderState(causal, networks, block.past[:, -1])

    def forecast(self, block: Surroundings, state: ReaderState) -> Floats:
        """Read on with closed eyes over the steps of the block: `(batch, time, level)`; the state stays as it was."""
        hidden = np.full(block.deltas.shape, np.nan)
        return self.advance(hidden, block._replace(past=np.full_like(block.past, np.nan)), state)[0]

    def read_on(self, values: Floats, block: Surroundings, state: ReaderState, left: int = 0) -> ReaderState:
        """The state after a block, of which and of the `left` rows still to come the networks read the context alone."""
        warm = min(max(values.shape[1] + left - self.task.context_length, 0), values.shape[1])
        if warm:
            state = self._remember(values[:, :warm], during(block, slice(0, warm)), state)
        if warm == values.shape[1]:
            return state
        return self.listen(values[:, warm:], during(block, slice(warm, None)), state)

    def inputs_of(self, values: Floats, block: Surroundings, keep: int) -> tuple[Reading, Floats]:
        """What the networks are shown over the last `keep` steps of a block read from nothing.

        Returns the reading of these steps, and the networks' inputs `(batch, time, features)`.
        """
        warm = max(values.shape[1] - keep, 0)
        state = self.start(len(values))
        if warm:
            state = self._remember(values[:, :warm], during(block, slice(0, warm)), state)
        return self.see(values[:, warm:], during(block, slice(warm, None)), state)[:2]

    def predict(self, panel: Panel, horizon: int) -> Floats:
        """Quantiles of the steps after each series' history: `(series, horizon, level)`.

        Raises `DataError` where covariates known ahead stop before the horizon.
        """
        check_future(panel, check_horizon(horizon))
        result = np.empty((len(panel), horizon, len(self.task.levels)))
        for group in series_of_like_length(panel.history):
            state = self.read(panel, group)
            result[group] = self.forecast(after_history(panel, group, horizon), state)
        return result

    def backtest(self, panel: Panel, horizon: int, windows: int, step: int) -> Floats:
        """Quantiles from the last `windows` origins, `step` apart, oldest first: `(series, windows, horizon, level)`.

        At each origin the history is read as `predict` reads it, so that what is scored is what a user gets.
        """
        result = np.empty((len(panel), windows, horizon, len(self.task.levels)))
        for group in series_of_like_length(panel.history):
            for window in range(windows):
                back = horizon + (windows - 1 - window) * step
                rows = (panel.offsets[group] + panel.history[group] - back)[:, None]
                block = surroundings(panel, group, rows + np.arange(horizon))
                result[group, window] = self.forecast(block, self.read(panel, group, back))
        return result

    def read(self, panel: Panel, group: Whole, leave: Whole | int = 0) -> ReaderState:
        """The state of a group of series after their history, but for the last `leave` rows of each.

        As in training, the front end reads `task.memory` rows and the networks the last `task.context_length` of them.
        """
        ends = panel.history[group] - leave
        rows = min(self.task.memory, int(ends.max()))
        begins = np.maximum(rows - ends, 0)
        warm = max(rows - self.task.context_length, 0)
        state = self.start(len(group))
        # Shorter series join where they begin: until then their memory is kept empty.
        joins = np.unique(np.maximum(begins, warm))
        for first, after in pairwise([0, *joins[joins > 0], rows]):
            index = np.arange(first, after)
            at = panel.offsets[group][:, None] + np.maximum((ends - rows)[:, None] + index, 0)
            values = np.where(index >= begins[:, None], panel.y[at], np.nan)
            block = surroundings(panel, group, at)
            if first < warm:
                state = self._remember(values, block, state)
            else:
                state = self.listen(values, block, _emptied(state, begins == first))
        return state

    def _remember(self, values: Floats, block: Surroundings, state: ReaderState) -> ReaderState:
        """Read a block with the front end alone."""
        seen = np.isfinite(values)
        _, causal = self.task.reader.read(np.where(seen, values, 0.0), seen, state.causal, keep=0)
        return replace(state, causal=causal, past=block.past[:, -1])


def both_ways(predictor: Predictor, panel: Panel, horizon: int) -> Floats:
    """The mean of a forecast and of the one of the values upside down, turned back: `(series, horizon, level)`.

    Whatever the network has learned of one direction alone cancels out, as in the forecaster Reverso (2026).
    """
    task = predictor.task
    free = replace(predictor, task=replace(task, schema=replace(task.schema, nonnegative=False)))
    upside_down = replace(panel, y=-panel.y)
    # Level 0.1 of the values upside down is level 0.9 of them; the levels are symmetric.
    mean: Floats = (free.predict(panel, horizon) - free.predict(upside_down, horizon)[..., ::-1]) / 2
    return np.maximum(mean, 0.0) if task.schema.nonnegative else mean


def surroundings(panel: Panel, series: Whole, rows: Whole) -> Surroundings:
    """What stands beside the values at rows of the panel: `rows` is `(batch, time)`."""
    deltas = np.ones(rows.shape) if panel.schema.frequency.is_regular else panel.deltas()[rows]
    return Surroundings(panel.times[rows], deltas, panel.past[rows], panel.future[rows], panel.static[series])


def during(block: Surroundings, steps: slice) -> Surroundings:
    """What stands beside some of a block's steps."""
    times, deltas, past, future, static = block
    return Surroundings(times[:, steps], deltas[:, steps], past[:, steps], future[:, steps], static)


def after_history(panel: Panel, series: Whole, horizon: int) -> Surroundings:
    """What stands beside the horizon after each series' history."""
    batch = len(series)
    future = np.full((batch, horizon, panel.future.shape[1]), np.nan)
    if future.shape[2]:
        rows = (panel.offsets[series] + panel.history[series])[:, None] + np.arange(horizon)
        future = panel.future[rows]
    past = np.full((batch, horizon, panel.past.shape[1]), np.nan)
    times = panel.select(series).future_times(horizon)
    last = panel.times[panel.offsets[series] + panel.history[series] - 1]
    return Surroundings(times, spacing(times, last, panel.schema.frequency), past, future, panel.static[series])


def spacing(times: NDArray[Any], before: NDArray[Any], frequency: Frequency) -> Floats:
    """Time since the step before, in steps: `(batch, time)` for stamps `(batch, time)` that follow those `before`."""
    if frequency.is_regular:
        return np.ones(times.shape)
    apart = np.diff(np.concatenate([before[:, None], times], axis=1).astype(np.int64), axis=1)
    return np.asarray(apart / frequency.count)


def check_horizon(horizon: int) -> int:
    """The horizon itself. Raises `UsageError` where it is no number of steps."""
    if isinstance(horizon, bool) or not isinstance(horizon, (int, np.integer)) or horizon < 1:
        raise UsageError(f"horizon is {horizon!r}, expected 1 or more steps: give --horizon 30, for example.")
    return int(horizon)


def check_future(panel: Panel, horizon: int) -> None:
    """Raise `DataError` unless the covariates known ahead reach over the horizon of every series."""
    names = [covariate.name for covariate in panel.schema.future]
    if not names:
        return
    rows = panel.future_rows()
    worst = int(np.argmin(rows))
    if rows[worst] < horizon:
        given = "no future rows" if rows[worst] == 0 else f"only {rows[worst]} future rows"
        raise DataError(
            f"Series '{panel.ids[worst]}' has {given} of {_listed(names)}, and a horizon of {horizon} steps needs "
            f"{horizon}: add rows with an empty target, or give them with --future-data."
        )


def warnings_of(task: ForecastingTask, panel: Panel, horizon: int) -> tuple[str, ...]:
    """What to know of a forecast before it is trusted, as sentences."""
    said = []
    if horizon > task.horizon:
        said.append(
            f"{horizon} steps are asked of a model trained for {task.horizon}: "
            f"its bands are calibrated up to step {task.horizon} only."
        )
    if task.schema.nonnegative and (panel.y < 0).any():
        said.append(
            "There are values below zero, and the model was trained on a target that never was: it forecasts none. "
            "Train on a table that holds some."
        )
    # Only what a forecast reads counts: a series silent for years has no spread that anybody would see.
    ends = panel.offsets[:-1] + panel.history
    seen = np.concatenate([[0], np.cumsum(np.isfinite(panel.y))])
    known = seen[ends] - seen[np.maximum(ends - task.memory, panel.offsets[:-1])]
    few = [name for name, count in zip(panel.ids, known, strict=True) if count < FEW]
    if few:
        more = f" and {len(few) - 5} more" if len(few) > 5 else ""
        said.append(
            f"{len(few):,} series with fewer than {FEW} known values, whose bands tell nothing: "
            f"{_listed(few[:5])}{more}."
        )
    return tuple(said)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def series_of_like_length(lengths: Whole) -> Iterator[Whole]:
    """Series of like length side by side."""
    order = np.argsort(lengths, kind="stable")
    for first in range(0, len(order), GROUP):
        yield order[first : first + GROUP]


def _emptied(state: ReaderState, rows: NDArray[np.bool_]) -> ReaderState:
    """The state with the networks' memory of some rows set back to nothing."""
    if not rows.any() or state.causal.steps == 0:
        return state
    networks = tuple(
        tuple(np.where(rows[None, :, None], np.zeros((), each.dtype), each) for each in network)
        for network in state.networks
    )
    return replace(state, networks=networks, past=np.where(rows[:, None], np.nan, state.past))
