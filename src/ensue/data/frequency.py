"""The spacing of time: infer it from stamps, read it from text, count and advance in its steps, name it.

Stamps are `datetime64[us]` arrays, or int64 arrays where a table has positions only. A series keeps its own phase (a
daily series at 08:00 stays at 08:00): the frequency says how far apart the steps are, the stamps say where they start.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.days import Stamps, day_of_month, days, days_left, month_index
from ensue.errors import DataError, UsageError, nearest

SECOND = 1_000_000
"""Microseconds; the base of all fixed lengths below."""
FIXED = {
    "microsecond": 1,
    "millisecond": 1_000,
    "second": SECOND,
    "minute": 60 * SECOND,
    "hour": 3_600 * SECOND,
    "day": 86_400 * SECOND,
    "week": 7 * 86_400 * SECOND,
}
MONTHS = {"month": 1, "quarter": 3, "year": 12}
DAYS_PER_MONTH = 365.2425 / 12
ADVERBS = {"day": "daily"} | {unit: f"{unit}ly" for unit in ("hour", "week", "month", "quarter", "year")}
END_OF_MONTH = 31

LONGEST_SEASON = 1500
"""Steps. A day of minutes (1440) is still worth remembering, a week of five minutes (2016) no longer."""


@dataclass(frozen=True)
class Frequency:
    """How far apart the rows of a series are.

    `unit` is 'microsecond' ... 'week', 'business day', 'month', 'quarter', 'year', 'position' (integers), 'irregular'
    (stamps without a rhythm) or 'irregular position'. `count` is the number of units a step; where there is no rhythm,
    the median spacing in microseconds (or positions). `anchor` is the day of the month, 31 for its end, of units of
    months; None takes it from the stamps.

    >>> hourly = Frequency("hour")
    >>> hourly.advance(np.array(["2024-01-01T23"], "datetime64[us]"), 2)
    array(['2024-01-02T01:00:00.000000'], dtype='datetime64[us]')
    >>> Frequency("minute", 30).name, Frequency("minute", 30).default_seasons
    ('every 30 minutes', (48, 336))
    """

    unit: str
    count: int = 1
    anchor: int | None = None

    @property
    def has_stamps(self) -> bool:
        """Whether times are stamps that a calendar knows, not positions."""
        return not self.unit.endswith("position")

    @property
    def is_regular(self) -> bool:
        return not self.unit.startswith("irregular")

    @property
    def months(self) -> int:
        """Months a step; 0 where a step is not made of months."""
        return MONTHS.get(self.unit, 0) * self.count

    @property
    def step(self) -> int:
        """Microseconds (or positions) a step of fixed length; of a business day, the 24 hours."""
        return FIXED.get("day" if self.unit == "business day" else self.unit, 1) * self.count

    @property
    def seconds(self) -> float:
        """Nominal length of a step: seconds; positions count as one second each."""
        if self.months:
            return self.months * DAYS_PER_MONTH * 86_400
        return self.step / SECOND if self.has_stamps else float(self.count)

    @property
    def name(self) -> str:
        """For messages: 'hourly', 'every 30 minutes', 'by position'."""
        if self.unit == "position":
            return "by position" if self.count == 1 else f"by position in steps of {self.count}"
        if self.unit == "irregular position":
            return f"irregular positions, about {self.count} apart"
        if self.unit == "irregular":
            return f"irregular, about every {_duration(self.count)}"
        if self.count == 1:
            return ADVERBS.get(self.unit, f"every {self.unit}")
        return f"every {self.count} {self.unit}s"

    @property
    def default_seasons(self) -> tuple[int, ...]:
        """Season lengths in steps that the calendar suggests, shortest first; the history may be too short for them."""
        if self.months or self.unit in ("week", "business day"):
            per_year = {"week": 52, "business day": 5}.get(self.unit, 12)
            return _whole((per_year,), self.months or self.count)
        if self.unit not in FIXED or self.step < 30 * SECOND:
            return ()
        day, hour = FIXED["day"], FIXED["hour"]
        if self.step >= day:
            return _whole((7, 365), self.count)
        cycles = _whole((day, 7 * day), self.step)
        return cycles if cycles else _whole((hour,), self.step)

    def position(self, stamps: Stamps, origin: Stamps | None = None) -> NDArray[np.int64]:
        """Whole steps from `origin` (the same shape or one stamp; the epoch when None) to the nearest of each stamp.

        >>> Frequency("month").position(np.array(["2024-03-31"], "datetime64[us]"), np.datetime64("2024-01-31", "us"))
        array([2])
        """
        start = np.zeros((), stamps.dtype) if origin is None else np.asarray(origin, stamps.dtype)
        if self.unit == "business day":
            counted: NDArray[np.int64] = np.busday_count(days(start), days(stamps))
            return counted
        if self.months:
            return (month_index(stamps) - month_index(start)) // self.months
        elapsed = stamps.astype(np.int64) - start.astype(np.int64)
        return np.asarray((elapsed + self.step // 2) // self.step)

    def advance(self, stamps: Stamps, steps: int | NDArray[np.int64]) -> Stamps:
        """The stamps `steps` later (earlier where negative); `steps` broadcasts against `stamps`."""
        if self.unit == "business day":
            midnight = days(stamps)
            moved = np.busday_offset(midnight, steps, roll="forward")
            return np.asarray(moved.astype(stamps.dtype) + (stamps - midnight.astype(stamps.dtype)))
        if self.months:
            return self._advance_months(stamps, steps)
        ticks = stamps.astype(np.int64) + np.asarray(steps, np.int64) * self.step
        return np.asarray(ticks.astype(stamps.dtype))

    def grid(self, start: Stamps, end: Stamps) -> Stamps:
        """All stamps from `start` to `end`, both included.

        >>> start, end = np.array(["2024-01-01", "2024-07-01"], "datetime64[us]")
        >>> Frequency("quarter").grid(start, end).astype("datetime64[D]")
        array(['2024-01-01', '2024-04-01', '2024-07-01'], dtype='datetime64[D]')
        """
        first = np.asarray(start)
        steps = int(self.position(np.asarray(end, first.dtype), first))
        return self.advance(first, np.arange(steps + 1))

    def _advance_months(self, stamps: Stamps, steps: int | NDArray[np.int64]) -> Stamps:
        midnight = days(stamps)
        month = month_index(stamps) + np.asarray(steps, np.int64) * self.months
        if self.anchor is None:
            day = np.where(days_left(stamps) == 0, END_OF_MONTH, day_of_month(stamps))
        else:
            day = np.asarray(self.anchor)
        first = month.astype("datetime64[M]").astype("datetime64[D]")
        length = ((month + 1).astype("datetime64[M]").astype("datetime64[D]") - first).astype(np.int64)
        moved = first + (np.minimum(day, length) - 1)
        return np.asarray(moved.astype(stamps.dtype) + (stamps - midnight.astype(stamps.dtype)))

    def anchored(self, stamps: Stamps) -> Frequency:
        """The same frequency with the day of the month that `stamps` show, where it counts months and has none."""
        if not self.months or self.anchor is not None or not len(stamps):
            return self
        return replace(self, anchor=_anchor(stamps))

    def to_json(self) -> dict[str, Any]:
        return {"unit": self.unit, "count": self.count, "anchor": self.anchor}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Frequency:
        return cls(str(saved["unit"]), int(saved["count"]), saved["anchor"])


POSITION = Frequency("position")
IRREGULAR = Frequency("irregular")


def infer_frequency(times: Stamps, offsets: NDArray[np.int64] | None = None) -> Frequency:
    """The spacing that most rows of all series keep, gaps and repeated stamps set aside.

    `times` holds the series end to end, each sorted; `offsets` says where each starts, and the end (None: one series).
    Raises DataError where no series has two different stamps.

    >>> infer_frequency(np.array(["2024-01-01", "2024-01-02", "2024-01-06"], "datetime64[us]")).name
    'daily'
    """
    ticks = times.astype(np.int64)
    inside = np.ones(max(len(ticks) - 1, 0), bool)
    if offsets is not None:
        borders = offsets[1:-1]
        inside[borders[(borders > 0) & (borders < len(ticks))] - 1] = False
    gaps = np.diff(ticks)
    gaps = gaps[inside & (gaps > 0)]
    if not len(gaps):
        raise DataError("the spacing of the rows cannot be seen, as no series has two time stamps: name it with freq.")
    values, counts = np.unique(gaps, return_counts=True)
    if times.dtype.kind != "M":
        step = _common_step(values, counts)
        return Frequency("position", step) if step else Frequency("irregular position", _median(values, counts))
    return _months_apart(times, inside, values) or _fixed_or_irregular(times, values, counts)


def _fixed_or_irregular(times: Stamps, values: NDArray[np.int64], counts: NDArray[np.int64]) -> Frequency:
    step = _common_step(values, counts)
    if not step:
        return Frequency("irregular", _median(values, counts))
    if step == FIXED["day"] and _skips_weekends(times, values):
        return Frequency("business day")
    unit = next(unit for unit in reversed(FIXED) if step % FIXED[unit] == 0)
    return Frequency(unit, step // FIXED[unit])


def _common_step(values: NDArray[np.int64], counts: NDArray[np.int64]) -> int:
    """The step on whose grid nearly all rows lie; 0 where there is none."""
    share = counts / counts.sum()
    mode = int(values[np.argmax(counts)])
    # Rare gaps (below 1 %) may be a clock set right or a typing error, so they have no say in the step.
    step = int(np.gcd.reduce(np.append(values[share >= 0.01], mode)))
    if share[values % step == 0].sum() >= 0.98 and share[values == step].sum() >= 0.1:
        return step
    return mode if share[np.argmax(counts)] >= 0.8 else 0


def _months_apart(times: Stamps, inside: NDArray[np.bool_], values: NDArray[np.int64]) -> Frequency | None:
    """A frequency of months, quarters or years where stamps keep to a day of the month, or near its start or end."""
    if values[0] < 27 * FIXED["day"]:
        return None
    apart = np.diff(month_index(times))[inside & (np.diff(times.astype(np.int64)) > 0)]
    step = int(np.gcd.reduce(apart))
    if apart.min() < 1 or (apart == step).mean() < 0.1 or _anchor(times) is None:
        return None
    unit = "year" if step % 12 == 0 else "quarter" if step % 3 == 0 else "month"
    return Frequency(unit, step // MONTHS[unit], _anchor(times))


def _anchor(times: Stamps) -> int | None:
    """The day of the month that all stamps share (31: its end); within four days of either end counts as the end."""
    day, left = day_of_month(times), days_left(times)
    if left.max() == 0:
        return END_OF_MONTH
    latest = int(day.max())
    if (day == np.minimum(latest, day + left)).all():
        return latest
    if left.max() <= 3:  # the last business day
        return END_OF_MONTH
    return 1 if latest <= 4 else None


def _skips_weekends(times: Stamps, values: NDArray[np.int64]) -> bool:
    weekday = (days(times).astype(np.int64) + 3) % 7  # the epoch was a Thursday; Monday is 0
    return bool((weekday < 5).all() and (values == 3 * FIXED["day"]).any())


def _median(values: NDArray[np.int64], counts: NDArray[np.int64]) -> int:
    return int(values[np.searchsorted(np.cumsum(counts), counts.sum() / 2)])


def _whole(cycles: tuple[int, ...], step: int) -> tuple[int, ...]:
    """Cycles as whole numbers of steps, at least two and not too long to remember."""
    return tuple(c // step for c in cycles if c % step == 0 and 2 <= c // step <= LONGEST_SEASON)


def _duration(microseconds: int) -> str:
    unit = next(unit for unit in reversed(FIXED) if microseconds >= FIXED[unit])
    amount = microseconds / FIXED[unit]
    return unit if amount == 1 else f"{amount:.3g} {unit}s"


NAMES = {
    "microsecond": ("us", "micros"),
    "millisecond": ("ms", "millis"),
    "second": ("s", "sec", "S"),
    "minute": ("min", "T", "minutely"),
    "hour": ("h", "H", "hr", "hourly"),
    "day": ("d", "D", "daily"),
    "business day": ("B", "b", "bday", "businessday", "weekday", "business"),
    "week": ("w", "W", "wk", "weekly"),
    "month": ("M", "ME", "MS", "mo", "BM", "BME", "BMS", "monthly"),
    "quarter": ("q", "Q", "QE", "QS", "quarterly"),
    "year": ("y", "Y", "A", "YE", "YS", "AS", "a", "yr", "yearly", "annual", "annually"),
    "position": ("index", "step"),
    "irregular": (),
}
ANCHORS = {"MS": 1, "QS": 1, "YS": 1, "AS": 1, "BMS": 1}


def parse_frequency(text: str) -> Frequency:
    """Read a frequency as people and other libraries write it: 'hour', '30min', '15 minutes', 'B', 'W-SUN', 'MS'.

    Raises UsageError with the nearest known name.

    >>> parse_frequency("15 minutes")
    Frequency(unit='minute', count=15, anchor=None)
    """
    match = re.fullmatch(r"\s*(?:every\s+)?(\d*)\s*([A-Za-z ]+?)(?:-[A-Za-z]{3})?\s*", text)
    count = int(match[1] or 1) if match else 0
    unit = _unit(match[2]) if match and count else None
    if match is None or unit is None:
        raise UsageError(f"the frequency '{text}' is not known, expected such as 'hour' or '30min': {_hint(text)}")
    return IRREGULAR if unit == "irregular" else Frequency(unit, count, ANCHORS.get(match[2]))


def _unit(word: str) -> str | None:
    """The unit a word means. Case counts only where it must: 'MS' is a month's start, 'ms' a millisecond."""
    for unit, aliases in NAMES.items():
        if word in aliases or word.lower() in (unit, f"{unit}s"):
            return unit
    long = word.lower().rstrip("s")
    return next((unit for unit, aliases in NAMES.items() if len(long) > 1 and long in aliases), None)


def _hint(text: str) -> str:
    if text.strip().lstrip("0123456789 ") == "m":  # months to pandas, minutes to Polars
        return "write 'min' or 'month'."
    adverbs = [alias for aliases in NAMES.values() for alias in aliases if alias.endswith("ly")]
    close = nearest(text, [*NAMES, *adverbs])
    return close if close.startswith("did") else nearest(text, NAMES)
