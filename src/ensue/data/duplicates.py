"""Rows of one series that fall on the same step: refused, or the first or the mean taken, as the user chose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ensue.data.frequency import FIXED
from ensue.data.rows import count_noun, show_time
from ensue.data.schema import Covariate, Schema
from ensue.data.sheet import Sheet
from ensue.errors import DataError, UsageError, nearest

Floats = NDArray[np.float64]
POLICIES = ("error", "first", "mean")


def settle_duplicates(
    sheet: Sheet, steps: NDArray[np.int64], policy: str, schema: Schema
) -> tuple[Sheet, NDArray[np.int64]]:
    """One row a step. `steps` are those of the rows from the first of their series; comes back with the sheet.

    Raises DataError where rows repeat and the policy is 'error'.
    """
    if policy not in POLICIES:
        raise UsageError(f"duplicates is '{policy}', expected 'error', 'first' or 'mean': {nearest(policy, POLICIES)}")
    repeated = np.zeros(len(steps), bool)
    repeated[1:] = (steps[1:] == steps[:-1]) & (sheet.rows.codes[1:] == sheet.rows.codes[:-1])
    if not repeated.any():
        return sheet, steps
    clocks_back = _clocks_went_back(sheet, repeated, schema)
    if policy == "error":
        raise _refusal(sheet, repeated, clocks_back)
    kind = "an hour, as clocks go back" if clocks_back else "a time of their series"
    taken = "the first of each is kept" if policy == "first" else "the mean of each is taken"
    if policy == "mean":
        starts = np.flatnonzero(~repeated)
        sheet = replace(
            sheet,
            y=_spread_means(sheet.y[:, None], starts, None)[:, 0],
            past=_spread_means(sheet.past, starts, schema.past),
            future=_spread_means(sheet.future, starts, schema.future),
        )
    count = int(repeated.sum())
    said = f"{count_noun(count, 'row')} {'repeats' if count == 1 else 'repeat'} {kind}: {taken}."
    return replace(sheet.keep(~repeated), findings=(*sheet.findings, said)), steps[~repeated]


def _spread_means(values: Floats, starts: NDArray[np.int64], covariates: tuple[Covariate, ...] | None) -> Floats:
    """Each group's mean of known values in its first row; of categories, which have no mean, the first row's."""
    known = np.isfinite(values)
    total = np.add.reduceat(np.where(known, values, 0.0), starts, axis=0)
    count = np.add.reduceat(known, starts, axis=0, dtype=np.int64)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    numeric = [
        column for column in range(values.shape[1]) if covariates is None or covariates[column].categories is None
    ]
    means = values.copy()
    for column in numeric:
        means[starts, column] = mean[:, column]
    return means


def _clocks_went_back(sheet: Sheet, repeated: NDArray[np.bool_], schema: Schema) -> bool:
    """Whether nearly all repeated stamps lie where clocks go back: small hours of Sundays in autumn, local time."""
    if not schema.frequency.has_stamps or schema.time_zone is not None or schema.frequency.seconds >= 86_400:
        return False
    stamps = sheet.rows.times[repeated]
    weekday = (stamps.astype("datetime64[D]").astype(np.int64) + 3) % 7  # Monday is 0
    hour = stamps.astype(np.int64) % FIXED["day"] // FIXED["hour"]
    month = stamps.astype("datetime64[M]").astype(np.int64) % 12 + 1
    return bool(((weekday == 6) & (hour <= 3) & np.isin(month, (3, 4, 9, 10, 11))).mean() > 0.9)


def _refusal(sheet: Sheet, repeated: NDArray[np.bool_], clocks_back: bool) -> DataError:
    row = int(np.argmax(repeated))
    name = sheet.rows.ids[sheet.rows.codes[row]]
    stamp = show_time(sheet.rows.times[row])
    end = row + int(np.argmin(repeated[row:])) if not repeated[row:].all() else len(repeated)
    count, rows = end - row + 1, count_noun(int(repeated.sum()), "row")
    if clocks_back:
        return DataError(
            f"series '{name}' has {count} rows at {stamp}, as clocks go back ({rows} too many in all), expected one: "
            "choose duplicates 'first' or 'mean' instead of 'error', or write the stamps with their time zone."
        )
    return DataError(
        f"series '{name}' has {count} rows at {stamp} ({rows} too many in all), expected one: choose duplicates "
        "'first' or 'mean' instead of 'error', or remove them."
    )
