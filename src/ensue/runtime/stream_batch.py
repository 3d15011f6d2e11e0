"""Many series read as they come, side by side: what a `ForecastStream` is for one, in one call for all of them.

Streams of a batch do not know of each other. Where they stand is kept for each, so some may read on while others wait, and
each can be split off as a stream of its own and put back.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensue.data.panel import Panel
from ensue.errors import DataError, ModelFileError, UsageError
from ensue.runtime.predictor import Predictor, check_horizon, series_of_like_length
from ensue.runtime.stream import ForecastStream, check_future_given, records_after
from ensue.runtime.stream_clock import Clocks, Timing, check_clocks, irregular, no_timing, regular
from ensue.runtime.stream_input import covariates, numbers, stamps_of, statics
from ensue.runtime.stream_reader import Beside, Reader, make_reader, read_on
from ensue.runtime.stream_state import KNOWN, STEPS, load, save

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


class StreamBatch:
    """Many streams of one forecaster; made by `Forecaster.streams(count)`.

    Args:
        predictor: the trained forecaster.
        count: streams.
        static: `(streams, columns)` static covariates, in the order of the schema; unknown where None.
        threads: among so many the native core divides the streams; None: as many as there are processors.

    Every call takes `rows`, which of the streams it is about, each once: indices, or a truth for each; None: all.
    """

    def __init__(
        self, predictor: Predictor, count: int, *, static: ArrayLike | None = None, threads: int | None = None
    ) -> None:
        self._predictor, self._schema = predictor, predictor.task.schema
        self._count = _at_least_one("count", count, "streams")
        self._threads = _processors() if threads is None else _at_least_one("threads", threads, "threads")
        self._reader: Reader = make_reader(predictor, statics(static, (self._count,), self._schema), self._threads)

    @classmethod
    def after(cls, predictor: Predictor, panel: Panel, *, threads: int | None = None) -> StreamBatch:
        """A stream for each series of a panel, in the order of its ids, standing after its history."""
        batch = cls(predictor, len(panel), static=panel.static, threads=threads)
        for group in series_of_like_length(panel.history):
            ascending = np.sort(group)
            batch._reader.put(records_after(predictor, panel, ascending), ascending)
        return batch

    def __len__(self) -> int:
        """Number of streams."""
        return self._count

    @property
    def steps(self) -> Whole:
        """Steps read by each stream since the start or its last reset, missing ones among them: int64 `(streams,)`."""
        return self._reader.records[:, STEPS].view(np.int64).copy()

    @property
    def levels(self) -> tuple[float, ...]:
        """The quantile levels of what `update` and `forecast` return."""
        return self._predictor.task.levels

    def update(
        self,
        values: ArrayLike,
        *,
        time: Any = None,
        past: ArrayLike | None = None,
        future: ArrayLike | None = None,
        rows: ArrayLike | None = None,
    ) -> Floats:
        """Read a value of each stream, or several.

        Args:
            values: `(streams,)` or `(streams, steps)`; NaN where missing.
            time: stamp of the first values: one for all streams, or `(streams,)`. As with one stream it is needed once
                where the model uses the calendar, steps left out are read as missing, and series without a regular
                frequency need a stamp of each value, `(streams, steps)`, or `(1, steps)` where all have the same.
            past, future: covariates `(streams, [steps,] columns)`, the first axis 1 where all streams have the same.

        Returns quantiles `(streams, [steps,] levels)`, of each stream NaN until it has seen three values. Raises
        `UsageError` for shapes that do not fit and `DataError` for values and stamps that cannot be; no stream has then
        read anything.
        """
        chosen, order = self._chosen(rows)
        given = numbers(values)
        count = self._count if chosen is None else len(chosen)
        if given.ndim not in (1, 2) or len(given) != count or given.size == 0:
            raise UsageError(f"values have shape {given.shape}, expected ({count},) or ({count}, steps).")
        block = _sorted(given.reshape(count, -1), order)
        if np.isinf(block).any():
            row, step = (int(each[0]) for each in np.nonzero(np.isinf(given.reshape(count, -1))))
            raise DataError(f"value {step + 1} of row {row} is infinite, expected a number, or NaN where missing.")
        timing = self._timing(block.shape, time, chosen, order)
        inner = given.shape[1:]
        before = self._covariates("past", past, count, inner, order)
        ahead = self._covariates("future", future, count, inner, order)
        beside = Beside(timing.stamps, timing.deltas, before, ahead)
        quantiles = read_on(self._reader, timing.missing, block, beside, chosen)
        return _unsorted(quantiles[:, 0] if given.ndim == 1 else quantiles, order)

    def forecast(
        self, horizon: int | None = None, *, future: ArrayLike | None = None, rows: ArrayLike | None = None
    ) -> Floats:
        """Quantiles of the next `horizon` steps, `(streams, horizon, levels)`; the streams stay where they are.

        Args:
            horizon: steps ahead, that of the model by default; the usual spacing apart.
            future: `(streams, horizon, columns)` covariates known ahead, the first axis 1 where all have the same.

        Raises `UsageError` where a stream has read no value yet and `DataError` where covariates known ahead are not given.
        """
        horizon = self._predictor.task.horizon if horizon is None else check_horizon(horizon)
        chosen, order = self._chosen(rows)
        records = self._reader.records if chosen is None else self._reader.records[chosen]
        empty = records[:, KNOWN] == 0
        if empty.any():
            raise UsageError(
                f"Stream {self._named(int(np.argmax(empty)), chosen)} has read no value yet: give it history with "
                "update(), or say with rows= which streams are to forecast."
            )
        check_future_given(self._predictor, future, f"{len(records)} x {horizon} rows")
        check_clocks(Clocks.of(records), self._predictor.task)
        beside = self._covariates("future", future, len(records), (horizon,), order)
        return _unsorted(self._reader.look_ahead(horizon, beside, chosen), order)

    def reset(self, rows: ArrayLike | None = None) -> None:
        """Forget everything: these streams are as new."""
        layout, (chosen, _) = self._predictor.records, self._chosen(rows)
        self._reader.put(layout.start(layout.static(self._reader.take(chosen))), chosen)

    def stream(self, index: int) -> ForecastStream:
        """A copy of one stream, on its own from here on."""
        stream = ForecastStream(self._predictor)
        stream._reader.put(self._reader.take(self._one(index)))
        return stream

    def put(self, index: int, stream: ForecastStream) -> None:
        """Let one stream of the batch stand where another stream of the same model stands."""
        if stream._predictor.fingerprint != self._predictor.fingerprint:
            raise UsageError("The stream is one of another model: give one that this model's stream() made.")
        self._reader.put(stream._reader.take(), self._one(index))

    @property
    def state(self) -> bytes:
        """Everything the streams remember, as bytes: save it, set it on another batch of as many streams, go on."""
        return save(self._reader.take(), self._predictor.records)

    @state.setter
    def state(self, saved: bytes) -> None:
        records = load(saved, self._predictor.records)
        if len(records) != self._count:
            raise ModelFileError(f"This state is that of {len(records)} streams: restore it on as many.")
        self._reader.put(records)

    def copy(self) -> StreamBatch:
        """A second batch from here on."""
        other = StreamBatch(self._predictor, self._count, threads=self._threads)
        other._reader.put(self._reader.take())
        return other

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._predictor, self._count, self._threads, self.state)

    def _chosen(self, rows: ArrayLike | None) -> tuple[Whole | None, Whole | None]:
        """The streams that are meant, ascending, and where each was in `rows`; None: all, or already in order."""
        if rows is None:
            return None, None
        given = np.asarray(rows)
        if given.dtype == bool and given.shape == (self._count,):
            given = np.flatnonzero(given)
        if given.ndim != 1 or given.dtype.kind not in "iu" or not given.size:
            raise UsageError(f"rows is {rows!r}, expected indices of streams, or {self._count} truths.")
        if given.min() < 0 or given.max() >= self._count or len(np.unique(given)) != len(given):
            raise UsageError(
                f"rows go from {given.min()} to {given.max()}, expected each once, 0 to {self._count - 1}."
            )
        order = np.argsort(given)
        in_order = bool((np.diff(order) == 1).all())
        return given[order].astype(np.int64), None if in_order else order

    def _one(self, index: int) -> Whole:
        if isinstance(index, bool) or not isinstance(index, (int, np.integer)) or not 0 <= index < self._count:
            raise UsageError(f"index is {index!r}, expected a stream of the batch, 0 to {self._count - 1}.")
        return np.array([index], np.int64)

    def _named(self, place: int, chosen: Whole | None) -> int:
        return place if chosen is None else int(chosen[place])

    def _covariates(
        self, role: str, given: ArrayLike | None, count: int, inner: tuple[int, ...], order: Whole | None
    ) -> Floats | None:
        """Covariates of a block as `(streams, steps, columns)`, or `(1, steps, columns)`."""
        if given is None:
            return None
        known = self._schema.past if role == "past" else self._schema.future
        same = count > 1 and np.ndim(given) == len(inner) + 2 and np.shape(given)[0] == 1
        values = covariates(role, given, (1 if same else count, *inner), known)
        values = values.reshape(len(values), *(inner or (1,)), len(known))  # streams x steps x columns
        return values if same else _sorted(values, order)

    def _timing(self, shape: tuple[int, ...], time: Any, chosen: Whole | None, order: Whole | None) -> Timing:
        """When a block `(streams, steps)` is, and how many steps were left out before it."""
        schema, (count, steps) = self._schema, shape
        clocks = Clocks.of(self._reader.records if chosen is None else self._reader.records[chosen])
        if time is None:
            return no_timing(clocks, self._predictor.task)

        def named(place: int) -> str:
            return f" of stream {self._named(place, chosen)}"

        stamps = stamps_of(time, schema)
        if schema.frequency.is_regular:
            if stamps.shape not in ((), (count,)):
                raise UsageError(
                    f"time has shape {stamps.shape}, expected one stamp or ({count},), a stamp of each stream."
                )
            first = np.broadcast_to(stamps, count) if stamps.ndim == 0 else _sorted(stamps, order)
            return regular(first, clocks, steps, schema, named)
        if steps == 1 and stamps.shape in ((), (count,)):
            stamps = stamps.reshape(-1, 1)
        if stamps.shape not in ((count, steps), (1, steps)):
            raise UsageError(f"time has shape {stamps.shape}, expected ({count}, {steps}), a stamp of each value.")
        each = np.broadcast_to(stamps, (count, steps)) if len(stamps) == 1 else _sorted(stamps, order)
        return irregular(each, clocks, schema, named)


def _sorted(values: NDArray[Any], order: Whole | None) -> NDArray[Any]:
    return values if order is None else values[order]


def _unsorted(values: Floats, order: Whole | None) -> Floats:
    if order is None:
        return values
    back = np.empty_like(values)
    back[order] = values
    return back


def _processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _at_least_one(name: str, value: int, noun: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise UsageError(f"{name} is {value!r}, expected 1 or more {noun}.")
    return int(value)


def _restored(predictor: Predictor, count: int, threads: int, state: bytes) -> StreamBatch:
    batch = StreamBatch(predictor, count, threads=threads)
    batch.state = state
    return batch
