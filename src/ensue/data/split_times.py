"""Times that a table keeps in several columns, put together: a date and a clock, or year, month, day and hour."""

from __future__ import annotations

import polars as pl

_CLOCK = r"^([01]?\d|2[0-4])[:.][0-5]\d([:.][0-5]\d([.,]\d+)?)?$"
_PARTS = {"year": (1500, 2200), "month": (1, 12), "day": (1, 31), "hour": (0, 24)}
"""Names of the columns and what their numbers may be."""


def join_split_times(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Put a time together that stands in several columns of a typed table; the columns it came from are left out.

    >>> joined, findings = join_split_times(pl.DataFrame({"Year": [2024, 2024], "month": [1, 2], "y": [5.0, 6.0]}))
    >>> joined["ds"].to_list()[1].isoformat(), findings
    ('2024-02-01T00:00:00', ["times in 'ds' are put together from the columns 'Year' and 'month'."])
    """
    times = [each for each in frame if each.dtype == pl.Datetime]
    if len(times) == 1:
        return _with_clock(frame, times[0])
    return (frame, []) if times else _with_parts(frame)


def _with_clock(frame: pl.DataFrame, dates: pl.Series) -> tuple[pl.DataFrame, list[str]]:
    """A column of dates and one of clock times, as many loggers write them."""
    clocks = [
        each.name for each in frame if each.dtype == pl.String and each.str.contains(_CLOCK).fill_null(False).all()
    ]
    if len(clocks) != 1 or not (dates == dates.dt.truncate("1d")).fill_null(True).all():
        return frame, []
    fields = pl.col(clocks[0]).str.replace_all(r"[:.,]", ":").str.split(":")
    hours, minutes, seconds = (fields.list.get(at, null_on_oob=True).cast(pl.Int64).fill_null(0) for at in range(3))
    joined = frame.with_columns(pl.col(dates.name) + pl.duration(hours=hours, minutes=minutes, seconds=seconds))
    return joined.drop(clocks[0]), [_finding(dates.name, [dates.name, clocks[0]])]


def _with_parts(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Columns called year and month, and perhaps day and hour, in a table that has no other time."""
    columns = {name.lower(): name for name in frame.columns}
    parts = []
    for part, (low, high) in _PARTS.items():
        column = frame[columns[part]] if part in columns else None
        if column is None or column.dtype != pl.Int64 or not column.is_between(low, high).fill_null(False).all():
            break
        parts.append(columns[part])
    if len(parts) < 2 or "ds" in columns:
        return frame, []
    year, month, day, hour = [pl.col(each) for each in parts] + [pl.lit(1), pl.lit(1), pl.lit(0)][len(parts) - 1 :]
    first = pl.datetime(year, month, 1)
    date = pl.when((first + pl.duration(days=day - 1)).dt.month() == month).then(
        first + pl.duration(days=day - 1, hours=hour)
    )
    stamps = frame.select(date.alias("ds"))["ds"]
    if stamps.null_count():  # 30 February: the columns are something else
        return frame, []
    return frame.drop(parts).insert_column(0, stamps), [_finding("ds", parts)]


def _finding(name: str, parts: list[str]) -> str:
    listed = ", ".join(f"'{each}'" for each in parts[:-1]) + f" and '{parts[-1]}'"
    return f"times in '{name}' are put together from the columns {listed}."
