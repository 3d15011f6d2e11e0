"""The cells of a table as numbers: the target and the covariates of its sorted rows, categories as codes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ensue.data.rows import Rows, count_noun, count_positions, read_rows, read_times, require_column
from ensue.data.schema import Covariate, Schema
from ensue.errors import DataError

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sheet:
    """Sorted rows: `y` `(rows,)`, `past` and `future` `(rows, columns)`, and of the series `static` `(series, columns)`."""

    rows: Rows
    y: Floats
    past: Floats
    future: Floats
    static: Floats
    findings: tuple[str, ...] = ()

    def keep(self, kept: NDArray[np.bool_]) -> Sheet:
        """Only some of the rows, at least one of each series."""
        return replace(self, rows=self.rows.keep(kept), y=self.y[kept], past=self.past[kept], future=self.future[kept])


def read_sheet(frame: pl.DataFrame, schema: Schema) -> Sheet:
    """Read and sort a long table.

    Raises DataError for cells that are no numbers or times, and for stamps of another kind than the schema's.
    """
    from ensue.data.tables import numeric_column

    rows = read_table_rows(frame, schema)
    y = rows.sort(to_floats(numeric_column(frame, schema.target)))
    past, past_notes = read_covariates(frame, schema.past, rows)
    future, future_notes = read_covariates(frame, schema.future, rows)
    fixed, static_notes = read_covariates(frame, schema.static, rows)
    notes = [] if rows.was_sorted else [f"rows sorted by '{schema.time}'."]
    static = _one_a_series(fixed, schema, rows)
    return Sheet(rows, y, past, future, static, (*notes, *past_notes, *future_notes, *static_notes))


def read_table_rows(frame: pl.DataFrame, schema: Schema) -> Rows:
    """The sorted rows of a table that has the schema's columns of times and ids."""
    if not frame.height:
        raise DataError("the table has no rows, expected at least one.")
    if schema.time is None:
        rows = read_rows(frame, schema.id, None, schema.target)
        return replace(rows, times=count_positions(rows))
    clock = read_times(frame, schema.time, schema.frequency, schema.time_zone)
    _check_kind(schema, clock.values.dtype.kind == "M", clock.time_zone)
    return read_rows(frame, schema.id, clock.values, schema.target)


def _check_kind(schema: Schema, stamps: bool, zone: str | None) -> None:
    kinds = {True: "time stamps", False: "whole numbers"}
    if schema.frequency.has_stamps != stamps:
        raise DataError(f"column '{schema.time}' holds {kinds[stamps]}, expected {kinds[not stamps]} as in training.")
    if (schema.time_zone is None) != (zone is None):
        found, wanted = ("without", "with") if zone is None else ("with", "without")
        raise DataError(
            f"column '{schema.time}' holds time stamps {found} a time zone, expected them {wanted} one as in training."
        )


def read_covariates(frame: pl.DataFrame, covariates: tuple[Covariate, ...], rows: Rows) -> tuple[Floats, list[str]]:
    """Covariates of sorted rows, `(rows, columns)`: numbers, or the codes of categories; and what is to say of them."""
    from ensue.data.tables import numeric_column

    values = np.empty((len(rows.times), len(covariates)))
    notes: list[str] = []
    for column, covariate in enumerate(covariates):
        require_column(frame, covariate.name)
        if covariate.categories is None:
            read = numeric_column(frame, covariate.name)
        else:
            read, note = _encode(frame[covariate.name], covariate.categories)
            notes += note
        values[:, column] = rows.sort(to_floats(read))
    return values, notes


def to_floats(column: pl.Series) -> Floats:
    """A column as float64, NaN where it is empty."""
    import polars as pl

    return np.asarray(column.cast(pl.Float64).fill_null(np.nan).to_numpy())


def _encode(column: pl.Series, categories: tuple[str, ...]) -> tuple[pl.Series, list[str]]:
    """Codes 1, 2, ... of the categories, 0 where there is no such category, null where the cell is empty."""
    import polars as pl

    text = column.cast(pl.String)
    if set(categories) <= {"true", "false"}:
        text = text.str.to_lowercase()
    codes = text.replace_strict(list(categories), list(range(1, len(categories) + 1)), default=0, return_dtype=pl.Int64)
    codes = codes.set(text.is_null(), None)
    unknown = text.filter((codes == 0).fill_null(False))
    if not len(unknown):
        return codes, []
    counts = unknown.value_counts(sort=True)
    shown = ", ".join(f"'{name}' in {count_noun(times, 'row')}" for name, times in counts.head(3).iter_rows())
    more = f" and {len(counts) - 3} more" if len(counts) > 3 else ""
    return codes, [f"column '{column.name}' holds categories that are not known ({shown}{more})."]


def _one_a_series(values: Floats, schema: Schema, rows: Rows) -> Floats:
    """The one value of each series, `(series, columns)`; empty cells do not count."""
    starts = rows.offsets[:-1]
    known = np.isfinite(values)
    least = np.minimum.reduceat(np.where(known, values, np.inf), starts, axis=0)
    most = np.maximum.reduceat(np.where(known, values, -np.inf), starts, axis=0)
    if (least < most).any():
        series, column = np.argwhere(least < most)[0]
        raise DataError(
            f"column '{schema.static[column].name}' changes within series '{rows.ids[series]}', expected one value a "
            "series: name it as past or future instead of static."
        )
    return np.where(np.isfinite(least), least, np.nan)
