"""What the calendar says of a stamp: hour of day, day of week, day of year, ... as points on a circle, and holidays.

It reads stamps as wall-clock times: turn UTC stamps into local ones first (`local_times`), or noon is not noon.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.days import Stamps, day_of_month, days, days_left
from ensue.data.frequency import FIXED, SECOND, Frequency
from ensue.errors import DataError, MissingExtraError, UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

Phase = Callable[[Stamps], NDArray[np.float64]]

DAY = FIXED["day"] // SECOND
YEAR = 365.2425 * DAY


def _within(microseconds: int, offset: int = 0) -> Phase:
    """The part of a cycle of fixed length that has passed, 0 to 1."""

    def phase(times: Stamps) -> NDArray[np.float64]:
        return np.asarray((times.astype(np.int64) + offset) % microseconds / microseconds)

    return phase


def _within_month(times: Stamps) -> NDArray[np.float64]:
    day = day_of_month(times)
    return np.asarray((day - 1) / (day + days_left(times)))


def _within_year(times: Stamps) -> NDArray[np.float64]:
    start = times.astype("datetime64[Y]")
    length = ((start + 1).astype("datetime64[us]") - start.astype("datetime64[us]")).astype(np.int64)
    return np.asarray((times - start.astype("datetime64[us]")).astype(np.int64) / length)


def _month_of_year(times: Stamps) -> NDArray[np.float64]:
    return np.asarray(times.astype("datetime64[M]").astype(np.int64) % 12 / 12)


# name: (shortest and longest step in seconds that it tells apart, phase). Cycles within the hour need twelve steps to be
# worth a feature: at two or three steps the position within the day says it already.
CYCLES: dict[str, tuple[float, float, Phase]] = {
    "second of minute": (0, 5, _within(60 * SECOND)),
    "minute of hour": (0, 300, _within(3_600 * SECOND)),
    "hour of day": (0, DAY / 2, _within(FIXED["day"])),
    "day of week": (1, 3.5 * DAY, _within(FIXED["week"], 3 * FIXED["day"])),  # the epoch was a Thursday
    "day of month": (DAY, 2 * DAY, _within_month),
    "day of year": (60, 27 * DAY, _within_year),
    "month of year": (27 * DAY, YEAR / 2, _month_of_year),
}


def calendar_cycles(frequency: Frequency) -> tuple[str, ...]:
    """The cycles that vary from step to step at this frequency and are longer than one; none where there are no stamps.

    >>> calendar_cycles(Frequency("hour"))
    ('hour of day', 'day of week', 'day of year')
    """
    if not frequency.has_stamps:
        return ()
    step = frequency.seconds
    return tuple(name for name, (shortest, longest, _) in CYCLES.items() if shortest <= step <= longest)


def calendar_names(frequency: Frequency) -> tuple[str, ...]:
    """Names of the columns of `calendar_features`.

    >>> calendar_names(Frequency("month"))
    ('sin month of year', 'cos month of year')
    """
    return tuple(f"{wave} {cycle}" for cycle in calendar_cycles(frequency) for wave in ("sin", "cos"))


def calendar_features(times: Stamps, frequency: Frequency) -> NDArray[np.float32]:
    """Sine and cosine of where each stamp stands in each cycle: float32 `(rows, columns)`, columns as `calendar_names`.

    >>> noon = np.array(["2024-01-01T12"], "datetime64[us]")
    >>> calendar_features(noon, Frequency("hour"))[0, :2].round(3).tolist()
    [0.0, -1.0]
    """
    cycles = calendar_cycles(frequency)
    features = np.empty((len(times), 2 * len(cycles)), np.float32)
    for column, name in enumerate(cycles):
        angle = 2 * np.pi * CYCLES[name][2](times)
        features[:, 2 * column] = np.sin(angle)
        features[:, 2 * column + 1] = np.cos(angle)
    return features


def local_times(times: Stamps, time_zone: str | None, frequency: Frequency) -> Stamps:
    """The wall clock at each stamp of a panel, for the calendar.

    Stamps with a zone are kept in UTC where steps are shorter than a day, so that no hour is missing or double; longer
    steps are kept as local dates already.
    """
    if time_zone is None or time_zone == "UTC" or not keeps_utc(frequency):
        return times
    import polars as pl

    stamps = pl.Series(times).dt.replace_time_zone("UTC").dt.convert_time_zone(time_zone)
    return np.asarray(stamps.dt.replace_time_zone(None).to_numpy().astype("datetime64[us]"))


def keeps_utc(frequency: Frequency) -> bool:
    """Whether stamps with a time zone are put on a UTC grid at this frequency, rather than on local dates."""
    return frequency.seconds < DAY


def holiday_names(frequency: Frequency) -> tuple[str, ...]:
    """Names of the columns of `holiday_feature`."""
    if frequency.seconds <= DAY:
        return ("holiday", "day before holiday", "day after holiday")
    return ("holiday",)


def holiday_feature(times: Stamps, country: str, frequency: Frequency) -> NDArray[np.float32]:
    """Public holidays of a country, such as 'US' or 'DE-BY': float32 `(rows, columns)` of 0 and 1.

    Steps of a day or less have three columns: the day is a holiday, the next one is, the one before was. Longer steps
    have one: a holiday lies between the stamp and the next. `times` are local. Raises MissingExtraError without the
    package `holidays`, UsageError for a country it does not know, DataError for rows without stamps.
    """
    if not frequency.has_stamps:
        raise DataError("holidays need time stamps, but the rows have positions only: leave out the holidays.")
    today = days(times)
    after = days(frequency.advance(times, 1)) if frequency.seconds > DAY else today + 1
    if not len(times):
        return np.zeros((0, len(holiday_names(frequency))), np.float32)
    dates = np.array(sorted(_holidays(country, today.min(), after.max())), "datetime64[D]")
    if frequency.seconds > DAY:
        hits = np.searchsorted(dates, after) > np.searchsorted(dates, today)
        return np.asarray(hits, np.float32)[:, None]
    return np.stack([np.isin(today + shift, dates) for shift in (0, 1, -1)], axis=1).astype(np.float32)


def check_country(country: str) -> None:
    """Refuse a country whose holidays are not known, with the same errors as `holiday_feature`."""
    _holidays(country, np.datetime64("2024-01-01"), np.datetime64("2024-01-02"))


def _holidays(country: str, first: Any, last: Any) -> Iterable[Any]:
    try:
        import holidays
    except ImportError as error:
        raise MissingExtraError("holidays", "holidays", "holidays") from error
    code, _, region = country.partition("-")
    years = range((first - 1).item().year, (last + 1).item().year + 1)
    known = holidays.list_supported_countries(include_aliases=True)
    if code not in known:
        raise UsageError(f"the holidays of '{country}' are not known, expected a country code: {_hint(code, known)}")
    if region and region not in known[code]:
        raise UsageError(f"the holidays of '{country}' are not known, as '{code}' has no region '{region}'.")
    return holidays.country_holidays(code, subdiv=region or None, years=years).keys()


def _hint(code: str, known: Iterable[str]) -> str:
    import holidays

    # People write names ('Germany') as often as codes; the registry's class names are the countries' names.
    named = {str(names[0]).lower(): names[1] for names in holidays.registry.COUNTRIES.values()}
    if code.lower() in named:
        return f"did you mean '{named[code.lower()]}'?"
    close = nearest(code.upper(), sorted(each for each in known if len(each) == len(code)))
    return close if close.startswith("did") else "write one such as 'US', 'DE' or 'DE-BY'."
