"""What callers give, and what they get back: tables of any kind, ids, levels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensue.errors import DataError, UsageError, nearest

if TYPE_CHECKING:
    import polars

    from ensue.data.panel import Panel


def frame_of(df: Any) -> tuple[polars.DataFrame, tuple[str, ...]]:
    """A table as Polars, and what was found in its file."""
    if isinstance(df, (str, Path)):
        from ensue.data.tables import read_table

        table = read_table(df)
        return table.frame, table.findings
    from ensue.data.frames import to_polars

    return to_polars(df), ()


def kind_of(df: Any) -> Any:
    """No rows of a table, to know its kind by; None for a file."""
    if isinstance(df, (str, Path)):
        return None
    import polars

    if isinstance(df, polars.DataFrame):
        return df.clear()
    import narwhals as nw

    native: Any = nw.from_native(df, pass_through=True, allow_series=True)
    if isinstance(native, nw.LazyFrame):
        return native.head(0).collect().lazy().to_native()
    if isinstance(native, nw.Series):
        native = native.to_frame()
    # A copy, for a view would keep the whole table in memory.
    return native.head(0).clone().to_native() if isinstance(native, nw.DataFrame) else df


def like_given(frame: polars.DataFrame, df: Any, id: str | None) -> Any:
    """A forecast as the kind of table that `df` is, its ids and days as they are there."""
    import polars

    from ensue.data.frames import like, to_polars

    if df is None or isinstance(df, (str, Path)):
        return frame
    kinds, time = to_polars(kind_of(df)).schema, frame.columns[1]
    if id is not None and id in kinds and kinds[id].is_integer():
        frame = frame.with_columns(polars.col(id).cast(kinds[id]))
    if _holds_dates(df, time):
        frame = frame.with_columns(polars.col(time).cast(polars.Date))
    return like(frame, df)


def _holds_dates(df: Any, time: str) -> bool:
    """Whether a column of a table is of days rather than stamps."""
    import polars

    if isinstance(df, polars.DataFrame):
        return df.schema.get(time) == polars.Date
    import narwhals as nw

    native: Any = nw.from_native(df, pass_through=True)
    return hasattr(native, "collect_schema") and native.collect_schema().get(time) == nw.Date


def series_of(panel: Panel, id: str | None, what: str) -> int:
    """The number of a series by its id; of the only one without. Raises where there are several, or none of that id."""
    if id is None and len(panel) > 1:
        raise UsageError(f"The table has {len(panel)} series and {what} reads one: give id=, such as '{panel.ids[0]}'.")
    id = None if id is None else str(id)  # the ids of a panel are text
    if id is not None and id not in panel.ids:
        raise DataError(f"There is no series '{id}': {nearest(id, panel.ids)}")
    return 0 if id is None else panel.ids.index(id)


def percents(levels: Any) -> tuple[float, ...]:
    """Levels of bands as numbers. Raises `UsageError` where they are none."""
    try:
        if isinstance(levels, str):
            raise TypeError(levels)
        return tuple(float(level) for level in levels)
    except (TypeError, ValueError) as error:
        raise UsageError(f"levels is {levels!r}, expected a list of percents: give [80, 95], for example.") from error


def as_tuple(name: str, value: Any) -> tuple[Any, ...]:
    """One value or several as several. Raises `UsageError` for what is neither."""
    if isinstance(value, (str, int)):
        return (value,)
    try:
        return tuple(value)
    except TypeError as error:
        expected = "a list of whole numbers" if name == "season" else "a list of column names"
        raise UsageError(f"{name} is {value!r}, expected {expected}.") from error
