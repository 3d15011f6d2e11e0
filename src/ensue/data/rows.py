"""The rows of a table by series and time: ids as codes, stamps as arrays, and the order that sorts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.calendar import keeps_utc
from ensue.data.days import Stamps
from ensue.data.frequency import Frequency
from ensue.errors import DataError, nearest

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Clock:
    """A column of times as an array `(rows,)` in the table's order."""

    values: Stamps
    time_zone: str | None = None
    finding: str | None = None


@dataclass(frozen=True)
class Rows:
    """Rows sorted by series and time; series stand in the order in which they first appear.

    `offsets` is int64 `(series + 1,)`; `codes` (which series) and `times` are `(rows,)`; `order` is where each row
    stood in the table, None where it was sorted already.
    """

    ids: tuple[str, ...]
    offsets: NDArray[np.int64]
    times: Stamps
    order: NDArray[np.int64] | None
    was_sorted: bool
    """Whether every series' stamps came in order, if perhaps between those of others."""

    @cached_property
    def codes(self) -> NDArray[np.int32]:
        return np.repeat(np.arange(len(self.ids), dtype=np.int32), np.diff(self.offsets))

    def sort(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values of the table's rows, in the order of these."""
        return values if self.order is None else values[self.order]

    def keep(self, kept: NDArray[np.bool_]) -> Rows:
        """Only some of the rows, at least one of each series."""
        counts = np.add.reduceat(kept, self.offsets[:-1], dtype=np.int64)
        order = np.flatnonzero(kept) if self.order is None else self.order[kept]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return Rows(self.ids, offsets, self.times[kept], order, self.was_sorted)


def require_column(frame: pl.DataFrame, name: str) -> None:
    """Refuse a column that is not there.

    Raises DataError with the nearest name.
    """
    if name not in frame.columns:
        raise DataError(f"there is no column '{name}': {nearest(name, frame.columns)}")


def id_columns(name: str, columns: Sequence[str]) -> list[str]:
    """The columns that an id such as 'store' or 'store,item' names."""
    return [name] if name in columns else [part.strip() for part in name.split(",")]


def read_times(frame: pl.DataFrame, name: str, frequency: Frequency | None = None, zone: str | None = None) -> Clock:
    """A column of stamps, text that holds stamps, or whole numbers.

    Stamps with a time zone become UTC, or local dates (of `zone`, if given) at a frequency of days and more. Raises
    DataError for empty cells and for what is no time.
    """
    import polars as pl

    from ensue.data.stamps import parse_stamps

    require_column(frame, name)
    column = frame[name]
    if column.null_count():
        row = int(column.is_null().arg_true()[0])
        raise DataError(f"column '{name}' is empty in row {row + 2}, expected a time: fill the cell or remove the row.")
    if column.dtype == pl.String or _are_dates(column):
        parsed = parse_stamps(column)
        # One fixed offset is a local clock like any other; only UTC tells something about other tables.
        return Clock(_to_numpy(parsed.values), "UTC" if parsed.time_zone == "UTC" else None, parsed.finding)
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone:
        local = frequency is not None and not keeps_utc(frequency)
        moved = column.dt.convert_time_zone((zone or column.dtype.time_zone) if local else "UTC")
        return Clock(_to_numpy(moved.dt.replace_time_zone(None)), column.dtype.time_zone)
    if column.dtype in (pl.Date, pl.Datetime):
        return Clock(_to_numpy(column))
    if column.dtype.is_integer() or (column.dtype.is_float() and bool((column == column.floor()).all())):
        return Clock(column.cast(pl.Int64).to_numpy())
    raise DataError(
        f"column '{name}' holds {column[0]!r}, expected times or whole numbers: choose another time column."
    )


def _to_numpy(column: pl.Series) -> Stamps:
    import polars as pl

    return np.asarray(column.cast(pl.Datetime("us")).to_numpy(), "datetime64[us]")


def _are_dates(column: pl.Series) -> bool:
    """Whole numbers such as 20240131, or seconds or milliseconds since 1970, which no position would reach."""
    import polars as pl

    if not column.dtype.is_integer() or not len(column):
        return False
    column = column.cast(pl.Int64)
    if column.is_between(19000101, 21991231).all():
        return bool((column // 100 % 100).is_between(1, 12).all() and (column % 100).is_between(1, 31).all())
    return any(bool(column.is_between(low, 14 * low).all()) for low in (300_000_000, 300_000_000_000))


def read_rows(frame: pl.DataFrame, id: str | None, times: Stamps | None, name: str) -> Rows:
    """Sort the rows of a table by series and time.

    `times` is `(rows,)` in the table's order, None to count each series' rows from 0. Without an id column there is one
    series called `name`.
    """
    ids, codes = _read_ids(frame, id, name)
    if times is None:
        times = np.zeros(len(codes), np.int64)
    same = codes[1:] == codes[:-1]
    forward = times[1:] >= times[:-1]
    grouped = bool((codes[1:] >= codes[:-1]).all())
    order = None
    was_sorted = True
    if not (grouped and (forward | ~same).all()):
        order = _sorting(codes, times)
        was_sorted = bool((np.diff(order)[np.diff(codes[order]) == 0] > 0).all())
        times, codes = times[order], codes[order]
    offsets = np.searchsorted(codes, np.arange(len(ids) + 1)).astype(np.int64)
    return Rows(ids, offsets, times, order, was_sorted)


def _sorting(codes: NDArray[np.int32], times: Stamps) -> NDArray[np.int64]:
    """The order by series, then time; rows with the same stamp keep theirs."""
    ticks = times.astype(np.int64)
    ticks -= ticks.min()
    span = int(ticks.max()) + 1
    if span * (int(codes.max()) + 1) >= 2**63:
        return np.lexsort((ticks, codes))
    return np.argsort(codes * np.int64(span) + ticks, kind="stable")  # one key is three times as fast as two


def count_positions(rows: Rows) -> NDArray[np.int64]:
    """The place of each row in its series, from 0: the times of a table without a time column."""
    return np.asarray(np.arange(len(rows.times)) - np.repeat(rows.offsets[:-1], np.diff(rows.offsets)))


def _read_ids(frame: pl.DataFrame, id: str | None, name: str) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """The ids in the order of their first rows, and each row's place among them."""
    import polars as pl

    if id is None:
        return (name,), np.zeros(frame.height, np.int32)
    columns = id_columns(id, frame.columns)
    for column in columns:
        require_column(frame, column)
        if frame[column].null_count():
            row = int(frame[column].is_null().arg_true()[0])
            raise DataError(
                f"column '{column}' is empty in row {row + 2}, expected the name of a series: fill the cell."
            )
    text = frame.select(pl.concat_str([pl.col(each).cast(pl.String) for each in columns], separator="/").alias("id"))
    unique = text["id"].unique(maintain_order=True)
    runs = text["id"].rle_id()
    if int(runs[-1]) + 1 == len(unique):  # series stand one after another
        return tuple(unique), runs.to_numpy().astype(np.int32)
    known = pl.DataFrame({"id": unique, "code": np.arange(len(unique), dtype=np.int32)})
    return tuple(unique), text.join(known, on="id", how="left", maintain_order="left")["code"].to_numpy()


def show_time(stamp: Any) -> str:
    """A stamp or position for messages: '2024-01-31', '2024-01-31 13:00', '17'.

    >>> show_time(np.datetime64("2024-01-31T13:00:00.000000"))
    '2024-01-31 13:00'
    """
    text = str(stamp)
    if "T" not in text:
        return text
    day, _, clock = text.partition("T")
    clock = clock.removesuffix(".000000").removesuffix(":00")
    return day if clock == "00:00" else f"{day} {clock}"


def count_noun(number: int, noun: str) -> str:
    """'1 row', '1,204 rows'."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
