"""The rhythm of a table's rows: their spacing, found in the stamps, and their seasons."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ensue.data.calendar import keeps_utc
from ensue.data.frequency import POSITION, Frequency, infer_frequency
from ensue.data.rows import Clock, Rows, count_positions, read_rows, read_times
from ensue.data.schema import Schema
from ensue.data.seasons import MOST_ROWS, MOST_SERIES, confirm_seasons, find_seasons
from ensue.errors import DataError

if TYPE_CHECKING:
    import polars as pl


def find_frequency(
    frame: pl.DataFrame, schema: Schema, given: Frequency | None
) -> tuple[Clock | None, Rows, Frequency]:
    if schema.time is None:
        rows = read_rows(frame, schema.id, None, schema.target)
        return None, replace(rows, times=count_positions(rows)), given or POSITION
    clock = read_times(frame, schema.time, given)
    rows = read_rows(frame, schema.id, clock.values, schema.target)
    frequency = _resolve(rows, given)
    if clock.time_zone not in (None, "UTC") and given is None:
        # Local days are not 24 hours apart in UTC where clocks change, so they are read again as local dates.
        local = read_times(frame, schema.time, Frequency("day"))
        local_rows = read_rows(frame, schema.id, local.values, schema.target)
        local_frequency = _resolve(local_rows, None)
        if local_frequency.is_regular and not keeps_utc(local_frequency):
            return local, local_rows, local_frequency
    return clock, rows, frequency


def _resolve(rows: Rows, given: Frequency | None) -> Frequency:
    if given is None:
        found = infer_frequency(rows.times, rows.offsets)
        return found if found.is_regular else _from_each_series(rows, found)
    stamps = rows.times.dtype.kind == "M"
    if given.unit == "irregular":
        spacing = infer_frequency(rows.times, rows.offsets)
        return (
            spacing
            if not spacing.is_regular
            else Frequency("irregular" if stamps else "irregular position", spacing.step)
        )
    if given.has_stamps != stamps:
        kind = "time stamps" if stamps else "positions"
        raise DataError(f"the frequency '{given.name}' does not fit the times, which are {kind}: leave freq out.")
    return given.anchored(rows.times)


def _from_each_series(rows: Rows, panel: Frequency) -> Frequency:
    """Series without a common rhythm may each have their own: one unit with other phases is fine, two are an error."""
    found: dict[tuple[str, int], int] = {}
    for series in np.unique(np.linspace(0, len(rows.ids) - 1, 50).astype(int)):
        times = rows.times[rows.offsets[series] : rows.offsets[series + 1]]
        if len(np.unique(times)) > 2:
            own = infer_frequency(times)
            if not own.is_regular:
                return panel
            found.setdefault((own.unit, own.count), int(series))
    if len(found) == 1:
        return Frequency(*next(iter(found)))
    if len(found) > 1:
        (one, first), (other, second) = list(found.items())[:2]
        raise mixed_frequencies(rows.ids[first], Frequency(*one).name, rows.ids[second], Frequency(*other).name)
    return panel


def mixed_frequencies(first: str, one: str, second: str, other: str) -> DataError:
    """The error of a table whose series differ in their spacing."""
    return DataError(
        f"series '{first}' is {one} and series '{second}' is {other}, expected one frequency in a table: "
        "split the table or bring its series to one spacing."
    )


def seasons_of(
    rows: Rows, values: NDArray[np.float64], frequency: Frequency, given: tuple[int, ...] | None
) -> tuple[tuple[int, ...], str]:
    """Season lengths in steps, and a sentence on where they are from: given, the calendar, or the data."""
    if given is not None:
        seasons = tuple(sorted({season for season in given if season > 1}))
        return seasons, _season_finding(seasons, "as given")
    if frequency.months or not frequency.is_regular or frequency.default_seasons:
        steps = _steps(rows, frequency)[rows.offsets[1:] - 1] + 1
        seasons = confirm_seasons(steps, frequency.default_seasons)
        return seasons, _season_finding(seasons, "from the calendar")
    seasons = find_seasons(_grids(rows, values, frequency))
    return seasons, _season_finding(seasons, "from the data")


def _steps(rows: Rows, frequency: Frequency) -> NDArray[np.int64]:
    """Steps of each row from the first of its series."""
    return frequency.position(rows.times, rows.times[rows.offsets[:-1]][rows.codes])


def _grids(rows: Rows, values: NDArray[np.float64], frequency: Frequency) -> list[NDArray[np.float64]]:
    """The last values of some series on their grid, NaN where a row is missing."""
    grids = []
    for series in np.unique(np.linspace(0, len(rows.ids) - 1, 2 * MOST_SERIES).astype(int)):
        end = rows.offsets[series + 1]
        start = max(int(rows.offsets[series]), int(end) - MOST_ROWS)
        steps = frequency.position(rows.times[start:end], rows.times[start])
        recent = steps > steps[-1] - MOST_ROWS
        grid = np.full(int(steps[-1] - steps[recent][0]) + 1, np.nan)
        grid[steps[recent] - steps[recent][0]] = values[start:end][recent]
        grids.append(grid)
    return grids


def _season_finding(seasons: tuple[int, ...], reason: str) -> str:
    if not seasons:
        return f"no seasons ({reason})."
    return f"seasons of {' and '.join(str(season) for season in seasons)} steps, {reason}."
