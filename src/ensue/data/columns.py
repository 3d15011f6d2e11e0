"""Columns of text to columns of numbers, times, truths and text, with a sentence on whatever was not plain.

A column is only turned when every cell that holds something can be turned: one word among numbers leaves the column as
text, so that whoever wants numbers from it can say which cell to correct.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field

import polars as pl

from ensue.data.numerals import Numbers, decimal_sign, is_missing, read_numbers
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
    if not any(dtype.is_temporal() for dtype in typed.dtypes):
        typed = _with_times_of_digits(frame, typed, typing)
    typed, found = join_split_times(typed)
    return typed, typing.decimal, typing.findings + found


def type_column(column: pl.Series, typing: Typing) -> pl.Series:
    """One column of text, typed; what is not plain is added to the findings."""
    missing = is_missing(column)
    if missing.all():
        typing.findings.append(f"column '{column.name}' holds no values.")
        return pl.Series(column.name, [None] * len(column), pl.Float64)
    if column.str.to_lowercase().is_in(["true", "false"]).set(missing, True).all():
        return (column.str.to_lowercase() == "true").set(missing, None)
    if column.str.contains(r"^[+-]?0\d+$").any() and column.str.contains(r"^\d*$").set(missing, True).all():
        return column  # '007' is a name, not the number 7
    numbers = read_numbers(column, typing.decimal)
    if numbers.share == 1:
        return _numbers(column, numbers, typing)
    if share_of_stamps(column) >= _MOSTLY:
        return _times(column, typing)
    if numbers.share >= _MOSTLY:
        row = int(numbers.unread.arg_true()[0])
        typing.findings.append(
            f"column '{column.name}' is left as text: {numbers.share:.0%} are numbers, but row {typing.rows(row)} holds "
            f"'{column[row]}'."
        )
    return column


def _decimal_of_table(frame: pl.DataFrame, separator: str | None) -> str:
    """The decimal sign that most columns of numbers prove; where none does, by the separator."""
    votes = [sign for column in frame if (sign := decimal_sign(column)) and read_numbers(column).share > 0.5]
    if votes:
        return max(sorted(set(votes)), key=votes.count)
    return "," if separator == ";" and any(_only_commas(column) for column in frame) else "."


def _only_commas(column: pl.Series) -> bool:
    return bool(column.str.contains(r"^[+-]?\d{1,3},\d{3}$").any()) and not column.str.contains(r"\d\.\d").any()


def _numbers(column: pl.Series, numbers: Numbers, typing: Typing) -> pl.Series:
    present = column.set(is_missing(column), None)
    whole = present.cast(pl.Int64, strict=False)
    if whole.null_count() == present.null_count():
        return whole
    if numbers.grouped:
        example = present.filter(present.str.contains(r"\d\D\d{3}"))[0]
        value = numbers.values.filter(present == example)[0]
        typing.findings.append(f"column '{column.name}' groups thousands: '{example}' is read as {value:.10g}.")
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
        present = column.filter(~is_missing(column))
        if not _TIME_NAMES.search(column.name.lower()) or not len(present):
            continue
        if any(present.str.contains(f"^{pattern}$").all() for pattern in _TIMES_OF_DIGITS):
            with contextlib.suppress(DataError):  # then they are the numbers they look like
                return typed.with_columns(_zoned(parse_stamps(column, typing.rows), typing))
    return typed
