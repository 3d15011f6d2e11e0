"""The parts of `ensue stream`: lines as they arrive, numbers among them, and the clock that reads their times."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensue.cli.streaming.clock import Clock
from ensue.cli.streaming.lines import NumberLines
from ensue.cli.streaming.source import Interrupts, Source
from ensue.data.frequency import Frequency
from ensue.data.schema import Schema
from ensue.errors import DataError


@given(text=st.text(alphabet="a1,\r\né", max_size=60), cuts=st.lists(st.integers(0, 80), max_size=8))
@settings(max_examples=60)
def test_lines_do_not_depend_on_how_they_arrive(text: str, cuts: list[int]) -> None:
    data = text.encode()
    borders = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    reader, writer = os.pipe()

    def feed() -> Any:
        for first, after in zip(borders, borders[1:], strict=False):
            if first < after:
                os.write(writer, data[first:after])
                yield
        os.close(writer)
        yield

    feeding = feed()
    with io.TextIOWrapper(os.fdopen(reader, "rb")) as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", file)
        source = Source("-", Interrupts())
        found = [line for portion in source.portions(lambda: next(feeding)) for line in portion]
    lines = data.decode().split("\n")
    assert found == [line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1])]


@pytest.mark.parametrize(
    ("frequency", "zone", "given", "shown"),
    [
        (Frequency("hour"), None, "2024-01-31T13", "2024-01-31 13:00:00"),
        (Frequency("hour"), None, "2024-01-31T13:00+05:00", "2024-01-31 13:00:00"),
        (Frequency("hour"), "Europe/Berlin", "2024-01-31T13:00+00:00", "2024-01-31 14:00:00+01:00"),
        (Frequency("hour"), "UTC", "1706706000", "2024-01-31 13:00:00+00:00"),
        (Frequency("hour"), "UTC", 1706706000123, "2024-01-31 13:00:00.123000+00:00"),
        (Frequency("day"), "Europe/Berlin", "2024-01-30T23:30+00:00", "2024-01-31 00:30:00"),
        (Frequency("month"), None, "2024-02", "2024-02-01"),
        (Frequency("position"), None, "17", "17"),
    ],
)
def test_stamps(frequency: Frequency, zone: str | None, given: Any, shown: str) -> None:
    clock = Clock(Schema(None, "ds", "y", frequency=frequency, time_zone=zone))
    assert clock.show([clock.read(given)]) == [shown]


@given(steps=st.integers(1, 500), unit=st.sampled_from(["minute", "hour", "day", "business day", "month", "position"]))
def test_steps_are_counted_as_they_are_walked(steps: int, unit: str) -> None:
    clock = Clock(Schema(None, "ds", "y", frequency=Frequency(unit)))
    start = clock.read("2024-01-31" if clock.has_stamps else 5)
    end = clock.move(start, steps)
    assert end == clock.after(start, steps)[-1]
    assert clock.steps(end, start) == steps


def test_a_position_that_is_none() -> None:
    clock = Clock(Schema(None, "ds", "y"))
    with pytest.raises(DataError, match=r"^the time '1\.5', expected a whole number$"):
        clock.read("1.5")


@pytest.mark.parametrize("digits", ["1000000000000000000", "-1e18"])
def test_a_position_too_far(digits: str) -> None:
    clock = Clock(Schema(None, "ds", "y"))
    with pytest.raises(
        DataError, match=r"^the time -?1000000000000000000, expected a whole number of at most 18 digits$"
    ):
        clock.read(digits)


@pytest.mark.parametrize(
    ("given", "shown"),
    [("0000", "0000-01-01"), ("0000-12", "0000-12-01"), ("9999-12-31T10:00", "9999-12-31 10:00")],
)
def test_stamps_that_no_stream_reads(given: str, shown: str) -> None:
    clock = Clock(Schema(None, "ds", "y", frequency=Frequency("hour")))
    with pytest.raises(DataError) as caught:
        clock.read(given)
    assert str(caught.value) == f"the time {shown}, expected one from 0001-01-01 to 9999-12-31"


@pytest.mark.parametrize("unit", ["hour", "day", "business day", "month"])
def test_no_step_leads_beyond_the_last_stamp(unit: str) -> None:
    clock = Clock(Schema(None, "ds", "y", frequency=Frequency(unit)))
    last = clock.read("9999-12-31")
    with pytest.raises(DataError, match=r", expected one from 0001-01-01 to 9999-12-31$"):
        clock.move(last, 1)


@pytest.mark.parametrize("odd", ["", "abc", "inf", "-inf", "1_0", "1,5"])
def test_numbers_at_full_speed_end_before_an_odd_one(odd: str) -> None:
    assert NumberLines.leading(["1", " 2.5 ", odd, "4"]) == [1.0, 2.5]
