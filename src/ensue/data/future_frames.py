"""A table of covariates that are known ahead, appended to the panel whose future it tells."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.panel import Panel, gather_rows
from ensue.data.rows import show_time
from ensue.data.sheet import read_covariates, read_table_rows
from ensue.errors import DataError

if TYPE_CHECKING:
    import polars as pl


def append_future(panel: Panel, frame: pl.DataFrame) -> Panel:
    """The panel with future rows, which must start right after each series' history and leave no step out.

    Raises DataError where they do not, and where the panel has future rows already.
    """
    schema = panel.schema
    if not schema.future:
        raise DataError("a future table is given, but no covariate is known ahead: name its columns with future.")
    if panel.future_rows().any():
        raise DataError("future rows are in the table and in the future table, expected one of them: leave one out.")
    frame = _with_ids(frame, panel)
    rows = read_table_rows(frame, schema)
    values, notes = read_covariates(frame, schema.future, rows)
    known = {name: place for place, name in enumerate(panel.ids)}
    series = np.array([known.get(name, -1) for name in rows.ids])[rows.codes]  # rows
    ignored = [name for name in rows.ids if name not in known]
    if ignored:
        notes.append(f"the future table tells of series that are not forecast: {some(ignored)}.")
    mine = series >= 0
    rows_of_panel, values, series = rows.times[mine], values[mine], series[mine]
    order = np.argsort(series, kind="stable")
    times, values, series = rows_of_panel[order], values[order], series[order]
    if schema.time is None:
        times = times + panel.times[panel.offsets[1:] - 1][series] + 1
    _check_start(panel, times, series)
    return _insert(replace(panel, findings=(*panel.findings, *notes)), times, values, series)


def with_future(panel: Panel, frame: pl.DataFrame) -> Panel:
    """The panel with the rows of a future table in place of any future rows it has; errors as of `append_future`."""
    rows, offsets = gather_rows(panel.offsets[:-1], panel.history)
    history = replace(
        panel,
        offsets=offsets,
        times=panel.times[rows],
        y=panel.y[rows],
        past=panel.past[rows],
        future=panel.future[rows],
    )
    return append_future(history, frame)


def _with_ids(frame: pl.DataFrame, panel: Panel) -> pl.DataFrame:
    """The table itself, or its rows once for each series where it tells of all series of a wide table alike."""
    import polars as pl

    schema = panel.schema
    if schema.id is None or schema.id in frame.columns or not (schema.wide or len(panel) == 1):
        return frame
    return frame.join(pl.DataFrame({schema.id: panel.ids}), how="cross")


def _check_start(panel: Panel, times: NDArray[Any], series: NDArray[np.int64]) -> None:
    """Refuse rows that do not follow the history step by step."""
    if not len(series):
        return
    place = np.arange(len(series)) - np.searchsorted(series, series)
    last = panel.times[panel.offsets[1:] - 1]
    frequency = panel.schema.frequency
    if frequency.is_regular:
        wrong = frequency.position(times, last[series]) != place + 1
    else:
        before = np.where(place > 0, np.roll(times, 1), last[series])
        wrong = times <= before
    if not wrong.any():
        return
    row = int(np.argmax(wrong))
    name, found = panel.ids[series[row]], show_time(times[row])
    if not frequency.is_regular:
        raise DataError(
            f"the future table of series '{name}' has a row at {found}, expected one after "
            f"{show_time(last[series[row]] if place[row] == 0 else times[row - 1])}: start it right after the history."
        )
    wanted = show_time(frequency.advance(last[series[row] : series[row] + 1], int(place[row]) + 1)[0])
    raise DataError(
        f"the future table of series '{name}' has a row at {found}, expected {wanted}: "
        "start it right after the history and leave no step out."
    )


def _insert(panel: Panel, times: NDArray[Any], values: NDArray[np.float64], series: NDArray[np.int64]) -> Panel:
    added = np.bincount(series, minlength=len(panel))
    offsets = panel.offsets + np.concatenate([[0], np.cumsum(added)])
    kept = np.arange(len(panel.times)) + np.repeat(offsets[:-1] - panel.offsets[:-1], panel.lengths)
    place = np.arange(len(series)) - np.searchsorted(series, series)
    new = (offsets[:-1] + panel.lengths)[series] + place

    def merge(old: NDArray[Any], fresh: NDArray[Any] | float) -> NDArray[Any]:
        merged = np.empty((offsets[-1], *old.shape[1:]), old.dtype)
        merged[kept] = old
        merged[new] = fresh
        return merged

    return replace(
        panel,
        offsets=offsets,
        times=merge(panel.times, times),
        y=merge(panel.y, np.nan),
        past=merge(panel.past, np.nan),
        future=merge(panel.future, values),
    )


def some(names: list[str]) -> str:
    """Up to five names for a sentence, and how many more there are."""
    shown = ", ".join(f"'{name}'" for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
