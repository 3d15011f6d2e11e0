"""What streams are given, checked: values, stamps and covariates, each refused with a sentence where it cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensue.data.calendar import keeps_utc
from ensue.data.schema import Covariate, Schema
from ensue.errors import DataError, UsageError
from ensue.runtime.stream_state import FIRST_STAMP, LAST_STAMP

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


def numbers(values: ArrayLike) -> Floats:
    """Values as float64; raises `DataError` where they are no numbers."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"values are {values!r}, expected numbers, NaN where missing.") from error


def check_finite(values: Floats) -> None:
    """Raise `DataError` where a value is infinite."""
    if np.isinf(values).any():
        raise DataError(
            f"value {int(np.argmax(np.isinf(values))) + 1} is infinite, expected a number, or NaN where missing."
        )


def stamps_of(time: Any, schema: Schema) -> Whole:
    """One stamp or several, in microseconds since 1970, or positions."""
    if isinstance(time, np.ndarray) and time.dtype.kind == "M" and time.ndim and schema.frequency.has_stamps:
        ticks = time.astype("datetime64[us]").astype(np.int64)
        for each in time[(ticks < FIRST_STAMP) | (ticks > LAST_STAMP)][:1]:
            return np.asarray(_stamp(each, schema))  # which says what is wrong with it
        return ticks
    if isinstance(time, str) or not isinstance(time, (Sequence, np.ndarray)):
        return np.asarray(_stamp(time, schema))
    if isinstance(time, np.ndarray) and time.ndim == 0:
        return np.asarray(_stamp(time[()], schema))
    if isinstance(time, np.ndarray) and time.ndim > 1:
        return np.array([stamps_of(each, schema) for each in time], np.int64)
    return np.array([_stamp(each, schema) for each in time], np.int64)


def _stamp(time: Any, schema: Schema) -> int:
    has_stamps = schema.frequency.has_stamps
    expected = "a date or time" if has_stamps else "a whole number"
    try:
        return _date_or_time(time, schema) if has_stamps else _position(time)
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"time is {time!r}, expected {expected}: give the stamp of the value.") from error


def _position(time: Any) -> int:
    if isinstance(time, bool) or int(time) != time:
        raise ValueError
    return int(np.int64(time))


def _date_or_time(time: Any, schema: Schema) -> int:
    if isinstance(time, (int, float, np.number)):
        raise TypeError
    if isinstance(time, str):
        time = datetime.fromisoformat(time)
    if isinstance(time, datetime) and time.tzinfo is not None:
        zone = UTC if schema.time_zone is None or keeps_utc(schema.frequency) else ZoneInfo(schema.time_zone)
        time = time.astimezone(zone).replace(tzinfo=None)
    ticks = int(np.datetime64(time, "us").astype(np.int64))
    if not FIRST_STAMP <= ticks <= LAST_STAMP:  # NaT is the least of all numbers
        raise ValueError
    return ticks


def covariates(role: str, given: ArrayLike, shape: tuple[int, ...], known: Sequence[Covariate]) -> Floats:
    """Covariates of a block as `(*shape, columns)`, a row for each step.

    Raises `UsageError` for shapes that do not fit and `DataError` for numbers that cannot be.
    """
    names = [each.name for each in known]
    values = _numbers(role, given)
    wanted = (*shape, len(names))
    if [size for size in values.shape if size != 1] == [size for size in wanted if size != 1]:
        return check_covariates(role, values.reshape(wanted), known)  # one step, or one column, may go without its axis
    raise UsageError(
        f"{role} has shape {values.shape}, expected {wanted}: a row a step, with columns {', '.join(names) or 'none'}."
    )


def _numbers(role: str, given: ArrayLike) -> Floats:
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{role} is {given!r}, expected numbers, NaN where missing.") from error


def check_covariates(role: str, values: Floats, known: Sequence[Covariate]) -> Floats:
    """The values themselves; raises `DataError` for infinite numbers and for codes of categories that there are not."""
    if np.isinf(values).any():
        raise DataError(f"{role} holds an infinite number, expected a number, or NaN where missing.")
    for column, covariate in enumerate(known):
        if covariate.categories is None:
            continue
        codes, most = values[..., column], len(covariate.categories)
        wrong = codes[~np.isnan(codes) & ~((codes >= 0) & (codes <= most))]
        if wrong.size:
            raise DataError(
                f"{role} holds the code {wrong[0]:g} of {covariate.name}, expected 0 to {most}: 1 for the first of its "
                "categories, 0 for one that is not known."
            )
    return values


def statics(given: ArrayLike | None, shape: tuple[int, ...], schema: Schema) -> Floats:
    """Static covariates `(*shape, columns)`, unknown where None."""
    wanted = (*shape, len(schema.static))
    if given is None:
        return np.full(wanted, np.nan)
    values = _numbers("static", given)
    if values.shape != wanted:
        raise UsageError(f"static has shape {values.shape}, expected {wanted}, one value a static covariate.")
    return check_covariates("static", values, schema.static)
