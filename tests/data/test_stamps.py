"""Time stamps as people write them, and the order of day and month decided from the whole column."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.data.stamps import parse_stamps, share_of_stamps
from ensue.errors import DataError

NOON = datetime(2024, 1, 31, 13)
DAY = datetime(2024, 1, 31)


@pytest.mark.parametrize(
    ("cell", "value", "written"),
    [
        ("2024-01-31", DAY, "year-month-day"),
        ("2024-01-31 13:00", NOON, "year-month-day"),
        ("2024-01-31T13:00:00", NOON, "year-month-day"),
        ("2024/1/31 13:00:00.5", NOON + timedelta(milliseconds=500), "year-month-day"),
        ("2024-01-31 13:00:00,123456789", NOON + timedelta(microseconds=123456), "year-month-day"),
        ("2024-01-31 13", NOON, "year-month-day"),
        ("2024-01-30 24:00", DAY, "year-month-day"),
        ("31/01/2024", DAY, "day/month/year"),
        ("01/31/2024", DAY, "month/day/year"),
        ("1/31/24 1:00 PM", NOON, "month/day/year"),
        ("01/31/2024 12:00 am", DAY, "month/day/year"),
        ("31.01.2024 13:00", NOON, "day.month.year"),
        ("31-01-2024", DAY, "day-month-year"),
        ("Jan 31, 2024", DAY, "month-name day year"),
        ("January 31st, 2024", DAY, "month-name day year"),
        ("Wed Jan 31 2024 13:00:00", NOON, "month-name day year"),
        ("31-Jan-24", DAY, "day month-name year"),
        ("31 January 2024 1:00 p.m.", NOON, "day month-name year"),
        ("Wed, 31 Jan 2024 13:00:00", NOON, "day month-name year"),
        ("31. März 2024", datetime(2024, 3, 31), "day month-name year"),
        ("2024-Jan-31", DAY, "year month-name day"),
        ("Jan-24", datetime(2024, 1, 1), "month-name year"),
        ("2024-03", datetime(2024, 3, 1), "year-month-day"),
        ("03/2024", datetime(2024, 3, 1), "month/year"),
        ("2024Q3", datetime(2024, 7, 1), "year and quarter"),
        ("Q3 2024", datetime(2024, 7, 1), "quarter and year"),
        ("2024-W05", datetime(2024, 1, 29), "year and week"),
        ("2020-W53-7", datetime(2021, 1, 3), "year and week"),
        ("2024", datetime(2024, 1, 1), "year"),
        ("202403", datetime(2024, 3, 1), "yearmonth"),
        ("1949M03", datetime(1949, 3, 1), "yearmonth"),
        ("20240131", DAY, "yearmonthday"),
        ("20240131T130000", NOON, "yearmonthday"),
        ("202401311300", NOON, "yearmonthday"),
        ("2024013113", NOON, "yearmonthdayhour"),
    ],
)
def test_layouts(cell: str, value: datetime, written: str) -> None:
    stamps = parse_stamps(pl.Series("ds", [cell, None, "NA"]))
    assert stamps.values.to_list() == [value, None, None]
    assert stamps.values.dtype == pl.Datetime("us")
    assert stamps.values.name == "ds"
    assert stamps.time_zone is None
    assert stamps.finding == f"times in 'ds' are written as {written}."


@pytest.mark.parametrize(
    ("cell", "unit"),
    [
        ("1706706000", "seconds"),
        ("1706706000.000", "seconds"),
        ("1706706000000", "milliseconds"),
        ("1706706000000000", "microseconds"),
        ("1706706000000000000", "nanoseconds"),
    ],
)
def test_time_since_1970(cell: str, unit: str) -> None:
    stamps = parse_stamps(pl.Series("ts", [cell]))
    assert stamps.values.to_list() == [NOON]
    assert stamps.time_zone == "UTC"
    assert stamps.finding == f"times in 'ts' are {unit} since 1970, in UTC."


def test_integers_are_taken_as_they_are_written() -> None:
    assert parse_stamps(pl.Series("ds", [2023, 2024])).values.to_list()[0] == datetime(2023, 1, 1)


@given(
    st.lists(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), min_size=1, max_size=20),
    st.sampled_from(
        ["%Y-%m-%d %H:%M:%S.%f", "%Y%m%d%H%M%S", "%d %B %Y %H:%M:%S", "%b %d, %Y %I:%M:%S %p", "%Y/%m/%dT%H:%M:%S"]
    ),
)
def test_written_times_are_read_back(times: list[datetime], layout: str) -> None:
    times = [each if "%f" in layout else each.replace(microsecond=0) for each in times]
    assert parse_stamps(pl.Series([each.strftime(layout) for each in times])).values.to_list() == times


@given(
    st.dates(date(1950, 1, 1), date(2050, 1, 1)),
    st.sampled_from([1, 7]),
    st.integers(40, 80),
    st.sampled_from(["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y", "%m-%d-%Y"]),
)
def test_day_or_month_first_from_the_whole_column(start: date, step: int, length: int, layout: str) -> None:
    days = [start + timedelta(days=step * index) for index in range(length)]
    if "%y" in layout and not 1969 <= days[0].year <= days[-1].year <= 2068:
        return
    stamps = parse_stamps(pl.Series([each.strftime(layout) for each in days]))
    assert stamps.values.dt.date().to_list() == days


# ---- which comes first ----------------------------------------------------------------------------------------------


def test_months_in_the_american_order_by_their_regular_steps() -> None:
    cells = [f"{month:02d}/01/{year}" for year in (2022, 2023) for month in range(1, 13)]
    stamps = parse_stamps(pl.Series("ds", cells))
    assert stamps.values.to_list()[1] == datetime(2022, 2, 1)
    assert stamps.finding == "times in 'ds' are written as month/day/year, the order that gives regular steps."


def test_months_in_the_european_order_by_their_regular_steps() -> None:
    cells = [f"01/{month:02d}/{year}" for year in (2022, 2023) for month in range(1, 13)]
    assert parse_stamps(pl.Series(cells)).values.to_list()[1] == datetime(2022, 2, 1)


def test_hours_of_many_series_by_their_regular_steps() -> None:
    hours = [datetime(2024, 2, 1) + timedelta(hours=index) for index in range(24 * 9)]
    cells = [each.strftime("%d/%m/%Y %H:%M") for each in hours] * 3
    assert parse_stamps(pl.Series(cells)).values.to_list() == hours * 3


@pytest.mark.parametrize(("sign", "order", "month"), [("/", "month/day/year", 2), (".", "day.month.year", 1)])
def test_the_open_case_is_decided_and_said(sign: str, order: str, month: int) -> None:
    cells = [f"{number:02d}{sign}01{sign}2022" for number in range(1, 6)]
    stamps = parse_stamps(pl.Series("ds", cells))
    assert stamps.values.dt.month().to_list()[1] == month
    assert stamps.finding == (
        f"times in 'ds' are written as {order}, though '02{sign}01{sign}2022' could be either way round: "
        "write dates as 2024-01-31 to be sure."
    )


# ---- zones ----------------------------------------------------------------------------------------------------------


def test_one_offset_keeps_the_local_clock() -> None:
    stamps = parse_stamps(pl.Series("ds", ["2024-01-31T13:00:00-05:30", "2024-01-31 14:00-0530"]))
    assert stamps.values.to_list() == [NOON, NOON + timedelta(hours=1)]
    assert stamps.time_zone == "-05:30"
    assert stamps.finding == "times in 'ds' are written as year-month-day, in the local time of -05:30."


@pytest.mark.parametrize("zone", ["Z", " UTC", "+00:00", "+00"])
def test_universal_time(zone: str) -> None:
    stamps = parse_stamps(pl.Series("ds", [f"2024-01-31T13:00:00{zone}"]))
    assert (stamps.values.to_list(), stamps.time_zone) == ([NOON], "UTC")
    assert stamps.finding == "times in 'ds' are written as year-month-day, in UTC."


def test_offsets_that_change_at_daylight_saving_become_utc() -> None:
    stamps = parse_stamps(pl.Series("ds", ["2024-03-31T01:00:00+01:00", "2024-03-31T03:00:00+02:00"]))
    assert stamps.values.to_list() == [datetime(2024, 3, 31, 0), datetime(2024, 3, 31, 1)]
    assert stamps.time_zone == "UTC"
    assert stamps.finding == (
        "times in 'ds' are written as year-month-day, with offsets that change, converted to UTC."
    )


@given(st.lists(st.tuples(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)), st.integers(-14, 14)), min_size=1))
def test_any_offsets_agree_with_python(moments: list[tuple[datetime, int]]) -> None:
    cells = [f"{moment.replace(microsecond=0).isoformat()}{hours:+03d}:00" for moment, hours in moments]
    stamps = parse_stamps(pl.Series(cells))
    expected = [datetime.fromisoformat(cell) for cell in cells]
    if stamps.time_zone == "UTC":
        assert [value.replace(tzinfo=UTC) for value in stamps.values.to_list()] == expected
    else:
        assert stamps.values.to_list() == [each.replace(tzinfo=None) for each in expected]


def test_local_stamps_of_the_repeated_hour_are_left_alone() -> None:
    cells = ["2024-10-27 02:00", "2024-10-27 02:00", "2024-03-31 02:30"]
    assert parse_stamps(pl.Series(cells)).values.to_list() == [datetime.fromisoformat(cell) for cell in cells]


# ---- mistakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cell",
    ["soon", "2024-02-30", "2024-13-01", "13:00", "1.5", "30/02/2024", "0000-01-01", "32/13/2024", "2024-01-31 25:00"],
)
def test_a_cell_that_is_no_time(cell: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_stamps(pl.Series("ds", ["2024-01-31", cell]))
    assert str(caught.value) == (
        f"column 'ds' holds '{cell}' in row 3, expected a time stamp such as 2024-01-31 13:00: correct the cell."
    )


def test_both_orders_in_one_column() -> None:
    with pytest.raises(DataError) as caught:
        parse_stamps(pl.Series("ds", ["02/01/2024", "31/01/2024", "01/31/2024"]), lambda index: index + 1)
    assert str(caught.value) == (
        "column 'ds' holds '31/01/2024' in row 2, which is day first, and '01/31/2024' in row 3, which is month first: "
        "write all dates as 2024-01-31."
    )


def test_stamps_with_and_without_a_zone() -> None:
    with pytest.raises(DataError) as caught:
        parse_stamps(pl.Series("ds", ["2024-01-31T13:00:00Z", "2024-01-31T14:00:00"]))
    assert str(caught.value) == (
        "column 'ds' holds '2024-01-31T14:00:00' in row 3 without a time zone and '2024-01-31T13:00:00Z' in row 2 with one, "
        "expected all or none: write all stamps alike."
    )


def test_share_of_stamps() -> None:
    assert share_of_stamps(pl.Series(["2024-01-31", "rain", None, "NA"])) == 0.5
    assert share_of_stamps(pl.Series([None, None], dtype=pl.String)) == 0.0


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_any_text_is_times_or_one_sentence(cells: list[str]) -> None:
    try:
        said = parse_stamps(pl.Series("ds", cells)).finding
    except DataError as error:
        said = str(error)
    assert said.startswith(("times in 'ds' are ", "column 'ds' holds '"))
