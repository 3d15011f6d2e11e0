"""Which column is which, found or named, and the sentences that say so."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from ensue.config import DataOptions
from ensue.data.frequency import Frequency
from ensue.data.roles import Covariate, Schema, find_roles, melt
from ensue.errors import DataError, UsageError

DAYS = [date(2024, 1, 1) + timedelta(days=i) for i in range(30)]
HOURS = [datetime(2024, 1, 1) + timedelta(hours=i) for i in range(400)]


def daily(**columns: Any) -> pl.DataFrame:
    return pl.DataFrame({"ds": DAYS, **columns})


def panel_of(names: dict[str, list[str]], rows: int = 6) -> pl.DataFrame:
    """A long table: every combination of the named columns' values has `rows` days."""
    frame = pl.DataFrame({"date": DAYS[:rows], "amount": np.arange(rows) + 0.5})
    for name, values in names.items():
        frame = pl.DataFrame({name: values}).join(frame, how="cross")
    return frame


def refused(frame: pl.DataFrame, options: DataOptions = DataOptions()) -> str:  # noqa: B008 - frozen
    with pytest.raises((DataError, UsageError)) as error:
        find_roles(frame, options)
    return str(error.value)


def test_a_plain_table_needs_no_words() -> None:
    schema = find_roles(daily(rain=np.arange(30) + 0.5, y=[*range(29), None]))
    assert (schema.id, schema.time, schema.target) == (None, "ds", "y")
    assert schema.frequency == Frequency("day") and schema.seasons == (7,)
    assert schema.integer and schema.nonnegative and not schema.wide
    assert schema.findings == (
        "time column 'ds': daily from 2024-01-01 to 2024-01-30.",
        "target 'y': whole numbers, never negative.",
        "seasons of 7 steps, from the calendar.",
        "columns not used: rain (name them with --past, --future or --static).",
    )


def test_text_times_and_the_only_column_of_numbers() -> None:
    frame = pl.DataFrame({"when": ["31.01.2024", "29.02.2024", "31.03.2024"], "Umsatz": [-1.5, 2.0, 3.0]})
    schema = find_roles(frame)
    assert (schema.time, schema.target, schema.frequency) == ("when", "Umsatz", Frequency("month", 1, 31))
    assert not schema.nonnegative and not schema.integer
    assert schema.findings[1] == "times in 'when' are written as day.month.year."


@pytest.mark.parametrize("name", ["unique_id", "Series ID", "item", "station"])
def test_ids_by_name(name: str) -> None:
    schema = find_roles(panel_of({name: ["a", "b"]}))
    assert (schema.id, schema.target) == (name, "amount")
    assert f"2 series named by '{name}'." in schema.findings


def test_ids_by_what_they_do() -> None:
    assert find_roles(panel_of({"Kunde": ["a", "b", "c"]})).id == "Kunde"


def test_two_columns_tell_series_apart_together() -> None:
    schema = find_roles(panel_of({"store": ["1", "2"], "item": ["x", "y"]}))
    assert schema.id == "item,store"
    assert "4 series named by 'item' and 'store'." in schema.findings


def test_kinds_of_weather_are_no_series() -> None:
    frame = pl.DataFrame({"ds": [*HOURS, *HOURS[:40]], "y": 1.0, "weather": ["rain", "fog", "sun", "snow"] * 110})
    assert find_roles(frame).id is None


def test_a_row_number_called_id_is_no_series() -> None:
    assert find_roles(daily(id=np.arange(30), y=1.5)).id is None


def test_positions() -> None:
    frame = pl.DataFrame({"unique_id": ["a"] * 40 + ["b"] * 40, "ds": [*range(1, 41)] * 2, "y": 1.0})
    schema = find_roles(frame)
    assert (schema.time, schema.frequency, schema.seasons) == ("ds", Frequency("position"), ())
    assert schema.findings[0] == "time column 'ds': by position from 1 to 40."
    assert schema.findings[3] == "no seasons (from the data)."


def test_no_time_column_at_all() -> None:
    wave = np.sin(2 * np.pi * np.arange(400) / 25)
    schema = find_roles(pl.DataFrame({"wave": wave}))
    assert (schema.time, schema.target, schema.seasons) == (None, "wave", (25,))
    assert schema.findings[0] == "no time column: rows are equal steps in the order of the table."


def test_numbers_that_are_dates() -> None:
    frame = pl.DataFrame({"date": [20240130, 20240131, 20240201], "y": [1, 2, 3]})
    assert find_roles(frame).frequency == Frequency("day")


def test_a_wide_table_is_as_many_series() -> None:
    frame = daily(north=np.arange(30), south=np.arange(30) / 2, note=["x"] * 30)
    schema = find_roles(frame)
    assert schema.wide and (schema.id, schema.target) == ("unique_id", "y")
    assert (
        "a wide table: 2 columns of numbers, each a series ('north', 'south'); name one as target to forecast it."
        in (schema.findings)
    )
    assert schema.findings[-1] == "columns not used: note (name them with --past, --future or --static)."
    long = melt(frame, schema)
    assert long.columns == ["ds", "unique_id", "y"] and long.height == 60
    assert long.filter(pl.col("unique_id") == "south")["y"].to_list() == (np.arange(30) / 2).tolist()
    assert melt(long, schema) is long
    assert find_roles(frame, DataOptions(target="north")).wide is False


def test_covariates_and_their_categories() -> None:
    frame = daily(y=1.5, temp=2.0, sky=["sun", "rain", "sun"] * 10, open=[True, False] * 15, town=["Ulm"] * 30)
    options = DataOptions(past=("temp",), future=("sky", "open"), static=("town",))
    schema = find_roles(frame, options)
    assert schema.past == (Covariate("temp"),)
    assert schema.future == (Covariate("sky", ("sun", "rain")), Covariate("open", ("false", "true")))
    assert schema.static == (Covariate("town", ("Ulm",)),)
    assert not any("not used" in each for each in schema.findings)


def test_too_many_categories_are_said() -> None:
    frame = pl.DataFrame({"ds": np.arange(1200), "y": 1.0, "tag": [f"t{i}" for i in range(1200)]})
    schema = find_roles(frame, DataOptions(past=("tag",)))
    assert len(schema.past[0].categories or ()) == 1000
    assert "column 'tag': 1000 categories, 200 rare ones taken as unknown." in schema.findings


def test_given_frequency_and_seasons_win() -> None:
    schema = find_roles(daily(y=1.5), DataOptions(freq="business day", season=(24, 1, 5)))
    assert schema.frequency == Frequency("business day") and schema.seasons == (5, 24)
    assert "seasons of 5 and 24 steps, as given." in schema.findings


def test_stamps_with_a_zone_stay_utc_for_hours_and_become_dates_for_days() -> None:
    berlin = pl.datetime_range(datetime(2024, 3, 29), datetime(2024, 4, 2), "1h", time_zone="Europe/Berlin", eager=True)
    hourly = find_roles(pl.DataFrame({"ds": berlin, "y": 1.0}))
    assert (hourly.frequency, hourly.time_zone) == (Frequency("hour"), "Europe/Berlin")
    assert hourly.findings[0].startswith("time column 'ds' (Europe/Berlin): hourly from 2024-03-28 23:00")
    midnights = pl.DataFrame({"ds": berlin, "y": 1.0}).filter(pl.col("ds").dt.hour() == 0)
    assert find_roles(midnights).frequency == Frequency("day")


def test_series_of_one_unit_with_other_phases_are_one_frequency() -> None:
    ends = pl.date_range(date(2023, 1, 31), date(2024, 1, 31), "1mo", eager=True)
    starts = pl.date_range(date(2023, 1, 1), date(2024, 1, 1), "1mo", eager=True)
    frame = pl.DataFrame({"id": ["a"] * 13 + ["b"] * 13, "ds": [*ends, *starts], "y": 1.0})
    assert find_roles(frame).frequency == Frequency("month")


def test_errors_say_what_to_name() -> None:
    assert refused(pl.DataFrame({"y": []})) == "the table has no rows, expected at least one."
    assert refused(daily(y=1.0), DataOptions(target="Y2")) == "there is no column 'Y2': choose from 'ds', 'y'."
    assert refused(daily(temperature=1.0), DataOptions(past=("temprature",))) == (
        "there is no column 'temprature': did you mean 'temperature'?"
    )
    assert refused(daily(y=1.0), DataOptions(id="shop")) == "there is no column 'shop': choose from 'ds', 'y'."
    assert refused(daily(note=["x"] * 30)) == "no column holds numbers to forecast: name one with target."
    assert refused(daily(y=1.0), DataOptions(target="y", past=("y",))) == (
        "column 'y' is named as target and as past: name it once."
    )
    assert refused(panel_of({"id": ["a", "b"]}).with_columns(width=1.0, depth=2.0).drop("amount")) == (
        "several columns hold numbers ('width', 'depth'), expected one to forecast: name it with target."
    )
    assert refused(pl.DataFrame({"ds": DAYS[:3], "y": [None, None, None]}, schema_overrides={"y": pl.Float64})) == (
        "column 'y' holds no values, expected numbers to forecast: name another as target."
    )
    assert refused(pl.DataFrame({"ds": [1, 2, 3], "y": 1.0}), DataOptions(freq="day")) == (
        "the frequency 'daily' does not fit the times, which are positions: leave freq out."
    )
    assert refused(pl.DataFrame({"ds": [DAYS[0], None, DAYS[2]], "y": 1.0})) == (
        "column 'ds' is empty in row 3, expected a time: fill the cell or remove the row."
    )


def test_series_of_several_frequencies_are_refused() -> None:
    months = pl.date_range(date(2023, 1, 1), date(2024, 1, 1), "1mo", eager=True)
    weeks = pl.date_range(date(2023, 1, 2), date(2023, 3, 27), "1w", eager=True)
    frame = pl.DataFrame({"id": ["a"] * 13 + ["b"] * 13, "ds": [*months, *weeks], "y": 1.0})
    assert refused(frame) == (
        "series 'a' is monthly and series 'b' is weekly, expected one frequency in a table: "
        "split the table or bring its series to one spacing."
    )


def test_json_round_trip() -> None:
    frame = daily(y=1.5, sky=["sun", "rain", "sun"] * 10)
    schema = find_roles(frame, DataOptions(past=("sky",)))
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == replace(schema, findings=())


def test_series_of_another_size_do_not_make_a_floor_at_zero() -> None:
    degrees = pl.DataFrame({"id": ["a"] * 40, "ds": range(40), "y": np.linspace(3.0, 0.25, 40)})
    pressure = pl.DataFrame({"id": ["b"] * 40, "ds": range(40), "y": 1000.5 + np.arange(40.0)})
    assert not find_roles(pl.concat([degrees, pressure])).nonnegative
    rain = pl.DataFrame({"id": ["c"] * 40, "ds": range(40), "y": [0.0, 2.5] * 20})
    assert find_roles(pl.concat([rain, pressure])).nonnegative
