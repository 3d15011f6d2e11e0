"""The ways people write a time stamp, each a pattern with named parts, and the parts put together.

Knows single stamps only; what a whole column says about the order of day and month is decided in `stamps`.
"""

from __future__ import annotations

import re
from typing import Literal

import polars as pl

_ZONE = r"(?:\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})(?:\[[\w/+-]+\])?)?"
_CLOCK = (
    r"(?:[T ,]+(?P<hour>\d{1,2})(?:[:.h](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?)?"
    r"\s*(?P<half>[AP]\.?M\.?)?" + _ZONE + ")?"
)
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)\p{L}{0,6}\.?,?\s+)?"
LAYOUTS = {
    "year-month-day": r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})(?:[-/.](?P<day>\d{1,2}))?" + _CLOCK,
    "numbers": _WEEKDAY + r"(?P<one>\d{1,2})[-/. ](?P<two>\d{1,2})[-/. ](?P<year>\d{4}|\d{2})\.?" + _CLOCK,
    "yearmonthday": r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})(?:[T ]?(?P<hour>\d{2}):?(?P<minute>\d{2})"
    r"(?::?(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9}))?)?" + _ZONE + ")?",
    "year": r"(?P<year>\d{4})",
    "yearmonth": r"(?P<year>\d{4})M?(?P<month>\d{2})",
    "month/year": r"(?P<month>\d{1,2})[-/.](?P<year>\d{4})",
    "day month-name year": _WEEKDAY
    + r"(?P<day>\d{1,2})(?:st|nd|rd|th)?\.?[-/. ]*(?P<name>\p{L}{3,9})\.?[-/., ]*(?P<year>\d{4}|\d{2})"
    + _CLOCK,
    "month-name day year": _WEEKDAY
    + r"(?P<name>\p{L}{3,9})\.?[- ]+(?P<day>\d{1,2})(?:st|nd|rd|th)?(?:,\s*|\s+|-)(?P<year>\d{4})"
    + _CLOCK,
    "month-name year": r"(?P<name>\p{L}{3,9})\.?[-/., ]*(?P<year>\d{4}|\d{2})",
    "year month-name day": r"(?P<year>\d{4})[-/. ]*(?P<name>\p{L}{3,9})\.?(?:[-/. ]*(?P<day>\d{1,2}))?" + _CLOCK,
    "year and quarter": r"(?P<year>\d{4})[- ]?Q(?P<quarter>[1-4])",
    "quarter and year": r"Q(?P<quarter>[1-4])[-/ ]+(?P<year>\d{4})",
    "year and week": r"(?P<year>\d{4})-?W(?P<week>\d{2})(?:-?(?P<weekday>[1-7]))?",
}
"""How a stamp may be written, by the words that describe it; the first that fits counts."""
_PARTS = ("year", "month", "day", "one", "two", "name", "quarter", "week", "weekday")
_CLOCK_PARTS = ("hour", "minute", "second", "fraction", "half", "zone")
_MONTHS = (
    "jan(uary|uar)?", "feb(ruary|ruar)?", "mar(ch|s)?|mär(z)?|mrz", "apr(il)?", "may|mai", "june?|juni",
    "july?|juli", "aug(ust)?", "sept?(ember)?", "o[ck]t(ober)?", "nov(ember)?", "de[cz](ember)?",
)  # fmt: skip
Order = Literal["day", "month"]


def read_parts(stamps: pl.Series) -> pl.DataFrame:
    """Cut stamps into their written parts.

    Returns:
        A frame of strings with a column for every part and `layout`, the name of the layout; all null where none fits.

    >>> read_parts(pl.Series(["31.01.2024 13:00"])).select("layout", "one", "two", "year", "hour").row(0)
    ('numbers', '31', '01', '2024', '13')
    """
    empty = {part: pl.Series(part, [None] * len(stamps), pl.String) for part in (*_PARTS, *_CLOCK_PARTS, "layout")}
    parts = pl.DataFrame(empty)
    for layout, pattern in LAYOUTS.items():
        unread = parts["layout"].is_null() & stamps.is_not_null()
        if not unread.any():
            break
        found = stamps.set(~unread, None).str.extract_groups(f"(?i)^{pattern}$").struct.unnest()
        fits = found["year"].is_not_null()
        if not fits.any():
            continue
        parts = parts.with_columns(
            *(pl.coalesce(parts[part], found[part]).alias(part) for part in found.columns),
            pl.when(fits).then(pl.lit(layout)).otherwise(parts["layout"]).alias("layout"),
        )
    return parts


def assemble(parts: pl.DataFrame, order: Order) -> pl.Series:
    """Put parts together into local times.

    Args:
        parts: As `read_parts` returns them.
        order: Which comes first where both are numbers, the day or the month.

    Returns:
        Datetime("us") without a zone; null where the parts make no date, such as 30 February.
    """
    numbers = parts.select(
        _year(),
        pl.coalesce(
            _whole("month"),
            _whole("two" if order == "day" else "one"),
            _month_of_name(parts["name"]),
            _whole("quarter") * 3 - 2,
        )
        .fill_null(1)
        .alias("month"),
        pl.coalesce(_whole("day"), _whole("one" if order == "day" else "two")).fill_null(1).alias("day"),
        _whole("week"),
        _whole("weekday").fill_null(1),
        _hour(),
        _whole("minute").fill_null(0),
        _whole("second").fill_null(0),
        pl.col("fraction").str.pad_end(6, "0").str.slice(0, 6).cast(pl.Int64).fill_null(0).alias("microsecond"),
    )
    sound = (
        pl.col("month").is_between(1, 12)
        & pl.col("day").is_between(1, 31)
        & pl.col("year").is_between(1, 9998)
        & pl.col("minute").is_between(0, 59)
        & pl.col("second").is_between(0, 59)
        & (pl.col("hour").is_between(0, 23) | ((pl.col("hour") == 24) & (pl.col("minute") + pl.col("second") == 0)))
    )
    first = pl.when(sound).then(
        pl.datetime(pl.when(sound).then("year").otherwise(1), pl.when(sound).then("month").otherwise(1), 1)
    )
    date = first + pl.duration(days=pl.col("day") - 1)
    fourth = pl.datetime(pl.when(sound).then("year").otherwise(1), 1, 4)  # always in the first week, ISO 8601
    monday = fourth.dt.truncate("1w") + pl.duration(days=(pl.col("week") - 1) * 7 + pl.col("weekday") - 1)
    date = pl.when(pl.col("week").is_not_null()).then(monday).when(date.dt.month() == pl.col("month")).then(date)
    clock = pl.duration(hours="hour", minutes="minute", seconds="second", microseconds="microsecond")
    return numbers.select((date + clock).cast(pl.Datetime("us"))).to_series()


def offset_minutes(parts: pl.DataFrame) -> pl.Series:
    """Minutes east of UTC that a stamp says; null where it says nothing."""
    zone = pl.col("zone").str.to_uppercase()
    sign = pl.when(zone.str.starts_with("-")).then(-1).otherwise(1)
    hours, minutes = zone.str.slice(1, 2).cast(pl.Int64, strict=False), zone.str.slice(-2).cast(pl.Int64, strict=False)
    shift = sign * (hours * 60 + pl.when(zone.str.len_chars() > 3).then(minutes).otherwise(0))
    return parts.select(pl.when(zone.is_in(["Z", "UTC", "GMT"])).then(0).otherwise(shift).alias("offset")).to_series()


def _whole(part: str) -> pl.Expr:
    return pl.col(part).cast(pl.Int64, strict=False)


def _year() -> pl.Expr:
    """Two digits are years 1969 to 2068, as POSIX reads them."""
    year = _whole("year")
    short = pl.when(year < 69).then(year + 2000).otherwise(year + 1900)
    return pl.when(pl.col("year").str.len_chars() == 2).then(short).otherwise(year).alias("year")


def _hour() -> pl.Expr:
    """Twelve in the morning is 0 and in the afternoon 12; '13 PM' is no hour."""
    hour, half = _whole("hour"), pl.col("half").str.to_lowercase().str.slice(0, 1)
    twelve = hour % 12 + pl.when(half == "p").then(12).otherwise(0)
    of_half = pl.when(hour.is_between(1, 12)).then(twelve).otherwise(-1)
    return pl.when(half.is_not_null()).then(of_half).otherwise(hour.fill_null(0)).alias("hour")


def _month_of_name(names: pl.Series) -> pl.Series:
    """Month of an English or German name, in full or short; 0 for a name that is none, so that it is refused."""
    known = names.str.to_lowercase().unique().drop_nulls().to_list()
    months = {name: next((at for at, each in enumerate(_MONTHS, 1) if re.fullmatch(each, name)), 0) for name in known}
    if not months:
        return pl.Series(names.name, [None] * len(names), pl.Int64)
    return names.str.to_lowercase().replace_strict(months, default=None, return_dtype=pl.Int64)
