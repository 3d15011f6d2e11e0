"""The spacing of time: found in stamps with gaps, read from text, counted and advanced."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.data.frequency import IRREGULAR, POSITION, Frequency, infer_frequency, parse_frequency
from ensue.errors import DataError, UsageError

REGULAR = [
    Frequency("second", 10),
    Frequency("minute", 15),
    Frequency("hour"),
    Frequency("hour", 6),
    Frequency("day"),
    Frequency("business day"),
    Frequency("week"),
    Frequency("month", anchor=1),
    Frequency("month", anchor=31),
    Frequency("month", anchor=15),
    Frequency("quarter", anchor=1),
    Frequency("year", anchor=31),
]


def stamps(*texts: str) -> np.ndarray:
    return np.array(texts, "datetime64[us]")


def grid(frequency: Frequency, rows: int, start: str = "2023-01-31T06:00") -> np.ndarray:
    first = frequency.advance(stamps(start), 0)
    return frequency.advance(np.repeat(first, rows), np.arange(rows))


@pytest.mark.parametrize("frequency", REGULAR, ids=lambda each: each.name)
@given(missing=st.sets(st.integers(1, 58), max_size=20))
def test_a_grid_with_missing_rows_is_found_again(frequency: Frequency, missing: set[int]) -> None:
    times = grid(frequency, 60)
    kept = np.delete(times, sorted(missing))
    found = infer_frequency(kept)
    assert (found.unit, found.count, found.anchor) == (frequency.unit, frequency.count, frequency.anchor)
    assert np.array_equal(times[found.position(kept, kept[0])], kept)
    assert np.array_equal(found.grid(kept[0], kept[-1]), times)


@pytest.mark.parametrize("frequency", REGULAR, ids=lambda each: each.name)
@given(steps=st.integers(-400, 400))
def test_position_undoes_advance(frequency: Frequency, steps: int) -> None:
    start = frequency.advance(stamps("2024-01-31T06:00"), 0)
    later = frequency.advance(start, steps)
    assert frequency.position(later, start).tolist() == [steps]
    assert frequency.advance(later, -steps).tolist() == start.tolist()


def test_gaps_between_series_do_not_count() -> None:
    times = np.concatenate([grid(Frequency("day"), 5), grid(Frequency("day"), 5, "2023-01-03T18:00")])
    assert infer_frequency(times, np.array([0, 5, 10])) == Frequency("day")


def test_local_hours_with_a_missing_and_a_repeated_hour_are_hourly() -> None:
    times = grid(Frequency("hour"), 24 * 300)
    times = np.sort(np.append(np.delete(times, 2000), times[5000]))
    assert infer_frequency(times) == Frequency("hour")


def test_the_last_business_day_of_the_month_is_its_end() -> None:
    ends = stamps("2024-01-31", "2024-02-29", "2024-03-29", "2024-04-30", "2024-05-31", "2024-06-28")
    assert infer_frequency(ends) == Frequency("month", 1, 31)
    assert (
        Frequency("month", 1, 31).advance(ends[-1:], 1).astype("datetime64[D]").tolist()[0].isoformat() == "2024-07-31"
    )


def test_the_end_of_february_is_followed_by_the_end_of_march() -> None:
    moved = Frequency("month").advance(stamps("2023-02-28"), np.arange(3))
    assert moved.astype("datetime64[D]").astype(str).tolist() == ["2023-02-28", "2023-03-31", "2023-04-30"]


def test_positions_and_irregular_times() -> None:
    assert infer_frequency(np.array([1, 2, 3, 7])) == POSITION
    assert infer_frequency(np.array([0, 10, 20, 40])) == Frequency("position", 10)
    rng = np.random.default_rng(0)
    odd = infer_frequency(np.cumsum(rng.integers(50, 150, 200)))
    assert odd.unit == "irregular position"
    clock = infer_frequency(stamps("2024-01-01") + np.cumsum(rng.integers(50, 150, 200)) * np.timedelta64(1, "s"))
    assert clock.unit == "irregular" and 80e6 < clock.count < 120e6


def test_a_single_stamp_has_no_spacing() -> None:
    with pytest.raises(DataError) as error:
        infer_frequency(stamps("2024-01-01"))
    assert str(error.value) == (
        "the spacing of the rows cannot be seen, as no series has two time stamps: name it with freq."
    )


@pytest.mark.parametrize(
    ("text", "unit", "count"),
    [
        *[
            ("hour", "hour", 1),
            ("h", "hour", 1),
            ("H", "hour", 1),
            ("30min", "minute", 30),
            ("15 minutes", "minute", 15),
        ],
        *[("D", "day", 1), ("B", "business day", 1), ("business day", "business day", 1), ("W-SUN", "week", 1)],
        *[("M", "month", 1), ("ME", "month", 1), ("MS", "month", 1), ("ms", "millisecond", 1), ("Q", "quarter", 1)],
        *[("Y", "year", 1), ("A", "year", 1), ("every 2 Days", "day", 2), ("hourly", "hour", 1), ("1mo", "month", 1)],
    ],
)
def test_ways_to_write_a_frequency(text: str, unit: str, count: int) -> None:
    found = parse_frequency(text)
    assert (found.unit, found.count) == (unit, count)


@pytest.mark.parametrize(
    ("text", "hint"),
    [("huor", "did you mean 'hour'?"), ("m", "write 'min' or 'month'."), ("dayly", "did you mean 'daily'?")],
)
def test_an_unknown_frequency_names_the_nearest(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_frequency(text)
    assert str(error.value) == f"the frequency '{text}' is not known, expected such as 'hour' or '30min': {hint}"


def test_irregular_can_be_asked_for() -> None:
    assert parse_frequency("irregular") == IRREGULAR


@pytest.mark.parametrize(
    ("text", "seasons"),
    [
        *[("hour", (24, 168)), ("30min", (48, 336)), ("15min", (96, 672)), ("10min", (144, 1008)), ("5min", (288,))],
        *[("minute", (1440,)), ("day", (7, 365)), ("B", (5,)), ("week", (52,)), ("month", (12,)), ("quarter", (4,))],
        *[("year", ()), ("position", ()), ("irregular", ()), ("6h", (4, 28)), ("second", ()), ("2 weeks", (26,))],
    ],
)
def test_seasons_of_the_calendar(text: str, seasons: tuple[int, ...]) -> None:
    assert parse_frequency(text).default_seasons == seasons


def test_names_for_messages() -> None:
    names = [
        each.name for each in (Frequency("minute", 30), Frequency("day"), POSITION, Frequency("irregular", 90_000_000))
    ]
    assert names == ["every 30 minutes", "daily", "by position", "irregular, about every 1.5 minutes"]


@pytest.mark.parametrize("frequency", [*REGULAR, POSITION, IRREGULAR], ids=lambda each: each.name)
def test_json_round_trip(frequency: Frequency) -> None:
    assert Frequency.from_json(frequency.to_json()) == frequency
