"""A forecaster that reads as values come: constant cost a step, a state that can be saved, copied and branched.

A stream fed value by value, in blocks of any size, says what it says of the whole; and where it stands after a table, what
`predict` says there. Tests hold them together. A stream forgets nothing of its own accord: fed for long, it remembers more
than `predict`, which reads the last `task.memory` rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensue.data.calendar import calendar_names, keeps_utc
from ensue.data.days import Stamps
from ensue.data.panel import Panel
from ensue.data.rows import show_time
from ensue.data.schema import Schema
from ensue.errors import DataError, ModelFileError, UsageError
from ensue.runtime.predictor import Predictor, ReaderState, check_horizon, spacing
from ensue.tasks.forecasting import Surroundings

Floats = NDArray[np.float64]


class ForecastStream:
    """One series read as it comes; made by `Forecaster.stream()`.

    Args:
        predictor: the trained forecaster.
        static: static covariates of the series, in the order of the schema; unknown where None.
    """

    def __init__(self, predictor: Predictor, static: ArrayLike | None = None) -> None:
        self._predictor = predictor
        columns = len(predictor.task.schema.static)
        given = np.full(columns, np.nan) if static is None else np.asarray(static, dtype=np.float64)
        if given.shape != (columns,):
            raise UsageError(f"static has shape {given.shape}, expected ({columns},), one value a static covariate.")
        self._static = given[None, :]
        self.reset()

    @classmethod
    def after(cls, predictor: Predictor, panel: Panel, series: int) -> ForecastStream:
        """A stream that stands after the history of one series of a panel: it forecasts what `predict` does there."""
        stream = cls(predictor, panel.static[series])
        stream._state = predictor.read(panel, np.array([series]))
        stream._steps = int(panel.history[series])
        stream._last = panel.times[panel.offsets[series] + panel.history[series] - 1]
        return stream

    def reset(self) -> None:
        """Forget everything: the stream is as new."""
        self._state = self._predictor.start(1)
        self._steps = 0
        self._last: np.datetime64 | np.int64 | None = None
        """Stamp of the last step read."""

    @property
    def steps(self) -> int:
        """Steps read since the start or the last reset, missing ones among them."""
        return self._steps

    def update(
        self,
        values: ArrayLike,
        *,
        time: Any = None,
        past: ArrayLike | None = None,
        future: ArrayLike | None = None,
    ) -> Floats:
        """Read one value or several.

        Args:
            values: a number or `(steps,)`; NaN where missing.
            time: stamp of the first of them. Needed once, at the first update, where the model uses the calendar; steps
                left out before a later one are read as missing. Series without a regular frequency need a stamp of
                each value, `(steps,)`, always. A stamp without a time zone is in UTC where the model's table has one.
            past: `(steps, columns)` covariates known only up to now: numbers, or the codes of categories.
            future: `(steps, columns)` covariates known ahead, of the same steps.

        Returns what was expected of each value before it was seen: quantiles `(steps, levels)`. Raises `UsageError` for
        shapes that do not fit and `DataError` for values and stamps that cannot be.
        """
        try:
            given = np.atleast_1d(np.asarray(values, dtype=np.float64))
        except (TypeError, ValueError) as error:
            raise DataError(f"values are {values!r}, expected numbers, NaN where missing.") from error
        if given.ndim != 1 or given.size == 0:
            raise UsageError(f"values have shape {given.shape}, expected a number or a row of numbers.")
        if np.isinf(given).any():
            raise DataError(
                f"value {int(np.argmax(np.isinf(given))) + 1} is infinite, expected a number, or NaN where missing."
            )
        schema = self._predictor.task.schema
        times, deltas, missing = self._clock(len(given), time)
        before = _columns("past", past, len(given), [c.name for c in schema.past])
        beside = _columns("future", future, len(given), [c.name for c in schema.future])
        if missing:
            self._read(np.full(missing, np.nan), times[:missing], np.ones(missing), None, None)
        return self._read(given, times[missing:], deltas, before, beside)

    def forecast(self, horizon: int | None = None, *, future: ArrayLike | None = None) -> Floats:
        """Quantiles of the next `horizon` steps, `(horizon, levels)`; the stream stays where it is.

        Args:
            horizon: steps ahead, that of the model by default; the usual spacing apart.
            future: `(horizon, columns)` covariates known ahead over these steps.

        Raises `UsageError` before any value was read and `DataError` where covariates known ahead are not given.
        """
        task = self._predictor.task
        horizon = task.horizon if horizon is None else check_horizon(horizon)
        if not self._state.causal.count[0]:
            raise UsageError("The stream has read no value yet: give it history with update() before it forecasts.")
        names = [covariate.name for covariate in task.schema.future]
        if names and future is None:
            raise DataError(
                f"The model uses {', '.join(names)}, known ahead, and none was given: pass future= with {horizon} rows."
            )
        times = self._ahead(horizon)
        beside = _columns("future", future, horizon, names)
        unknown = _columns("past", None, horizon, [c.name for c in task.schema.past])
        block = Surroundings(times[None, :], np.ones((1, horizon)), unknown, beside, self._static)
        quantiles: Floats = self._predictor.forecast(block, self._state)[0]
        return quantiles

    @property
    def levels(self) -> tuple[float, ...]:
        """The quantile levels of the columns that `update` and `forecast` return."""
        return self._predictor.task.levels

    @property
    def state(self) -> bytes:
        """Everything the stream remembers, as bytes: save it, set it on another stream of the same model, go on."""
        from safetensors.numpy import save

        arrays = {f"{i:03d}": np.ascontiguousarray(a) for i, a in enumerate([*_walk(self._state), self._static])}
        note = {
            "steps": self._steps,
            "causal": self._state.causal.steps,
            "last": None if self._last is None else int(self._last.astype(np.int64)),
            "model": self._predictor.fingerprint,
        }
        return save(arrays, {"ensue-stream": json.dumps(note)})

    @state.setter
    def state(self, saved: bytes) -> None:
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            length = int.from_bytes(saved[:8], "little")
            note = json.loads(json.loads(saved[8 : 8 + length])["__metadata__"]["ensue-stream"])
            steps, causal, model = int(note["steps"]), int(note["causal"]), str(note["model"])
            last = None if note["last"] is None else np.int64(note["last"])
            arrays = [array for _, array in sorted(load(saved).items())]
        except (SafetensorError, KeyError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise ModelFileError(
                "These bytes are not the state of a stream: give what `stream.state` returned."
            ) from error
        empty = [*_walk(self._predictor.start(1)), self._static]
        fits = [(a.shape, a.dtype) for a in arrays] == [(a.shape, a.dtype) for a in empty]
        if not fits or model != self._predictor.fingerprint:
            raise ModelFileError(
                "This state belongs to a stream of another model: restore it on the model it came from."
            )
        self._static = arrays.pop()
        restored = _filled(self._predictor.start(1), iter(arrays))
        self._state = replace(restored, causal=replace(restored.causal, steps=causal))
        self._steps = steps
        stamps = self._predictor.task.schema.frequency.has_stamps
        self._last = last.astype("datetime64[us]") if last is not None and stamps else last

    def copy(self) -> ForecastStream:
        """A second stream from here on: read a scenario on the copy, and this one stays where it is."""
        other = ForecastStream(self._predictor)
        other.__dict__.update(self.__dict__)
        return other

    def _read(
        self, values: Floats, times: Stamps, deltas: Floats, past: Floats | None, future: Floats | None
    ) -> Floats:
        """Read values at stamps that are known to follow: quantiles `(steps, levels)`."""
        schema = self._predictor.task.schema
        steps = len(values)
        block = Surroundings(
            times[None, :],
            deltas[None, :],
            np.full((1, steps, len(schema.past)), np.nan) if past is None else past,
            np.full((1, steps, len(schema.future)), np.nan) if future is None else future,
            self._static,
        )
        expected, self._state = self._predictor.advance(values[None, :], block, self._state)
        if times.dtype.kind == "M" or not schema.frequency.has_stamps:
            self._last = times[-1]
        self._steps += steps
        quantiles: Floats = expected[0]
        return quantiles

    @property
    def _needs_clock(self) -> bool:
        """Whether the network is shown the calendar."""
        return bool(calendar_names(self._predictor.task.schema.frequency))

    def _ahead(self, steps: int) -> Stamps:
        """Stamps of the next steps, the usual spacing apart; without a clock, where none is needed, positions from 0."""
        frequency = self._predictor.task.schema.frequency
        if self._last is not None:
            return frequency.advance(np.full(steps, self._last), np.arange(1, steps + 1))
        if self._needs_clock or not frequency.is_regular:
            raise UsageError(
                "The model uses the calendar and the stream has no clock yet: give the first update time=, "
                "the stamp of its first value."
            )
        return np.arange(steps) * frequency.step

    def _clock(self, steps: int, time: Any) -> tuple[Stamps, Floats, int]:
        """Stamps of the steps left out and of those given, the spacing of those given, and how many were left out."""
        schema = self._predictor.task.schema
        frequency = schema.frequency
        if not frequency.is_regular:
            return *self._irregular(steps, time), 0
        if time is None:
            return self._ahead(steps), np.ones(steps), 0
        first = _stamps(time, schema)
        if first.shape != ():
            raise UsageError(f"time has shape {first.shape}, expected the one stamp of the first value.")
        if self._last is None:
            return frequency.advance(np.full(steps, first), np.arange(steps)), np.ones(steps), 0
        missing = int(frequency.position(first[None], np.asarray(self._last))[0]) - 1
        if missing < 0:
            raise DataError(
                f"The value at {show_time(first)} comes after one at {show_time(self._last)}, expected a later time: "
                "give values in the order of time, or reset the stream."
            )
        return self._ahead(missing + steps), np.ones(steps), missing

    def _irregular(self, steps: int, time: Any) -> tuple[Stamps, Floats]:
        """Stamps and spacing where every value has its own time."""
        schema = self._predictor.task.schema
        if time is None:
            raise UsageError("The series has no regular frequency: give every update time=, a stamp of each value.")
        times = np.atleast_1d(_stamps(time, schema))
        if times.shape != (steps,):
            raise UsageError(f"time has shape {times.shape}, expected ({steps},), a stamp of each value.")
        before = times[0] if self._last is None else self._last
        deltas = spacing(times[None, :], np.atleast_1d(before), schema.frequency)[0]
        if self._last is None:
            deltas[0] = 1.0
        if (deltas <= 0).any():
            row = int(np.argmax(deltas <= 0))
            raise DataError(
                f"The value at {show_time(times[row])} comes after one at "
                f"{show_time(times[row - 1] if row else before)}, expected a later time: "
                "give values in the order of time, or reset the stream."
            )
        return times, deltas


def _stamps(time: Any, schema: Schema) -> Stamps:
    """One stamp or several, as the model's panel has them: `datetime64[us]`, or whole numbers for positions."""
    if isinstance(time, str) or not isinstance(time, (Sequence, np.ndarray)):
        return np.asarray(_stamp(time, schema))
    if isinstance(time, np.ndarray) and time.ndim == 0:
        return np.asarray(_stamp(time[()], schema))
    return np.array([_stamp(each, schema) for each in time])


def _stamp(time: Any, schema: Schema) -> np.datetime64 | np.int64:
    expected = "a date or time" if schema.frequency.has_stamps else "a whole number"
    try:
        if not schema.frequency.has_stamps:
            if isinstance(time, bool) or int(time) != time:
                raise ValueError
            return np.int64(time)
        if isinstance(time, (int, float, np.number)):
            raise TypeError
        if isinstance(time, str):
            time = datetime.fromisoformat(time)
        if isinstance(time, datetime) and time.tzinfo is not None:
            zone = UTC if schema.time_zone is None or keeps_utc(schema.frequency) else ZoneInfo(schema.time_zone)
            time = time.astimezone(zone).replace(tzinfo=None)
        stamp = np.datetime64(time, "us")
    except (TypeError, ValueError) as error:
        raise UsageError(f"time is {time!r}, expected {expected}: give the stamp of the value.") from error
    if np.isnat(stamp):
        raise UsageError(f"time is {time!r}, expected {expected}: give the stamp of the value.")
    return stamp


def _columns(role: str, given: ArrayLike | None, steps: int, names: Sequence[str]) -> Floats:
    """Covariates of a block as `(1, steps, columns)`; NaN where none were given."""
    if given is None:
        return np.full((1, steps, len(names)), np.nan)
    values = np.asarray(given, dtype=np.float64)
    values = values.reshape(steps, -1) if values.size == steps * len(names) else values
    if values.shape != (steps, len(names)):
        raise UsageError(
            f"{role} has shape {values.shape}, expected ({steps}, {len(names)}): a row a step, with columns "
            f"{', '.join(names) or 'none'}."
        )
    if np.isinf(values).any():
        raise DataError(f"{role} holds an infinite number, expected a number, or NaN where missing.")
    return values[None]


def _walk(state: Any) -> Iterator[NDArray[Any]]:
    """Every array of a nested state, in a fixed order."""
    if isinstance(state, np.ndarray):
        yield state
    elif isinstance(state, tuple):
        for each in state:
            yield from _walk(each)
    elif is_dataclass(state):
        for each in fields(state):
            yield from _walk(getattr(state, each.name))


def _filled(like: Any, arrays: Iterator[NDArray[Any]]) -> Any:
    """A state of the same structure with other arrays."""
    if isinstance(like, np.ndarray):
        return next(arrays)
    if isinstance(like, tuple):
        filled = [_filled(each, arrays) for each in like]
        return type(like)(*filled) if hasattr(like, "_fields") else tuple(filled)
    if is_dataclass(like) and not isinstance(like, type):
        changed = {each.name: _filled(getattr(like, each.name), arrays) for each in fields(like)}
        return replace(like, **changed)
    return like


__all__ = ["ForecastStream", "ReaderState"]
