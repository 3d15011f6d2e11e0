"""A column of text to time stamps, however it was written, with one sentence on how it was read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from ensue.data.numerals import spread, without_missing
from ensue.data.stamp_layouts import Order, assemble, offset_minutes, read_parts
from ensue.errors import DataError

_FAST = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M")
_EPOCHS = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000, "nanoseconds": 1_000_000_000}
_EPOCH_SECONDS = (300_000_000, 4_200_000_000)
"""Seconds since 1970 that are taken for a time: 1979 to 2103."""
_CLEARLY = 0.01
"""By how much the spacing of one reading must be more regular than the other's."""
RowOf = Callable[[int], int]


@dataclass(frozen=True)
class ParsedStamps:
    """A column of stamps and how it was read."""

    values: pl.Series
    """Datetime("us") without a zone: UTC where `time_zone` is 'UTC', the local clock otherwise; null where missing."""
    time_zone: str | None
    """None: stamps without a zone; 'UTC'; or the one offset that all stamps carry, such as '+02:00'."""
    finding: str
    """How the stamps were read."""


def parse_stamps(strings: pl.Series, row_of: RowOf = lambda index: index + 2) -> ParsedStamps:
    """Read a column of text as time stamps.

    Args:
        strings: String column, or integers such as 20240131, 2024 or seconds since 1970.
        row_of: The file's row number of an index, for messages; by default the header is row 1.

    Raises:
        DataError: A cell that is no time, named with its row; stamps with and without a zone in one column; days and
            months in both orders.

    >>> stamps = parse_stamps(pl.Series("ds", ["30/01/2024", "31/01/2024"]))
    >>> stamps.values.to_list()[1].isoformat(), stamps.finding
    ('2024-01-31T00:00:00', "times in 'ds' are written as day/month/year.")
    """
    text = without_missing(strings.cast(pl.String))
    return _parse_iso(text) or _parse_epoch(text) or _parse_layouts(text, row_of)


def share_of_stamps(strings: pl.Series) -> float:
    """Share of a sample of the cells that are time stamps by themselves.

    >>> share_of_stamps(pl.Series(["2024-01-31", "Jan 31, 2024", "rain", None]))
    0.6666666666666666
    """
    text = without_missing(spread(strings)).drop_nulls().unique(maintain_order=True).head(300)
    parts = read_parts(text)
    either = assemble(parts, "day").is_not_null() | assemble(parts, "month").is_not_null()
    return float(either.sum()) / max(1, len(text))


def _parse_iso(text: pl.Series) -> ParsedStamps | None:
    """The most frequent ways, at full speed, where every cell has the same."""
    start = text.drop_nulls().head(1)
    for pattern in _FAST:
        if start.str.to_datetime(pattern, strict=False, time_unit="us").null_count() == 0 and len(start):
            values = text.str.to_datetime(pattern, strict=False, time_unit="us")
            if values.null_count() == text.null_count() and (values.dt.year() > 0).fill_null(True).all():
                return ParsedStamps(values, None, f"times in '{text.name}' are written as year-month-day.")
    return None


def _parse_epoch(text: pl.Series) -> ParsedStamps | None:
    """Seconds since 1970 or parts of them, where every cell is such a number and not a date like 2024013113."""
    if text.str.contains(r"^(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])([01]\d|2[0-3])$").fill_null(True).all():
        return _parse_hours(text)
    if not text.str.contains(r"^\d{9,19}(\.\d*)?$").fill_null(True).all():
        return None
    numbers = text.cast(pl.Float64)
    for unit, per_second in _EPOCHS.items():
        if ((numbers / per_second).is_between(*_EPOCH_SECONDS)).fill_null(True).all():
            values = _from_epoch(text, per_second)
            return ParsedStamps(values, "UTC", f"times in '{text.name}' are {unit} since 1970, in UTC.")
    return None


def _from_epoch(text: pl.Series, per_second: int) -> pl.Series:
    whole, part = text.str.extract(r"^(\d+)").cast(pl.Int64), text.str.extract(r"(\.\d*)$")
    fraction = (pl.concat_str(pl.lit("0"), part.fill_null(".0"))).cast(pl.Float64) * (1_000_000 / per_second)
    micros = whole * (1_000_000 // per_second) if per_second <= 1_000_000 else whole // (per_second // 1_000_000)
    return pl.select((micros + fraction.round().cast(pl.Int64)).cast(pl.Datetime("us")).alias(text.name)).to_series()


def _parse_hours(text: pl.Series) -> ParsedStamps | None:
    values = (text + "00").str.to_datetime("%Y%m%d%H%M", strict=False, time_unit="us")
    if not len(text) or values.null_count() != text.null_count() or values.null_count() == len(text):
        return None
    return ParsedStamps(values, None, f"times in '{text.name}' are written as yearmonthdayhour.")


def _parse_layouts(text: pl.Series, row_of: RowOf) -> ParsedStamps:
    # Stamps repeat in a table of many series: each is read once, and the readings are looked up.
    unique = text.drop_nulls().unique(maintain_order=True)
    parts = read_parts(unique)
    order, reason = _order(text, unique, parts, row_of)
    local = assemble(parts, order)
    _refuse_unread(text, unique.filter(local.is_null()), row_of)
    values, time_zone, words = _to_one_zone(text, unique, local, offset_minutes(parts), row_of)
    layouts = parts["layout"].drop_nulls().unique(maintain_order=True).to_list()
    written = " or ".join(_in_words(each, order, unique.filter(parts["layout"] == each)) for each in layouts)
    written = f"written as {written}" if layouts else "all missing"
    return ParsedStamps(
        _look_up(text, unique, values), time_zone, f"times in '{text.name}' are {written}{reason}{words}."
    )


def _look_up(text: pl.Series, unique: pl.Series, values: pl.Series) -> pl.Series:
    if not len(unique):
        return pl.Series(text.name, [None] * len(text), pl.Datetime("us"))
    found = text.to_frame("text").join(
        pl.DataFrame({"text": unique, "value": values}), on="text", how="left", maintain_order="left"
    )
    return found["value"].alias(text.name)


def _in_words(layout: str, order: Order, examples: pl.Series) -> str:
    if layout != "numbers":
        return layout
    sign = next((each for each in "./-" if each in str(examples[0])[:4]), " ")
    return sign.join(("day", "month", "year") if order == "day" else ("month", "day", "year"))


def _order(text: pl.Series, unique: pl.Series, parts: pl.DataFrame, row_of: RowOf) -> tuple[Order, str]:
    """Whether the day or the month comes first where both are numbers, and the reason where it needs one."""
    one, two = parts["one"].cast(pl.Int64), parts["two"].cast(pl.Int64)
    day_first, month_first = unique.filter((one > 12) & (two <= 12)), unique.filter((two > 12) & (one <= 12))
    if len(day_first) and len(month_first):
        raise DataError(
            f"column '{text.name}' holds '{day_first[0]}' in row {_row(text, day_first[0], row_of)}, which is "
            f"day first, and '{month_first[0]}' in row {_row(text, month_first[0], row_of)}, which is month first: "
            "write all dates as 2024-01-31."
        )
    if len(day_first) or one.null_count() == len(one):
        return "day", ""
    if len(month_first):
        return "month", ""
    return _order_by_spacing(text, unique, parts)


def _order_by_spacing(text: pl.Series, unique: pl.Series, parts: pl.DataFrame) -> tuple[Order, str]:
    """No number above 12: the reading whose stamps follow each other more regularly, else the custom of the sign."""
    as_days, as_months = assemble(parts, "day"), assemble(parts, "month")
    better = _regularity(_look_up(text, unique, as_days)) - _regularity(_look_up(text, unique, as_months))
    if abs(better) > _CLEARLY:
        return ("day" if better > 0 else "month"), ", the order that gives regular steps"
    if (as_days == as_months).all():
        return "month", ""
    example = unique.filter(as_days != as_months)[0]
    # Dates with full stops are written day first wherever they are in use.
    order: Order = "day" if "." in example.split(" ")[0] else "month"
    return order, f", though '{example}' could be either way round: write dates as 2024-01-31 to be sure"


def _regularity(stamps: pl.Series) -> float:
    """From 0 to 2: share of steps that do not go back, plus share of steps of the most frequent length."""
    if len(stamps) < 3 or stamps.null_count() == len(stamps):
        return 0.0
    steps = stamps.drop_nulls().diff().drop_nulls().cast(pl.Int64)
    forward = int((steps >= 0).sum()) / max(1, len(steps))
    grid = stamps.drop_nulls().unique().sort()
    lengths = _share_of_most_frequent(grid.diff().drop_nulls())
    if (grid.dt.day() == grid.dt.day()[0]).all() and (grid.dt.time() == grid.dt.time()[0]).all():
        months = grid.dt.year().cast(pl.Int64) * 12 + grid.dt.month()
        lengths = max(lengths, _share_of_most_frequent(months.diff().drop_nulls()))
    return forward + lengths


def _share_of_most_frequent(steps: pl.Series) -> float:
    counts = steps.value_counts()["count"].to_list()
    return max(counts, default=0) / max(1, len(steps))


def _row(text: pl.Series, value: str, row_of: RowOf) -> int:
    return row_of(int((text == value).arg_true()[0]))


def _refuse_unread(text: pl.Series, unread: pl.Series, row_of: RowOf) -> None:
    if len(unread):
        raise DataError(
            f"column '{text.name}' holds '{unread[0]}' in row {_row(text, unread[0], row_of)}, expected a time stamp "
            "such as 2024-01-31 13:00: correct the cell."
        )


def _to_one_zone(
    text: pl.Series, unique: pl.Series, local: pl.Series, offsets: pl.Series, row_of: RowOf
) -> tuple[pl.Series, str | None, str]:
    """Values, zone and words: one offset keeps the local clock, several give UTC."""
    if offsets.null_count() == len(offsets):
        return local, None, ""
    if offsets.null_count():
        bare, zoned = unique.filter(offsets.is_null())[0], unique.filter(offsets.is_not_null())[0]
        raise DataError(
            f"column '{text.name}' holds '{bare}' in row {_row(text, bare, row_of)} without a time zone and "
            f"'{zoned}' in row {_row(text, zoned, row_of)} with one, expected all or none: write all stamps alike."
        )
    if offsets.n_unique() > 1:
        utc = (local.to_frame("local").select(pl.col("local") - pl.duration(minutes=pl.lit(offsets)))).to_series()
        return utc, "UTC", ", with offsets that change, converted to UTC"
    if offsets[0] == 0:
        return local, "UTC", ", in UTC"
    zone = f"{'-' if offsets[0] < 0 else '+'}{abs(offsets[0]) // 60:02d}:{abs(offsets[0]) % 60:02d}"
    return local, zone, f", in the local time of {zone}"
