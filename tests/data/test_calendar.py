"""What the calendar says of a stamp."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from ensue.data.calendar import (
    calendar_cycles,
    calendar_features,
    calendar_names,
    check_country,
    holiday_feature,
    holiday_names,
    local_times,
)
from ensue.data.frequency import POSITION, Frequency, parse_frequency
from ensue.errors import DataError, MissingExtraError, UsageError


def stamps(*texts: str) -> np.ndarray:
    return np.array(texts, "datetime64[us]")


@pytest.mark.parametrize(
    ("text", "cycles"),
    [
        ("minute", ("minute of hour", "hour of day", "day of week", "day of year")),
        ("hour", ("hour of day", "day of week", "day of year")),
        ("day", ("day of week", "day of month", "day of year")),
        ("B", ("day of week", "day of month", "day of year")),
        ("week", ("day of year",)),
        ("month", ("month of year",)),
        ("quarter", ("month of year",)),
        ("year", ()),
        ("position", ()),
    ],
)
def test_cycles_are_those_that_vary_at_the_frequency(text: str, cycles: tuple[str, ...]) -> None:
    assert calendar_cycles(parse_frequency(text)) == cycles


@pytest.mark.parametrize("text", ["second", "5min", "hour", "day", "B", "week", "month", "quarter"])
def test_every_feature_varies_and_lies_on_a_circle(text: str) -> None:
    frequency = parse_frequency(text)
    times = frequency.advance(stamps("2024-01-01"), np.arange(3000))
    features = calendar_features(times, frequency)
    assert features.dtype == np.float32
    assert features.shape == (3000, len(calendar_names(frequency)))
    assert np.allclose(features[:, ::2] ** 2 + features[:, 1::2] ** 2, 1, atol=1e-5)
    assert (np.ptp(features, axis=0) > 0).all()


def test_angles_of_known_stamps() -> None:
    features = calendar_features(stamps("2024-01-01T06:00", "2024-07-01T18:00"), Frequency("hour"))  # both Mondays
    named = dict(zip(calendar_names(Frequency("hour")), features.T, strict=True))
    assert np.allclose(named["sin hour of day"], [1, -1], atol=1e-6)
    assert np.allclose(named["cos day of week"], np.cos(2 * np.pi * np.array([6, 18]) / 168), atol=1e-6)
    assert named["cos day of year"][0] > 0.99 and named["cos day of year"][1] < -0.99


def test_positions_have_no_calendar() -> None:
    assert calendar_features(np.arange(5), POSITION).shape == (5, 0)


def test_utc_becomes_the_local_clock_on_both_sides_of_daylight_saving() -> None:
    times = stamps("2024-03-31T00:30", "2024-03-31T01:30")
    local = local_times(times, "Europe/Berlin", Frequency("hour"))
    assert local.astype("datetime64[m]").astype(str).tolist() == ["2024-03-31T01:30", "2024-03-31T03:30"]
    assert local_times(times, None, Frequency("hour")) is times
    assert local_times(times, "Europe/Berlin", Frequency("day")) is times


def test_holidays_of_a_day_its_eve_and_its_morrow() -> None:
    times = stamps("2024-12-24", "2024-12-25", "2024-12-26", "2024-12-27")
    assert holiday_names(Frequency("day")) == ("holiday", "day before holiday", "day after holiday")
    assert holiday_feature(times, "US", Frequency("day")).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_new_year_is_seen_from_the_old_year() -> None:
    assert holiday_feature(stamps("2023-12-31T23:00"), "US", Frequency("hour")).tolist() == [[0, 1, 0]]


def test_a_week_with_a_holiday() -> None:
    weeks = stamps("2024-12-09", "2024-12-23")
    assert holiday_feature(weeks, "US", Frequency("week")).tolist() == [[0], [1]]


def test_regions_have_their_own_holidays() -> None:
    epiphany = stamps("2024-01-06")
    assert holiday_feature(epiphany, "DE-BY", Frequency("day"))[0, 0] == 1
    assert holiday_feature(epiphany, "DE", Frequency("day"))[0, 0] == 0


@pytest.mark.parametrize(
    ("country", "sentence"),
    [
        ("Germany", "the holidays of 'Germany' are not known, expected a country code: did you mean 'DE'?"),
        ("qq", "the holidays of 'qq' are not known, expected a country code: write one such as 'US', 'DE' or 'DE-BY'."),
        ("DE-XX", "the holidays of 'DE-XX' are not known, as 'DE' has no region 'XX'."),
    ],
)
def test_an_unknown_country(country: str, sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        check_country(country)
    assert str(error.value) == sentence


def test_holidays_need_stamps() -> None:
    with pytest.raises(DataError) as error:
        holiday_feature(np.arange(3), "US", POSITION)
    assert str(error.value) == "holidays need time stamps, but the rows have positions only: leave out the holidays."


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "holidays", None)
    with pytest.raises(MissingExtraError) as error:
        check_country("US")
    assert "pip install 'ensue[holidays]'" in str(error.value)
