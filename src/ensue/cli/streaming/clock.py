"""Time as the lines of a stream write it, in the ticks of the model's own clock: microseconds or positions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ensue.data.calendar import calendar_names, keeps_utc
from ensue.data.days import Stamps
from ensue.data.frequency import SECOND
from ensue.data.rows import show_time
from ensue.data.schema import Schema
from ensue.errors import DataError
from ensue.runtime.stream_state import FIRST_STAMP, LAST_STAMP

DAY = 86_400 * SECOND
EARLIEST, LATEST = 300_000_000, 4_200_000_000
"""Seconds since 1970 that are taken for a time: 1979 to 2103."""
FARTHEST = 10**18
"""Positions lie nearer to 0 than this."""
PER_SECOND = (1, 1_000, 1_000_000, 1_000_000_000)
_MONTH = re.compile(r"\d{4}(-\d\d)?")
_SINCE_1970 = re.compile(r"\d{9,19}(\.\d+)?")


class Clock:
    """The clock of a model: reads stamps, counts steps between them, and writes them.

    >>> from ensue.data.frequency import Frequency
    >>> clock = Clock(Schema(None, "ds", "y", frequency=Frequency("hour")))
    >>> noon = clock.read("2024-01-31T12:00")
    >>> clock.steps(clock.read("2024-01-31 15:00"), noon), clock.show(clock.after(noon, 2))
    (3, ['2024-01-31 13:00:00', '2024-01-31 14:00:00'])
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._frequency = schema.frequency
        zone = schema.time_zone
        self._zone = UTC if zone in (None, "UTC") else ZoneInfo(str(zone))
        self.has_stamps = schema.frequency.has_stamps
        self.regular = schema.frequency.is_regular
        self.needed = bool(calendar_names(schema.frequency)) or not self.regular
        """Whether nothing can be read without a time."""
        self._step = schema.frequency.step
        self._fixed = not self._frequency.months and self._frequency.unit != "business day"

    def read(self, given: Any) -> int:
        """A stamp as ticks. Raises `DataError` where it is no time as the model's table has them."""
        if not self._frequency.has_stamps:
            return self._position(given)
        text = str(given).strip()
        try:
            if _SINCE_1970.fullmatch(text):
                ticks = self._ticks(_since_1970(text))
            elif _MONTH.fullmatch(text):
                ticks = int(np.datetime64(text, "us").astype(np.int64))
            else:
                ticks = self._ticks(datetime.fromisoformat(text))
        except DataError:
            raise
        except (ValueError, OverflowError):
            raise DataError(f"the time {given!r}, expected one such as 2024-01-31 13:00") from None
        return self.checked(ticks)

    def checked(self, ticks: int) -> int:
        """The ticks themselves. Raises `DataError` where they lie outside of what a stream can read."""
        if not self.has_stamps:
            if abs(ticks) >= FARTHEST:
                raise DataError(f"the time {ticks}, expected a whole number of at most 18 digits")
        elif not FIRST_STAMP <= ticks <= LAST_STAMP:
            first, last = (np.datetime_as_string(each, unit="D") for each in self.stamps([FIRST_STAMP, LAST_STAMP]))
            raise DataError(f"the time {self.name(ticks)}, expected one from {first} to {last}")
        return ticks

    def _position(self, given: Any) -> int:
        try:
            whole = float(given)
            if isinstance(given, bool) or not whole.is_integer():
                raise ValueError
            exact = isinstance(given, str) and given.strip().lstrip("+-").isdigit()
            return self.checked(int(given) if exact else int(whole))
        except DataError:
            raise
        except (TypeError, ValueError, OverflowError):
            raise DataError(f"the time {given!r}, expected a whole number") from None

    def _ticks(self, time: datetime) -> int:
        """Ticks of a stamp on the clock that the model's table had; the local one of a fixed offset where it had none."""
        if time.tzinfo is not None:
            if self._schema.time_zone is None:
                if not time.utcoffset():
                    raise DataError(f"the time '{time}' with a time zone, expected one without, as in training")
            else:
                time = time.astimezone(UTC if keeps_utc(self._frequency) else self._zone)
        return int(np.datetime64(time.replace(tzinfo=None), "us").astype(np.int64))

    def stamps(self, ticks: Sequence[int] | NDArray[np.int64]) -> Stamps:
        """Ticks as a stream's `update` takes them."""
        whole = np.asarray(ticks, np.int64)
        return whole.astype("datetime64[us]") if self._frequency.has_stamps else whole

    def steps(self, ticks: int, last: int) -> int:
        """Steps from `last` to `ticks`: 1 for the next step, less where it does not follow."""
        if not self.regular:
            return 1 if ticks > last else 0
        if self._fixed:
            return (ticks - last + self._step // 2) // self._step
        return int(self._frequency.position(self.stamps([ticks]), self.stamps([last]))[0])

    def move(self, last: int, steps: int) -> int:
        """Ticks of the step that is `steps` later. Raises `DataError` where no stream can read that far."""
        return self.checked(last + steps * self._step if self._fixed else int(self.after(last, steps)[-1]))

    def after(self, last: int, steps: int) -> NDArray[np.int64]:
        """Ticks of the next steps, `(steps,)`."""
        frequency = self._frequency
        if self._fixed:
            return last + np.arange(1, steps + 1) * frequency.step
        return frequency.advance(np.repeat(self.stamps([last]), steps), np.arange(1, steps + 1)).astype(np.int64)

    def show(self, ticks: Sequence[int] | NDArray[np.int64], between: str = " ") -> list[str]:
        """Ticks as text; days without a clock time, and in the time zone of the model's table."""
        if not self._frequency.has_stamps:
            return [str(each) for each in ticks]
        stamps = self.stamps(ticks)
        if self._schema.time_zone is not None and keeps_utc(self._frequency):
            zoned = [each.replace(tzinfo=UTC).astimezone(self._zone) for each in stamps.astype(object)]
            return [each.isoformat(between) for each in zoned]
        whole = np.asarray(ticks, np.int64)
        if self._frequency.seconds * SECOND >= DAY and not (whole % DAY).any():
            return [str(each) for each in np.datetime_as_string(stamps, unit="D")]
        unit: Any = "us" if (whole % SECOND).any() else "s"
        return [str(each).replace("T", between) for each in np.datetime_as_string(stamps, unit=unit)]

    def name(self, ticks: int) -> str:
        """One stamp for a message."""
        return show_time(self.stamps([ticks])[0])


def _since_1970(text: str) -> datetime:
    """Seconds since 1970 or parts of them."""
    number = float(text)
    for per_second in PER_SECOND:
        if EARLIEST <= number / per_second <= LATEST:
            whole, _, part = text.partition(".")
            seconds, rest = divmod(int(whole), per_second)
            micros = rest * SECOND // per_second + round(float(f"0.{part or 0}") * SECOND / per_second)
            return datetime.fromtimestamp(seconds, UTC).replace(microsecond=min(micros, SECOND - 1))
    raise ValueError(text)
