"""A forecaster and its streams in the native core, front end and calendar included.

The core computes what `runtime.predictor` does with the same records, a step at a time or in blocks, and lets go of the
interpreter's lock meanwhile. What only Python knows, the clocks of a time zone and the holidays of a country, is looked up
here for a span of years, and again when a stream leaves it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ensue.data.calendar import (
    CYCLES,
    calendar_cycles,
    calendar_names,
    holiday_feature,
    holiday_names,
    keeps_utc,
    local_times,
)
from ensue.data.frequency import FIXED, SECOND, Frequency
from ensue.data.rows import show_time
from ensue.errors import DataError, ModelFileError, UsageError
from ensue.runtime.native_engine import NativeEngine
from ensue.runtime.stream_clock import NO_CLOCK, NO_STAMPS
from ensue.runtime.stream_reader import Beside
from ensue.runtime.stream_state import FIRST_STAMP, LAST_STAMP
from ensue.tasks.forecasting import ForecastingTask, Scale

if TYPE_CHECKING:
    from ensue import _native
    from ensue.runtime.predictor import Predictor

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

DAY = FIXED["day"]
YEARS_MORE = 5
"""Looked up beyond what is asked for, so that it is asked seldom."""


def native_forecaster(predictor: Predictor) -> NativeForecaster | None:
    """The forecaster in the native core; None where its engines are not native."""
    networks = [engine.native for engine in predictor.engines if isinstance(engine, NativeEngine)]
    return NativeForecaster(predictor.task, networks) if len(networks) == len(predictor.engines) else None


class NativeForecaster:
    """A forecaster in the native core; it does not change, so any number of threads may read with it.

    Raises `ModelFileError` where the task cannot be.
    """

    def __init__(self, task: ForecastingTask, networks: list[_native.Network]) -> None:
        from ensue import _native

        schema, reader = task.schema, task.reader
        self.levels = len(task.levels)
        self._schema = schema
        self._shows_calendar = bool(calendar_names(schema.frequency)) and not task.alone
        self._lock = threading.Lock()
        self._span: tuple[int, int] | None = None
        """From and up to which stamp time zone and holidays are known."""
        try:
            self.core = _native.Forecaster(
                networks,
                _native.FrontEnd(list(reader.seasons), reader.half_life, reader.slots),
                self._calendar(),
                has_stamps=schema.frequency.has_stamps,
                is_regular=schema.frequency.is_regular or task.alone,  # then the spacing is no input
                columns=(len(schema.future), len(schema.past), len(schema.static)),
                covariates=[] if task.alone else list(_covariates(task)),
                widths=[float(width) for width in task.widths],
                median=task.levels.index(0.5),
                nonnegative=bool(schema.nonnegative),
            )
        except (TypeError, ValueError) as error:
            raise ModelFileError(f"The forecaster's task cannot be right: {str(error).splitlines()[0]}.") from error

    def streams(self, static: Floats, threads: int = 1) -> NativeReader:
        """Streams that have read nothing, with static covariates `(streams, columns)`."""
        return NativeReader(self, static, threads)

    def reach(self, low: int, high: int) -> None:
        """Look up time zone and holidays, so that they are known from one stamp to another and for years around.

        Raises `DataError` beyond the years that dates are written in and `MissingExtraError` without the holidays.
        """
        from ensue import _native

        for stamp in (low, high):
            if not FIRST_STAMP <= stamp <= LAST_STAMP:
                shown = show_time(np.datetime64(stamp, "us"))
                raise DataError(f"The calendar would be asked about {shown}, expected a year from 1 to 9999.")
        with self._lock:  # what is known never becomes less: calls that found it enough are still running
            first, after = _years_around(low, high)
            if self._span is not None:
                first, after = min(first, self._span[0]), max(after, self._span[1])
            changes, offsets = self._clock_changes(first, after)
            tables = _native.CalendarTables(first, after, changes, offsets, self._holidays(first, after))
            self.core.set_tables(tables)
            self._span = first, after

    def remedy(self, lacking: tuple[int, int] | str) -> None:
        """Look up what the core lacks for a block, or raise where a block is refused and nothing can be done."""
        if lacking == "clock":
            raise UsageError(NO_CLOCK if self._schema.frequency.is_regular else NO_STAMPS)
        if isinstance(lacking, str):
            raise DataError(
                "A covariate holds the code of a category that the model does not know: give codes it knows."
            )
        self.reach(*lacking)

    def _calendar(self) -> _native.Calendar:
        from ensue import _native

        frequency = self._schema.frequency
        shown = calendar_cycles(frequency) if self._shows_calendar else ()
        cycles = [list(CYCLES).index(name) for name in shown]
        kind, step = _spacing(frequency)
        holidays = len(holiday_names(frequency)) if self._schema.holidays and self._shows_calendar else 0
        needs_tables = bool(holidays) or self._has_zone
        return _native.Calendar(cycles, kind, step, frequency.anchor or 0, holidays, needs_tables)

    @property
    def _has_zone(self) -> bool:
        """Whether the calendar's clock is not that of the stamps."""
        zone = self._schema.time_zone
        return self._shows_calendar and zone not in (None, "UTC") and keeps_utc(self._schema.frequency)

    def _holidays(self, first: int, after: int) -> list[int]:
        """Holidays as days since 1970, a step of the series further than the stamps."""
        country, frequency = self._schema.holidays, self._schema.frequency
        if not country or not self._shows_calendar:
            return []
        further = int(frequency.seconds * SECOND) // DAY + 2
        days = np.arange(first // DAY - 2, after // DAY + 2 + further)
        is_holiday = holiday_feature(days.astype("datetime64[D]").astype("datetime64[us]"), country, Frequency("day"))
        found: list[int] = days[is_holiday[:, 0] > 0].tolist()
        return found

    def _clock_changes(self, first: int, after: int) -> tuple[list[int], list[int]]:
        """Stamps from which the local clock has another offset, the first of all stamps among them, and the offsets."""
        if not self._has_zone:
            return [], []
        days = np.append(np.arange(first, after, DAY), after)
        offsets = self._offsets(days)
        (where,) = np.nonzero(np.diff(offsets))
        low, high, old = days[where], days[where + 1], offsets[where]
        while (high - low > SECOND).any():
            middle = (low + high) // 2 // SECOND * SECOND
            is_old = self._offsets(middle) == old
            low, high = np.where(is_old, middle, low), np.where(is_old, high, middle)
        return [first, *high.tolist()], [int(offsets[0]), *offsets[where + 1].tolist()]

    def _offsets(self, stamps: Whole) -> Whole:
        local = local_times(stamps.astype("datetime64[us]"), self._schema.time_zone, self._schema.frequency)
        return np.asarray(local.astype("datetime64[us]").astype(np.int64) - stamps)


class NativeReader:
    """Streams side by side in the native core: a `stream_reader.Reader`."""

    def __init__(self, forecaster: NativeForecaster, static: Floats, threads: int) -> None:
        from ensue import _native

        self._forecaster, self._threads = forecaster, threads
        self._streams = _native.Streams(forecaster.core, len(static), np.ascontiguousarray(static))
        self._step = self._streams.step
        self._shape = (1, forecaster.levels)
        self.records: Floats = self._streams.records

    def step(self, value: float) -> Floats | None:
        quantiles = np.empty(self._shape)
        try:
            return quantiles if self._step(value, quantiles) else None
        except TypeError:  # a number beyond float64
            return None

    def bound(self, x: Floats, y: Floats) -> _native.BoundStep:
        """What reads a step from `x` `(1,)` and writes to `y` `(levels,)`; False, and nothing has happened, as `step`."""
        from ensue import _native

        return _native.BoundStep(self._streams, x, y)

    def read(self, values: Floats, beside: Beside, rows: Whole | None = None) -> Floats:
        quantiles = np.empty((*values.shape, self._forecaster.levels))
        self._run(np.ascontiguousarray(values), quantiles, beside, rows)
        return quantiles

    def skip(self, steps: int, rows: Whole | None = None) -> None:
        while (lacking := self._streams.skip(steps, rows, self._threads)) is not None:
            self._forecaster.remedy(lacking)

    def look_ahead(self, horizon: int, future: Floats | None, rows: Whole | None = None) -> Floats:
        streams = len(self.records) if rows is None else len(rows)
        quantiles = np.empty((streams, horizon, self._forecaster.levels))
        self._run(None, quantiles, Beside(future=future), rows)
        return quantiles

    def take(self, rows: Whole | None = None) -> Floats:
        streams, words = self.records.shape
        records = np.empty((streams if rows is None else len(rows), words))
        self._streams.take(records, rows)
        return records

    def put(self, records: Floats, rows: Whole | None = None) -> None:
        if not self._streams.put(np.ascontiguousarray(records), rows):
            raise ModelFileError("These are no records of streams: give what `take` returned.")

    def _run(self, values: Floats | None, quantiles: Floats, beside: Beside, rows: Whole | None) -> None:
        stamps = None if beside.stamps is None else np.ascontiguousarray(beside.stamps)
        given = [None if each is None else np.ascontiguousarray(each) for each in beside[1:]]
        arguments = (values, quantiles, stamps, given[0], given[1], given[2], rows, self._threads)
        while (lacking := self._streams.read(*arguments)) is not None:
            self._forecaster.remedy(lacking)


def _spacing(frequency: Frequency) -> tuple[int, int]:
    """The kind of step (0 fixed, 1 business days, 2 months) and its length."""
    if frequency.unit == "business day":
        return 1, 1
    return (2, frequency.months) if frequency.months else (0, frequency.step)


def _covariates(task: ForecastingTask) -> Iterator[tuple[int, int, bool, float, float]]:
    """Covariates in the order of `ForecastingTask.beside`: role, column, whether a category, mean, spread."""
    scales, schema = dict(task.scales), task.schema
    columns = [
        (role, column, covariate)
        for role, covariates in enumerate((schema.future, schema.past, schema.static))
        for column, covariate in enumerate(covariates)
    ]
    for is_category in (False, True):
        for role, column, covariate in columns:
            if (covariate.categories is not None) == is_category:
                scale = scales.get(covariate.name, Scale(0.0, 1.0))
                yield role, column, is_category, scale.mean, scale.spread


def _years_around(low: int, high: int) -> tuple[int, int]:
    """From the first of January some years before one stamp to that some years after another."""
    years = np.array([low, high], "datetime64[us]").astype("datetime64[Y]").astype(np.int64) + 1970
    first, after = max(int(years[0]) - YEARS_MORE, 1), min(int(years[1]) + 1 + YEARS_MORE, 10_000)
    stamps = np.array([f"{first:04d}-01-01", f"{after:04d}-01-01"], "datetime64[us]").astype(np.int64)
    return int(stamps[0]), int(stamps[1])
