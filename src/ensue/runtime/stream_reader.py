"""What reads the steps of streams: in NumPy here, in the native core beside it, with the same records.

Letters: `streams` side by side, `time` steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ensue.data.days import Stamps
from ensue.runtime.stream_state import CAUSAL, HAS_LAST, LAST, STEPS
from ensue.tasks.forecasting import Surroundings

if TYPE_CHECKING:
    from ensue.runtime.predictor import Predictor

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

PIECE = 1024
"""Missing steps read at once."""


class Beside(NamedTuple):
    """What stands beside the values of some steps; the first axis may be 1: the same for all streams."""

    stamps: Whole | None = None
    """`(streams, time)`; None: the usual spacing on from the last step."""
    deltas: Floats | None = None
    """`(streams, time)` steps since the step before; None: 1."""
    past: Floats | None = None
    """`(streams, time, column)`; None: unknown."""
    future: Floats | None = None


class Reader(Protocol):
    """Streams of one forecaster side by side.

    `rows` says which streams a call is about, in ascending order; None: all. What is given has been checked.
    """

    @property
    def records(self) -> Floats:
        """`(streams, words)`, to be looked at: they change as the streams read on."""

    def step(self, value: float) -> Floats | None:
        """The quantiles `(1, level)` of one step of the only stream; None, and nothing has happened, where it takes more."""

    def bound(self, x: Floats, y: Floats) -> Callable[[], bool]:
        """What does `step` from `x` `(1,)` to `y` `(levels,)`; False where that gives None."""

    def read(self, values: Floats, beside: Beside, rows: Whole | None = None) -> Floats:
        """Quantiles `(streams, time, level)` expected of values `(streams, time)`, NaN until enough were seen.

        Where it raises, no stream has read anything.
        """

    def skip(self, steps: int, rows: Whole | None = None) -> None:
        """Read so many missing steps."""

    def look_ahead(self, horizon: int, future: Floats | None, rows: Whole | None = None) -> Floats:
        """Quantiles `(streams, horizon, level)` of the next steps; the streams stay where they are."""

    def take(self, rows: Whole | None = None) -> Floats:
        """A copy of records."""

    def put(self, records: Floats, rows: Whole | None = None) -> None:
        """Set records."""


def make_reader(predictor: Predictor, static: Floats, threads: int = 1) -> Reader:
    """New streams with static covariates `(streams, columns)`: in the native core where the engines are native."""
    native = predictor.native
    return NumPyReader(predictor, static) if native is None else native.streams(static, threads)


def read_on(reader: Reader, missing: Whole, values: Floats, beside: Beside, rows: Whole | None = None) -> Floats:
    """Read the steps that were left out, `(streams,)`, and then a block: all of it, or nothing where it raises."""
    if not missing.any():
        return reader.read(values, beside, rows)
    before = reader.take(rows)
    try:
        skip_missing(reader, missing, rows)
        return reader.read(values, beside, rows)
    except BaseException:
        reader.put(before, rows)
        raise


def skip_missing(reader: Reader, missing: Whole, rows: Whole | None = None) -> None:
    """Read the steps that were left out, `(streams,)`, in pieces, so that many of them take no memory."""
    for count in np.unique(missing[missing > 0]).tolist():
        (places,) = np.nonzero(missing == count)
        some = None if len(places) == len(missing) else places
        some = some if rows is None else rows[places]
        for first in range(0, count, PIECE):
            reader.skip(min(PIECE, count - first), some)


class NumPyReader:
    """The contract of the native core: it unpacks records, lets the predictor read, and packs them again.

    Unlike there, threads do not take turns: streams belong to one of them.
    """

    def __init__(self, predictor: Predictor, static: Floats) -> None:
        self._predictor = predictor
        self.records = predictor.records.start(static)

    def step(self, value: float) -> Floats | None:
        return None

    def bound(self, x: Floats, y: Floats) -> Callable[[], bool]:
        return lambda: False

    def read(self, values: Floats, beside: Beside, rows: Whole | None = None) -> Floats:
        layout, task = self._predictor.records, self._predictor.task
        quantiles, moved = np.empty((*values.shape, len(task.levels))), []
        for places, some in self._groups(rows):
            records = self.records[some]
            block = self._block(beside, records, places, values.shape[1])
            expected, after = self._predictor.advance(values[places], block, layout.unpack(records), hush=True)
            layout.pack(after, records)
            clock = records[:, :CAUSAL].view(np.int64)
            clock[:, STEPS] += values.shape[1]
            if beside.stamps is not None or not task.schema.frequency.has_stamps:
                clock[:, HAS_LAST] = 1
            clock[:, LAST] = np.where(clock[:, HAS_LAST] == 1, block.times[:, -1].astype(np.int64), clock[:, LAST])
            quantiles[places] = expected
            moved.append((some, records))
        for some, records in moved:  # only now, as the last group may still be refused
            self.records[some] = records
        return quantiles

    def skip(self, steps: int, rows: Whole | None = None) -> None:
        self.read(np.full((len(self.records) if rows is None else len(rows), steps), np.nan), Beside(), rows)

    def look_ahead(self, horizon: int, future: Floats | None, rows: Whole | None = None) -> Floats:
        streams = len(self.records) if rows is None else len(rows)
        quantiles = np.empty((streams, horizon, len(self._predictor.task.levels)))
        for places, some in self._groups(rows):
            records = self.records[some]
            block = self._block(Beside(future=future), records, places, horizon)
            quantiles[places] = self._predictor.forecast(block, self._predictor.records.unpack(records))
        return quantiles

    def take(self, rows: Whole | None = None) -> Floats:
        return self.records.copy() if rows is None else self.records[rows]

    def put(self, records: Floats, rows: Whole | None = None) -> None:
        self.records[slice(None) if rows is None else rows] = records

    def _groups(self, rows: Whole | None) -> Iterator[tuple[Whole, Whole]]:
        """Streams at the same step, as their places among `rows` and as rows: the predictor reads them side by side."""
        chosen = np.arange(len(self.records)) if rows is None else rows
        steps = self.records[chosen, CAUSAL]
        for step in np.unique(steps):
            (places,) = np.nonzero(steps == step)
            yield places, chosen[places]

    def _block(self, beside: Beside, records: Floats, places: Whole, time: int) -> Surroundings:
        schema, streams = self._predictor.task.schema, len(records)

        def shown(given: NDArray[Any] | None, otherwise: float, shape: tuple[int, ...]) -> Floats:
            if given is None:
                return np.full(shape, otherwise)
            return np.broadcast_to(given[places] if len(given) > 1 else given, shape)

        return Surroundings(
            self._times(beside.stamps, records, places, time),
            shown(beside.deltas, 1.0, (streams, time)),
            shown(beside.past, np.nan, (streams, time, len(schema.past))),
            shown(beside.future, np.nan, (streams, time, len(schema.future))),
            self._predictor.records.static(records),
        )

    def _times(self, stamps: Whole | None, records: Floats, places: Whole, time: int) -> Stamps:
        """Stamps `(streams, time)`; without a clock, where none is needed, positions from 0."""
        frequency = self._predictor.task.schema.frequency
        kind = "datetime64[us]" if frequency.has_stamps else "int64"
        if stamps is not None:
            given = stamps[places] if len(stamps) > 1 else stamps
            return np.broadcast_to(given, (len(records), time)).astype(kind)
        clock = records[:, :CAUSAL].view(np.int64)
        last = np.where(clock[:, HAS_LAST] == 1, clock[:, LAST], -frequency.step).astype(kind)
        return frequency.advance(last[:, None], np.arange(1, time + 1))
