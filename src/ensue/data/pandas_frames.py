"""pandas to Polars and back, column by column through NumPy: PyArrow is not needed, an index of times is kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl

from ensue.errors import DataError

TIME, VALUE = "ds", "y"
"""Names of the columns made for values that come without names."""
_NUMBERS = ("int", "uint", "float", "double", "bool", "decimal")
_TIMES = ("datetime64", "timestamp", "date32", "date64")


def from_table(table: Any) -> pl.DataFrame:
    """A pandas DataFrame; an index that has a name or holds times comes first as a column."""
    columns: dict[str, pl.Series] = {}
    for level in range(table.index.nlevels):
        index = table.index.get_level_values(level)
        if index.name is not None or (holds_times(index) and TIME not in table.columns):
            name = TIME if index.name is None else str(index.name)
            columns[name] = from_column(name, index)
    for position, label in enumerate(table.columns):
        name = "_".join(str(each) for each in label) if isinstance(label, tuple) else str(label)
        if name in columns and name not in table.index.names:
            raise DataError(f"the table has two columns called '{name}', expected one: rename one.")
        columns[name] = from_column(name, table.iloc[:, position])
    return pl.DataFrame(list(columns.values()))


def from_column(name: str, column: Any) -> pl.Series:
    """One column or index level, whichever of pandas' many types it has; a period becomes its first moment."""
    dtype = str(column.dtype).lower()
    if dtype.startswith("period"):
        return from_column(name, _accessor(column).to_timestamp())
    if dtype.startswith(_TIMES):
        return _from_times(name, column)
    if dtype == "category":
        return from_column(name, column.astype(column.dtype.categories.dtype))
    if dtype.startswith("timedelta") or not dtype.startswith((*_NUMBERS, "sparse")):
        return from_objects(name, [None if gone else each for each, gone in zip(column, column.isna(), strict=True)])
    if not np.asarray(column.isna()).any():
        kinds = {"bool": np.bool_, "int": np.int64, "uint": np.uint64}
        kind = next((each for start, each in kinds.items() if dtype.startswith(start)), np.float64)
        return pl.Series(name, column.to_numpy(dtype=kind))
    values = pl.Series(name, column.to_numpy(dtype=float, na_value=np.nan)).fill_nan(None)
    return values.cast(pl.Boolean) if dtype.startswith("bool") else values


def from_objects(name: str, values: Iterable[object]) -> pl.Series:
    """Python objects: numbers, texts, dates or truths, with None for a missing one; numbers among texts are text.

    >>> from_objects("y", [1, 2.5, None]).to_list(), from_objects("y", [1, "x"]).to_list()
    ([1.0, 2.5, None], ['1', 'x'])
    """
    values = list(values)
    kinds = {type(value) for value in values if value is not None}
    numeric = {kind for kind in kinds if issubclass(kind, (bool, int, float, np.number))}
    try:
        if len(kinds) > 1 and numeric == kinds:
            return pl.Series(name, [None if value is None else float(value) for value in values], pl.Float64)  # type: ignore[arg-type]
        if str in kinds and kinds == numeric | {str}:
            return pl.Series(name, [None if value is None else str(value) for value in values], pl.String)
        return pl.Series(name, values)
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"column '{name}' holds values of the types {', '.join(sorted(kind.__name__ for kind in kinds))}, "
            "expected numbers, texts or times: give it one type."
        ) from error


def from_polars(frame: pl.DataFrame) -> Any:
    """A pandas DataFrame with ordinary NumPy columns, times with their zone."""
    import pandas as pd  # here: only who gives pandas needs it

    return pd.DataFrame({column.name: _to_pandas(pd, column) for column in frame})


def holds_times(index: Any) -> bool:
    return type(index).__name__ in ("DatetimeIndex", "PeriodIndex")


def _accessor(column: Any) -> Any:
    """Where a column keeps its functions of time: an index has them itself, a series under `dt`."""
    return column if holds_times(column) else column.dt


def _from_times(name: str, column: Any) -> pl.Series:
    zone = _accessor(column).tz
    if zone is None:
        return pl.Series(name, column.to_numpy().astype("datetime64[us]"))
    try:
        utc = _accessor(_accessor(column).tz_convert("UTC")).tz_localize(None)
        values = pl.Series(name, utc.to_numpy().astype("datetime64[us]"))
        return values.dt.replace_time_zone("UTC").dt.convert_time_zone(str(zone))
    except pl.exceptions.ComputeError:  # a fixed offset has no name that Polars knows: the local clock is kept
        return pl.Series(name, _accessor(column).tz_localize(None).to_numpy().astype("datetime64[us]"))


def _to_pandas(pd: Any, column: pl.Series) -> Any:
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone:
        utc = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None).to_numpy()
        return pd.Series(utc).dt.tz_localize("UTC").dt.tz_convert(column.dtype.time_zone)
    objects = column.dtype == pl.String or (column.dtype == pl.Boolean and column.null_count())
    return column.to_list() if objects else column.to_numpy()
