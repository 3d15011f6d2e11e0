"""What is asked for by name, found in the table: a step by its stamp, a column on the steps of a series."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ensue.data.calendar import local_times
from ensue.data.panel import Panel
from ensue.data.series import build_panel
from ensue.errors import DataError, UsageError, nearest
from ensue.inspection.forecaster import Question
from ensue.inspection.words import label_of, labels_of

if TYPE_CHECKING:
    import polars


def question(panel: Panel, series: int, *, at: Any = None, ahead: int = 1, steps: int = 10_000) -> Question:
    """The question about one series of a panel.

    `at` is a stamp or a position of the series, or the first one after it when None. Raises `UsageError` for numbers of
    steps that cannot be, and `DataError` for a step that is not there.
    """
    for name, value in (("ahead", ahead), ("steps", steps)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise UsageError(f"{name} is {value!r}, expected 1 or more steps.")
    row = None if at is None else row_at(panel, series, at, int(ahead))
    return Question(series, row, int(ahead), int(steps))


def row_at(panel: Panel, series: int, at: Any, ahead: int = 1) -> int:
    """The row of a series at a stamp or position, written as a person writes it, in the table's own time zone.

    The `ahead` rows after the history are rows too. Raises `DataError` where there is none.
    """
    own, schema = panel.series(series), panel.schema
    future = panel.select([series]).future_times(ahead)[0]
    times = local_times(np.concatenate([own.times[: own.history], future]), schema.time_zone, schema.frequency)
    wanted = _as_time(at, times, schema.time_zone)
    found = np.flatnonzero(times == wanted)
    if len(found) == 0:
        raise DataError(
            f"There is no step '{at}' in series '{own.id}', which goes from {label_of(times[0])} to "
            f"{label_of(times[own.history - 1])}: give one of its stamps, and for a later one how many steps ahead it is."
        )
    return int(found[0])


def column(frame: polars.DataFrame, panel: Panel, series: int, name: str, duplicates: str) -> NDArray[np.float64]:
    """A column of numbers of the table, on the steps of the history of one series, NaN where missing.

    Raises `DataError` for a column that is not there, or not of numbers.
    """
    schema = panel.schema
    if name not in frame.columns:
        raise DataError(f"There is no column '{name}': {nearest(name, frame.columns)}")
    if not frame.schema[name].is_numeric():
        raise DataError(f"The column '{name}' holds {frame.schema[name]}, expected numbers to look for in the memory.")
    if schema.wide:
        raise DataError("The table has a column for each series, and a probe looks for a column beside the target.")
    own = panel.series(series)
    values = np.full(own.history, np.nan)
    if not frame[name].is_not_null().any():
        return values
    alone = replace(schema, target=name, past=(), future=(), static=(), nonnegative=False, integer=False)
    other = build_panel(frame, alone, duplicates=duplicates, for_training=False)
    if schema.id is None or own.id in other.ids:
        found = other.series(0 if schema.id is None else other.ids.index(own.id))
        places = np.searchsorted(found.times, own.times[: own.history])
        inside = np.minimum(places, len(found.times) - 1)
        there = found.times[inside] == own.times[: own.history]
        values[there] = found.y[inside[there]]
    return values


def _as_time(at: Any, times: NDArray[Any], zone: str | None) -> Any:
    """What a person wrote, as the series' own kind of time; a stamp with a zone as the table's clock shows it."""
    try:
        if times.dtype.kind != "M":
            return np.int64(int(str(at)))
        if not isinstance(at, datetime) and re.fullmatch(r"\d{4}(-\d\d)?", str(at).strip()):
            return np.datetime64(str(at).strip(), "us")
        stamp = at if isinstance(at, datetime) else datetime.fromisoformat(str(at).strip())
        if stamp.tzinfo is not None:
            stamp = stamp.astimezone(ZoneInfo(zone or "UTC")).replace(tzinfo=None)
        return np.datetime64(stamp, "us")
    except ValueError as error:
        expected = f"a stamp such as {labels_of(times)[-1]}" if times.dtype.kind == "M" else "a whole number"
        raise DataError(f"The step is '{at}', expected {expected}.") from error
