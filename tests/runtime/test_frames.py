"""Quantiles as a table: the user's own columns, bands named as other tools expect them, stamps in their own zone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from ensue.config import QUANTILES
from ensue.data.frequency import Frequency
from ensue.data.schema import Schema
from ensue.data.series import build_panel
from ensue.runtime.frames import band_columns, forecast_frame, in_own_zone
from ensue.tasks.forecasting import levels_between

SCHEMA = Schema("shop", "day", "sales", frequency=Frequency("day"))


def make_quantiles(series: int, horizon: int) -> np.ndarray:
    steps = np.arange(series * horizon).reshape(series, horizon, 1)
    return 100.0 * steps + np.array(QUANTILES) * 10


def test_a_row_a_series_and_step_under_the_names_of_the_table() -> None:
    days = [datetime(2024, 2, 28), datetime(2024, 2, 29), datetime(2024, 3, 1)]
    table = pl.DataFrame({"shop": ["a", "a", "b"], "day": [days[0], days[1], days[2]], "sales": [1.0, 2.0, 3.0]})
    panel = build_panel(table, SCHEMA, for_training=False)
    frame = forecast_frame(panel, make_quantiles(2, 3), QUANTILES, levels_between(QUANTILES, (80.0, 95.0, 37.5)))
    assert frame.columns == [
        *("shop", "day", "ensue"),
        *("ensue-lo-80", "ensue-hi-80", "ensue-lo-95", "ensue-hi-95", "ensue-lo-37.5", "ensue-hi-37.5"),
    ]
    assert frame["shop"].to_list() == ["a"] * 3 + ["b"] * 3
    march = [datetime(2024, 3, day) for day in range(1, 5)]
    assert frame["day"].to_list() == [*march[:3], *march[1:]]
    np.testing.assert_allclose(frame["ensue"], 100.0 * np.arange(6) + 5)
    np.testing.assert_allclose(frame["ensue-lo-80"], 100.0 * np.arange(6) + 1)
    np.testing.assert_allclose(frame["ensue-hi-95"], 100.0 * np.arange(6) + 9.75)
    np.testing.assert_allclose(frame["ensue-lo-37.5"], 100.0 * np.arange(6) + 3.125)


def test_a_table_without_ids_or_times_gets_the_usual_names() -> None:
    panel = build_panel(pl.DataFrame({"y": [1.0, 2.0]}), Schema(None, None, "y"), for_training=False)
    frame = forecast_frame(panel, make_quantiles(1, 2), QUANTILES, ())
    assert frame.rows() == [("y", 2, 5.0), ("y", 3, 105.0)] and frame.columns == ["unique_id", "ds", "ensue"]


def test_bands_of_any_shape() -> None:
    columns = band_columns(make_quantiles(4, 2).reshape(2, 2, 2, 13), QUANTILES, (0.1, 0.9))
    assert list(columns) == ["ensue", "ensue-lo-80", "ensue-hi-80"] and columns["ensue"].shape == (2, 2, 2)


def zoned(times: list[str], zone: str | None, unit: str) -> list[Any]:
    frame = pl.DataFrame({"ds": np.array(times, "datetime64[us]")})
    schema = replace(SCHEMA, frequency=Frequency(unit), time_zone=zone)
    return in_own_zone(frame, "ds", schema)["ds"].to_list()


def test_stamps_are_in_the_zone_of_the_table() -> None:
    berlin, paulo = ZoneInfo("Europe/Berlin"), ZoneInfo("America/Sao_Paulo")
    night = ["2024-03-31T00:30", "2024-03-31T01:30"]  # in UTC; the clock is put forward between them
    hours = zoned(night, "Europe/Berlin", "hour")
    assert hours == [datetime(2024, 3, 31, 1, 30, tzinfo=berlin), datetime(2024, 3, 31, 3, 30, tzinfo=berlin)]
    # Longer steps are kept as local dates.
    days = zoned(["2024-03-31", "2024-04-01"], "Europe/Berlin", "day")
    assert days == [datetime(2024, 3, 31, tzinfo=berlin), datetime(2024, 4, 1, tzinfo=berlin)]
    # A day on which the clock was put forward at midnight begins at one.
    odd = zoned(["2018-11-03", "2018-11-04", "2018-11-05"], "America/Sao_Paulo", "day")
    assert [each.hour for each in odd] == [0, 1, 0] and [each.day for each in odd] == [3, 4, 5]
    assert all(each.tzinfo == paulo for each in odd)
    assert zoned(night, None, "hour") == [datetime(2024, 3, 31, 0, 30), datetime(2024, 3, 31, 1, 30)]


@pytest.mark.parametrize("unit", ["hour", "day"])
def test_zoned_stamps_go_in_and_come_out_alike(unit: str) -> None:
    stamps = pl.datetime_range(
        datetime(2024, 3, 28),
        datetime(2024, 4, 2),
        "1d" if unit == "day" else "1h",
        time_zone="Europe/Berlin",
        eager=True,
    )
    table = pl.DataFrame({"shop": "a", "day": stamps[:-3], "sales": np.arange(len(stamps) - 3) * 1.0})
    schema = replace(SCHEMA, frequency=Frequency(unit), time_zone="Europe/Berlin")
    frame = forecast_frame(build_panel(table, schema, for_training=False), make_quantiles(1, 3), QUANTILES, ())
    assert frame["day"].to_list() == stamps[-3:].to_list() and frame["day"].dtype == table["day"].dtype
