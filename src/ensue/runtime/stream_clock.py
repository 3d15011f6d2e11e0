"""The clocks of streams: at which stamps a block stands, and how many steps were left out before it.

Letters: `streams` side by side, `steps` of a block. Stamps are microseconds since 1970, or positions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensue.data.calendar import calendar_names
from ensue.data.days import Stamps
from ensue.data.rows import show_time
from ensue.data.schema import Schema
from ensue.errors import DataError, UsageError
from ensue.runtime.predictor import spacing
from ensue.runtime.stream_state import CAUSAL, HAS_LAST, LAST, STEPS
from ensue.tasks.forecasting import ForecastingTask

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Named = Callable[[int], str]
"""What a message calls a stream: '' where there is one, ' of stream 7' where there are more."""

MOST_MISSING = 10_000_000
"""Steps left out that a stream still reads as missing; more of them are a mistake in the stamp."""
NO_CLOCK = (
    "The model uses the calendar and the stream has no clock yet: give the first update time=, "
    "the stamp of its first value."
)
NO_STAMPS = "The series has no regular frequency: give every update time=, a stamp of each value."


class Timing(NamedTuple):
    """When a block is."""

    stamps: Whole | None
    """`(streams, steps)`; None: the usual spacing on from the last step."""
    deltas: Floats | None
    """`(streams, steps)` since the step before; None: 1."""
    missing: Whole
    """`(streams,)`: steps left out before the block."""


class Clocks(NamedTuple):
    """Where streams stand."""

    steps: Whole
    last: Whole
    has_last: NDArray[np.bool_]

    @classmethod
    def of(cls, records: Floats) -> Clocks:
        words = records[:, :CAUSAL].view(np.int64)
        return cls(words[:, STEPS], words[:, LAST], words[:, HAS_LAST] == 1)


def check_clocks(clocks: Clocks, task: ForecastingTask) -> None:
    """Raise `UsageError` where the usual spacing is to go on from a last step that nobody knows the time of."""
    frequency = task.schema.frequency
    is_asked = not task.alone and (bool(calendar_names(frequency)) or not frequency.is_regular)
    if is_asked and not clocks.has_last.all():
        raise UsageError(NO_CLOCK)


def no_timing(clocks: Clocks, task: ForecastingTask) -> Timing:
    """A block whose time nobody gave. Raises `UsageError` where it has to be known."""
    if not (task.alone or task.schema.frequency.is_regular):
        raise UsageError(NO_STAMPS)
    check_clocks(clocks, task)
    return Timing(None, None, np.zeros(len(clocks.steps), np.int64))


def regular(first: Whole, clocks: Clocks, steps: int, schema: Schema, named: Named) -> Timing:
    """A block from its first stamp `(streams,)`: it stands on the grid of what was read before."""
    frequency, has_last = schema.frequency, clocks.has_last
    starts, lasts = _stamps(first, schema), _stamps(np.where(has_last, clocks.last, first), schema)
    apart = np.where(has_last, frequency.position(starts, lasts), 1)
    if (apart < 1).any():
        late = int(np.argmax(apart < 1))
        raise _not_later(starts[late], lasts[late], named(late))
    if (apart > MOST_MISSING).any():
        far = int(np.argmax(apart > MOST_MISSING))
        raise DataError(
            f"The value at {show_time(starts[far])}{named(far)} comes {apart[far]:,} steps after one at "
            f"{show_time(lasts[far])}, expected at most {MOST_MISSING:,}: correct the time, or reset the stream."
        )
    missing = apart - 1
    if has_last.all():
        return Timing(None, None, missing)
    ahead = np.arange(steps)[None, :] + np.where(has_last, apart, 0)[:, None]
    return Timing(frequency.advance(lasts[:, None], ahead).astype(np.int64), None, missing)


def irregular(stamps: Whole, clocks: Clocks, schema: Schema, named: Named) -> Timing:
    """A block whose steps each have a stamp of their own: `(streams, steps)`."""
    before = np.where(clocks.has_last, clocks.last, stamps[:, 0])
    deltas = spacing(stamps, before, schema.frequency)
    deltas[~clocks.has_last, 0] = 1.0
    if (deltas <= 0).any():
        stream, step = (int(each[0]) for each in np.nonzero(deltas <= 0))
        earlier = stamps[stream, step - 1] if step else before[stream]
        shown = _stamps(np.array([stamps[stream, step], earlier]), schema)
        raise _not_later(shown[0], shown[1], named(stream))
    return Timing(stamps, deltas, np.zeros(len(stamps), np.int64))


def _stamps(ticks: Whole, schema: Schema) -> Stamps:
    return ticks.astype("datetime64[us]") if schema.frequency.has_stamps else ticks


def _not_later(stamp: object, before: object, named: str) -> DataError:
    return DataError(
        f"The value at {show_time(stamp)}{named} comes after one at {show_time(before)}, expected a later time: "
        "give values in the order of time, or reset the stream."
    )
