"""From a table to a panel: rows sorted, duplicates settled, every series put on its grid with gaps kept as gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ensue.data.duplicates import settle_duplicates
from ensue.data.future_frames import append_future, some
from ensue.data.grids import Grid, count_steps, gap_finding, lay_grid
from ensue.data.panel import Panel, SeriesView, gather_rows, hide_future
from ensue.data.roles import melt
from ensue.data.rows import count_noun
from ensue.data.schema import Schema
from ensue.data.sheet import Sheet, read_sheet
from ensue.errors import DataError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Panel", "SeriesView", "build_panel"]

Integers = NDArray[np.int64]


def build_panel(
    frame: pl.DataFrame,
    schema: Schema,
    *,
    duplicates: str = "error",
    future: pl.DataFrame | None = None,
    for_training: bool = True,
    min_length: int = 3,
) -> Panel:
    """Put every series of a table on its grid.

    Args:
        frame: The table. Rows after a series' last known target are its future where they hold known covariates.
        schema: Which column is which, from `find_roles`.
        duplicates: Rows with the same id and time: 'error', 'first' or 'mean'.
        future: A table of known covariates that starts where each series ends.
        for_training: Leave out series that are too short or constant; those without any value are left out always.
        min_length: Known values that a series needs for training.

    Raises:
        DataError: Duplicates, mixed frequencies, cells that are no numbers, a future table that does not fit, or no
            series left.

    >>> import polars as pl
    >>> table = pl.DataFrame({"ds": [1, 2, 4], "y": [1.0, 2.0, 4.0]})
    >>> panel = build_panel(table, Schema(None, "ds", "y"))
    >>> panel.y.tolist(), panel.findings
    ([1.0, 2.0, nan, 4.0], ('1 missing row (25 %) is kept as a gap.',))
    """
    sheet = read_sheet(melt(frame, schema), schema)
    sheet, steps = settle_duplicates(sheet, count_steps(sheet.rows, schema.frequency), duplicates, schema)
    panel = _to_panel(
        sheet, lay_grid(sheet.rows, steps, schema.frequency), schema, min_length if for_training else None
    )
    return panel if future is None else append_future(panel, future)


def _to_panel(sheet: Sheet, grid: Grid, schema: Schema, min_length: int | None) -> Panel:
    """Each series from its first known target to its last, future rows behind; series of no use left out."""
    y, future = grid.lay(sheet.y), grid.lay(sheet.future)
    known = np.isfinite(y)
    counts = np.add.reduceat(known, grid.offsets[:-1], dtype=np.int64)
    first, last = _bounds(known, grid.offsets)
    # A row with at least one covariate is a future row; which of them a forecast cannot do without is not known here.
    end = (
        np.maximum(last, _bounds(np.asarray(np.isfinite(future).any(axis=1)), grid.offsets)[1])
        if schema.future
        else last
    )
    kept, left_out = _choose(sheet.rows.ids, y, grid.offsets, counts, min_length)
    rows, offsets = gather_rows(first[kept], (end - first)[kept])
    trimmed = _trim_findings(grid.offsets, first, end, counts)
    empty = int((grid.has_row()[rows] & ~known[rows]).sum()) - int((end - last)[kept].sum())
    gaps = [gap_finding(empty, len(rows), "empty target")] if empty else []
    whole = len(rows) == len(y)
    panel = Panel(
        schema,
        tuple(sheet.rows.ids[i] for i in kept),
        offsets,
        (last - first)[kept],
        grid.times if whole else grid.times[rows],
        y if whole else y[rows],
        grid.lay(sheet.past) if whole else grid.lay(sheet.past)[rows],
        future if whole else future[rows],
        sheet.static[kept],
        (*sheet.findings, *grid.findings, *gaps, *trimmed, *left_out),
    )
    return hide_future(panel)


def _bounds(marked: NDArray[np.bool_], offsets: Integers) -> tuple[Integers, Integers]:
    """First marked row of each series and the row after the last; both the series' start where none is."""
    index = np.arange(len(marked))
    starts = offsets[:-1]
    first = np.minimum.reduceat(np.where(marked, index, len(marked)), starts)
    after = np.maximum.reduceat(np.where(marked, index + 1, 0), starts)
    return np.where(after > 0, first, starts), np.maximum(after, starts)


def _choose(
    ids: tuple[str, ...], y: NDArray[np.float64], offsets: Integers, counts: Integers, min_length: int | None
) -> tuple[Integers, list[str]]:
    """The series of use, and sentences on the others. `min_length` is None where nothing is to be learned."""
    empty = counts == 0
    reasons = {"without a value": empty}
    if min_length is not None:
        known = np.isfinite(y)
        least = np.minimum.reduceat(np.where(known, y, np.inf), offsets[:-1])
        most = np.maximum.reduceat(np.where(known, y, -np.inf), offsets[:-1])
        short = (counts < min_length) & ~empty
        reasons[f"with fewer than {min_length} values"] = short
        reasons["of one constant value"] = (least == most) & ~short
    useless = np.any(list(reasons.values()), axis=0)
    said = [
        f"{count:,} series {reason}: {some([ids[i] for i in np.flatnonzero(marked)])}"
        for reason, marked in reasons.items()
        if (count := int(marked.sum()))
    ]
    if useless.all():
        task = "forecast" if min_length is None else "learn from"
        raise DataError(f"no series is left to {task}: the table has {', and '.join(said)}.")
    return np.flatnonzero(~useless), [f"left out {each}." for each in said]


def _trim_findings(offsets: Integers, first: Integers, end: Integers, counts: Integers) -> list[str]:
    seen = counts > 0
    before, after = int((first - offsets[:-1])[seen].sum()), int((offsets[1:] - end)[seen].sum())
    sides = {"before the first known target": before, "after the last known target": after}
    verb = {True: "is", False: "are"}
    return [
        f"{count_noun(rows, 'row')} {side} of their series {verb[rows == 1]} left out."
        for side, rows in sides.items()
        if rows
    ]
