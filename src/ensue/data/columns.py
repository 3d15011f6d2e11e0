"""Columns of text to columns of numbers, times, truths and text, with a sentence on whatever was not plain.

A column is only turned when every cell that holds something can be turned: one word among numbers leaves the column as
text, so that whoever wants numbers from it can say which cell to correct.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field

import polars as pl

from ensue.data.numerals import Numbers, decimal_sign, read_numbers, spread, without_missing
from ensue.data.split_times import join_split_times
from ensue.data.stamps import ParsedStamps, parse_stamps, share_of_stamps
from ensue.data.text_tables import RowNumbers
from ensue.errors import DataError

_TIME_NAMES = re.compile(
    r"(^|[^a-z])(ds|date|datetime|day|time|timestamp|stamp|month|year|quarter|period|epoch|unix|ts|datum|zeit|jahr|monat|fecha|jour)"
    r"([^a-z]|$)|date$|time$|timestamp"
)
_TIMES_OF_DIGITS = (r"(1[5-9]|20|21)\d\d", r"(1[5-9]|20|21)\d\d\.?(0[1-9]|1[0-2])(\d\d){0,4}", r"\d{9,19}(\.\d+)?")
"""Years; months, days, hours, minutes and seconds without signs between; seconds since 1970 or parts of them."""
_MOSTLY = 0.8
"""From this share of numbers or times on, the other cells are taken for mistakes worth a sentence."""


@dataclass
class Typing:
    """What is known while a table of text is typed."""

    rows: RowNumbers
    decimal: str = "."
    """Decimal sign for columns that leave it open."""
    findings: list[str] = field(default_factory=list)


def type_columns(frame: pl.DataFrame, rows: RowNumbers, separator: str | None) -> tuple[pl.DataFrame, str, list[str]]:
    """Turn a frame of strings into typed columns.

    Args:
        frame: All columns String, null where a cell is empty.
        rows: Where its rows stand in their file.
        separator: What stood between cells: with ';', '1,234' is one and some, otherwise a thousand and some.

    Returns:
        The frame with Int64, Float64, Boolean, Datetime("us") and String columns; the decimal sign; the findings.

    >>> type_columns(pl.DataFrame({"a": ["1", "2"], "b": ["x", "1"]}), RowNumbers(), ",")[0].dtypes
    [Int64, String]
    """
    typing = Typing(rows, _decimal_of_table(frame, separator))
    typed = pl.DataFrame([type_column(column, typing) for column in frame])
    typed, joined = join_split_times(typed)
    if not any(dtype.is_temporal() for dtype in typed.dtypes):
        typed = _with_times_of_digits(frame, typed, typing)
        typed, joined = join_split_times(typed)  # a date such as 20240131 may have its clock beside it
    return typed, typing.decimal, typing.findings + joined


def type_plain(
    frame: pl.DataFrame, rows: RowNumbers, *, strings_may_be_numbers: bool = False
) -> tuple[pl.DataFrame, list[str]]:
    """Bring a frame that has types already to our few: text that is times becomes times, nested columns are left out.

    Numbers in text stay text: a table that could have held numbers means names by them, such as '007'. JSON is left out
    of that rule, for many programs write numbers into it as text.

    >>> type_plain(pl.DataFrame({"ds": ["2024-01-31"], "id": ["1"]}), RowNumbers())[0].dtypes
    [Datetime(time_unit='us', time_zone=None), String]
    """
    typing = Typing(rows)
    columns = []
    for column in frame:
        plain = plain_column(column)
        if plain is None:
            typing.findings.append(f"column '{column.name}' is left out: it holds {column.dtype}, no plain values.")
        elif plain.dtype != pl.String or plain.null_count() == len(plain):
            columns.append(plain)
        elif strings_may_be_numbers or read_numbers(plain).share < 1:
            columns.append(type_column(plain, typing))
        else:
            columns.append(plain)
    return pl.DataFrame(columns), typing.findings


def plain_column(column: pl.Series) -> pl.Series | None:
    """The column as Int64, Float64, Boolean, String or Datetime("us"), NaN as null; None where it is no such thing."""
    dtype = column.dtype
    if dtype == pl.Null:
        return column.cast(pl.Float64)
    if dtype.is_integer():
        whole = column.cast(pl.Int64, strict=False)
        return whole if whole.null_count() == column.null_count() else column.cast(pl.Float64)
    if dtype.is_numeric():
        return column.cast(pl.Float64).fill_nan(None)
    if isinstance(dtype, pl.Datetime):
        return column.cast(pl.Datetime("us", dtype.time_zone))
    if dtype == pl.Date:
        return column.cast(pl.Datetime("us"))
    if dtype in (pl.Categorical, pl.Enum, pl.Time):
        return column.cast(pl.String)
    return column if dtype in (pl.Boolean, pl.String) else None


def type_column(column: pl.Series, typing: Typing) -> pl.Series:
    """One column of text, typed; what is not plain is added to the findings."""
    present = without_missing(column)
    some = spread(present)
    if not len(some):
        typing.findings.append(f"column '{column.name}' holds no values.")
        return pl.Series(column.name, [None] * len(column), pl.Float64)
    if _are_truths(some) and _are_truths(present):
        return present.str.to_lowercase() == "true"
    numbers = read_numbers(present, typing.decimal) if read_numbers(some, typing.decimal).share > 0.5 else None
    if numbers and numbers.share == 1:
        return column if _are_names(present) else _numbers(present, numbers, typing)
    if share_of_stamps(some) >= _MOSTLY:
        return _times(column, typing)
    if numbers and numbers.share >= _MOSTLY:
        row = int(numbers.unread.arg_true()[0])
        typing.findings.append(
            f"column '{column.name}' is left as text: {numbers.share:.0%} are numbers, but row {typing.rows(row)} "
            f"holds '{column[row]}'."
        )
    return column


def _are_truths(present: pl.Series) -> bool:
    return bool(present.str.to_lowercase().is_in(["true", "false"]).all())


def _are_names(present: pl.Series) -> bool:
    """Digits of which some begin with a zero: '007' is a name, not the number 7."""
    zeros = present.filter(present.str.starts_with("0"))
    return bool(zeros.str.contains(r"^0\d+$").any()) and bool(present.str.contains(r"^\d+$").all())


def _decimal_of_table(frame: pl.DataFrame, separator: str | None) -> str:
    """The decimal sign that most columns of numbers prove; where none does, by the separator."""
    samples = [spread(without_missing(spread(column))) for column in frame]
    votes = [sign for some in samples if (sign := decimal_sign(some)) and read_numbers(some).share > 0.5]
    if votes:
        return max(sorted(set(votes)), key=votes.count)
    return "," if separator == ";" and any(_only_commas(some) for some in samples) else "."


def _only_commas(column: pl.Series) -> bool:
    return bool(column.str.contains(r"^[+-]?\d{1,3},\d{3}$").any()) and not column.str.contains(r"\d\.\d").any()


def _numbers(present: pl.Series, numbers: Numbers, typing: Typing) -> pl.Series:
    whole = present.cast(pl.Int64, strict=False)
    if whole.null_count() == present.null_count():
        return whole
    if numbers.grouped:
        example = present.filter(present.str.contains(r"\d\D\d{3}"))[0]
        value = numbers.values.filter(present == example)[0]
        typing.findings.append(f"column '{present.name}' groups thousands: '{example}' is read as {value:.10g}.")
        if not present.str.contains(rf"[{numbers.decimal}eEf]").any():
            return numbers.values.cast(pl.Int64)
    return numbers.values


def _times(column: pl.Series, typing: Typing) -> pl.Series:
    try:
        stamps = parse_stamps(column, typing.rows)
    except DataError as error:
        typing.findings.append(f"left as text: {error}")
        return column
    return _zoned(stamps, typing)


def _zoned(stamps: ParsedStamps, typing: Typing) -> pl.Series:
    typing.findings.append(stamps.finding)
    return stamps.values.dt.replace_time_zone("UTC") if stamps.time_zone == "UTC" else stamps.values


def _with_times_of_digits(text: pl.DataFrame, typed: pl.DataFrame, typing: Typing) -> pl.DataFrame:
    """In a table without other times: the first column of 2024, 20240131 or 1706700000 that is called like a time."""
    for column in text:
        present = without_missing(column).drop_nulls()
        if not _TIME_NAMES.search(column.name.lower()) or not len(present):
            continue
        if any(present.str.contains(f"^{pattern}$").all() for pattern in _TIMES_OF_DIGITS):
            with contextlib.suppress(DataError):  # then they are the numbers they look like
                return typed.with_columns(_zoned(parse_stamps(column, typing.rows), typing))
    return typed
