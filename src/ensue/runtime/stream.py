"""A forecaster that reads as values come: constant cost a step, a state that can be saved, copied and branched.

A stream fed value by value, in blocks of any size, says what it says of the whole; and where it stands after a table, what
`predict` says there. Tests hold them together. A stream forgets nothing of its own accord: fed for long, it remembers more
than `predict`, which reads the last `task.memory` rows.

Where the native core is there it does the work, in microseconds a step; else NumPy does. Both keep the same state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensue.data.panel import Panel
from ensue.errors import DataError, ModelFileError, UsageError
from ensue.runtime.predictor import Predictor, check_horizon
from ensue.runtime.stream_clock import Clocks, Timing, check_clocks, irregular, no_timing, regular
from ensue.runtime.stream_input import check_finite, covariates, numbers, stamps_of, statics
from ensue.runtime.stream_reader import Beside, Reader, make_reader, read_on
from ensue.runtime.stream_state import HAS_LAST, KNOWN, LAST, STEPS, load, save

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


class ForecastStream:
    """One series read as it comes; made by `Forecaster.stream()`.

    In the native core threads may share a stream as long as its values come without a time: its updates then come in some
    order, one after the other. With NumPy, or with times, a stream belongs to one thread.

    Args:
        predictor: the trained forecaster.
        static: static covariates of the series, in the order of the schema; unknown where None.
    """

    def __init__(self, predictor: Predictor, static: ArrayLike | None = None) -> None:
        self._predictor = predictor
        self._schema = predictor.task.schema
        self._reader: Reader = make_reader(predictor, statics(static, (), self._schema)[None, :])

    @classmethod
    def after(cls, predictor: Predictor, panel: Panel, series: int) -> ForecastStream:
        """A stream that stands after the history of one series of a panel: it forecasts what `predict` does there."""
        stream = cls(predictor, panel.static[series])
        stream._reader.put(records_after(predictor, panel, np.array([series])))
        return stream

    def reset(self) -> None:
        """Forget everything: the stream is as new."""
        layout = self._predictor.records
        self._reader.put(layout.start(layout.static(self._reader.records)))

    @property
    def steps(self) -> int:
        """Steps read since the start or the last reset, missing ones among them."""
        return int(self._reader.records[0].view(np.int64)[STEPS])

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
                A model that is shown the values alone needs no time; without one a step comes the usual spacing after
                the step before.
            past: `(steps, columns)` covariates known only up to now: numbers, or the codes of categories.
            future: `(steps, columns)` covariates known ahead, of the same steps.

        Returns what was expected of each value before it was seen: quantiles `(steps, levels)`, NaN until three values
        were seen, as before nothing can be said of their spread. Raises `UsageError` for shapes that do not fit and
        `DataError` for values and stamps that cannot be; the stream has then read nothing.
        """
        if time is None and past is None and future is None and isinstance(values, (float, int)):
            expected = self._reader.step(values)
            if expected is not None:
                return expected
        given = np.atleast_1d(numbers(values))
        if given.ndim != 1 or given.size == 0:
            raise UsageError(f"values have shape {given.shape}, expected a number or a row of numbers.")
        check_finite(given)
        timing = self._timing(len(given), time)
        before = None if past is None else covariates("past", past, given.shape, self._schema.past)[None]
        beside = None if future is None else covariates("future", future, given.shape, self._schema.future)[None]
        block = Beside(timing.stamps, timing.deltas, before, beside)
        quantiles: Floats = read_on(self._reader, timing.missing, given[None], block)[0]
        return quantiles

    def forecast(self, horizon: int | None = None, *, future: ArrayLike | None = None) -> Floats:
        """Quantiles of the next `horizon` steps, `(horizon, levels)`; the stream stays where it is.

        Args:
            horizon: steps ahead, that of the model by default; the usual spacing apart.
            future: `(horizon, columns)` covariates known ahead over these steps.

        Raises `UsageError` before any value was read and `DataError` where covariates known ahead are not given.
        """
        horizon = self._predictor.task.horizon if horizon is None else check_horizon(horizon)
        records = self._reader.records
        if not records[0, KNOWN]:
            raise UsageError("The stream has read no value yet: give it history with update() before it forecasts.")
        check_future_given(self._predictor, future, f"{horizon} rows")
        check_clocks(Clocks.of(records), self._predictor.task)
        beside = None if future is None else covariates("future", future, (horizon,), self._schema.future)[None]
        quantiles: Floats = self._reader.look_ahead(horizon, beside)[0]
        return quantiles

    def bind(self) -> BoundStream:
        """The stream between two fixed buffers, for a loop that must not wait: see `BoundStream`."""
        return BoundStream(self)

    @property
    def levels(self) -> tuple[float, ...]:
        """The quantile levels of the columns that `update` and `forecast` return."""
        return self._predictor.task.levels

    @property
    def state(self) -> bytes:
        """Everything the stream remembers, as bytes: save it, set it on another stream of the same model, go on."""
        return save(self._reader.take(), self._predictor.records)

    @state.setter
    def state(self, saved: bytes) -> None:
        records = load(saved, self._predictor.records)
        if len(records) != 1:
            raise ModelFileError(f"This state is that of {len(records)} streams: restore it on as many.")
        self._reader.put(records)

    def copy(self) -> ForecastStream:
        """A second stream from here on: read a scenario on the copy, and this one stays where it is."""
        other = ForecastStream(self._predictor)
        other._reader.put(self._reader.take())
        return other

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._predictor, self.state)

    def _timing(self, steps: int, time: Any) -> Timing:
        """When a block is, and how many steps were left out before it."""
        schema, clocks = self._schema, Clocks.of(self._reader.records)
        if time is None:
            return no_timing(clocks, self._predictor.task)
        stamps = stamps_of(time, schema)
        if schema.frequency.is_regular:
            if stamps.shape != ():
                raise UsageError(f"time has shape {stamps.shape}, expected the one stamp of the first value.")
            return regular(stamps[None], clocks, steps, schema, _unnamed)
        stamps = np.atleast_1d(stamps)
        if stamps.shape != (steps,):
            raise UsageError(f"time has shape {stamps.shape}, expected ({steps},), a stamp of each value.")
        return irregular(stamps[None], clocks, schema, _unnamed)


class BoundStream:
    """A stream between two fixed buffers: write the value to `x[0]`, call `step()`, find what was expected of it in `y`.

    Nothing is allocated in a step and no array is made. The step is that of `update`, the usual spacing after the one
    before; the stream itself stays usable beside it. A loop that has no time to look up names takes `step` once:

        bound = stream.bind()
        x, y, step = bound.x, bound.y, bound.step
        for value in source:
            x[0] = value
            step()
            alarm = value > y[-1]
    """

    __slots__ = ("_step", "_stream", "_x", "_y")

    def __init__(self, stream: ForecastStream) -> None:
        self._stream = stream
        self._x, self._y = np.full(1, np.nan), np.full(len(stream.levels), np.nan)
        self._step: Callable[[], bool] = stream._reader.bound(self._x, self._y)

    @property
    def x(self) -> Floats:
        """float64 `(1,)`: the next value, NaN where missing."""
        return self._x

    @property
    def y(self) -> Floats:
        """float64 `(levels,)`: the quantiles expected of it before it was seen, NaN until three values were."""
        return self._y

    def step(self) -> None:
        """Read `x`, fill `y`. Raises what `update` raises."""
        if not self._step():
            self._y[:] = self._stream.update(float(self._x[0]))[0]


def records_after(predictor: Predictor, panel: Panel, series: Whole) -> Floats:
    """Records of streams that stand after the history of some series of a panel, of like length."""
    layout = predictor.records
    records = layout.start(panel.static[series])
    layout.pack(predictor.read(panel, series), records)
    ends = panel.offsets[:-1][series] + panel.history[series] - 1
    clock = records.view(np.int64)
    clock[:, STEPS], clock[:, HAS_LAST] = panel.history[series], 1
    clock[:, LAST] = panel.times[ends].astype(np.int64)
    return records


def check_future_given(predictor: Predictor, future: ArrayLike | None, wanted: str) -> None:
    """Raise `DataError` where the model wants covariates known ahead and gets none."""
    names = [covariate.name for covariate in predictor.task.schema.future]
    if names and future is None:
        raise DataError(
            f"The model uses {', '.join(names)}, known ahead, and none was given: pass future= with {wanted}."
        )


def _restored(predictor: Predictor, state: bytes) -> ForecastStream:
    stream = ForecastStream(predictor)
    stream.state = state
    return stream


def _unnamed(stream: int) -> str:
    return ""
