"""The regular grid of every series: which step each row stands on, and the stamps of the steps without a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensue.data.days import Stamps, days
from ensue.data.frequency import Frequency, infer_frequency
from ensue.data.rhythm import mixed_frequencies
from ensue.data.rows import Rows, count_noun, show_time
from ensue.errors import DataError

Integers = NDArray[np.int64]
MOST_SPREAD, MOST_ROWS = 20, 1_000_000
"""A grid may have this many times the rows of its table, and this many rows in any case."""
FEW_ROWS = 6
"""A series with fewer rows says nothing sure about its spacing."""
MOST_CHECKED = 100


@dataclass(frozen=True)
class Grid:
    """Where rows go: row r becomes row `place[r]` of the grid; None where every row stays in place."""

    offsets: Integers
    times: Stamps
    place: Integers | None
    findings: tuple[str, ...]

    def has_row(self) -> NDArray[np.bool_]:
        """Which steps have a row."""
        present = np.full(len(self.times), self.place is None)
        if self.place is not None:
            present[self.place] = True
        return present

    def lay(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values of the rows on the grid, NaN where there is no row."""
        if self.place is None:
            return values
        laid = np.full((len(self.times), *values.shape[1:]), np.nan)
        laid[self.place] = values
        return laid


def count_steps(rows: Rows, frequency: Frequency) -> Integers:
    """Steps of each row from the first row of its series; the same step twice where rows repeat.

    Raises DataError for series of another frequency than the panel's.
    """
    if not frequency.is_regular:
        changed = np.ones(len(rows.times), np.int64)
        changed[1:] = rows.times[1:] != rows.times[:-1]
        changed[rows.offsets[:-1]] = 1
        counted = np.cumsum(changed)
        return np.asarray(counted - counted[rows.offsets[:-1]][rows.codes])
    if frequency.unit == "business day":
        _check_weekends(rows)
    steps = frequency.position(rows.times, rows.times[rows.offsets[:-1]][rows.codes])
    _check_spacing(rows, steps, frequency)
    return steps


def lay_grid(rows: Rows, steps: Integers, frequency: Frequency) -> Grid:
    """The grid of rows without duplicates.

    Raises DataError where it would be so much longer than the table that the frequency must be wrong.
    """
    lengths = steps[rows.offsets[1:] - 1] + 1
    total = int(lengths.sum())
    if total > MOST_SPREAD * len(steps) and total > MOST_ROWS:
        raise DataError(
            f"{len(steps):,} rows would become {total:,} steps at the frequency '{frequency.name}', so it seems wrong: "
            "name another with freq, such as 'irregular'."
        )
    beside = _beside_grid(rows, frequency)
    missing = total - len(steps)
    if not missing and not beside:
        return Grid(rows.offsets, rows.times, None, ())
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    place = np.repeat(offsets[:-1], np.diff(rows.offsets)) + steps
    within = np.arange(total) - np.repeat(offsets[:-1], lengths)
    times = frequency.advance(np.repeat(rows.times[rows.offsets[:-1]], lengths), within)
    if frequency.months or frequency.unit == "business day":
        times[place] = rows.times
    findings = [f"{count_noun(beside, 'stamp')} between two steps: taken for the nearest."] if beside else []
    if missing:
        findings.append(gap_finding(missing, total, "missing row"))
    return Grid(offsets, times, place, tuple(findings))


def gap_finding(gaps: int, total: int, noun: str) -> str:
    """What is said of rows without a target, and how large a share they are."""
    kept = "is kept as a gap" if gaps == 1 else "are kept as gaps"
    return f"{count_noun(gaps, noun)} ({100 * gaps / total:.2g} %) {kept}."


def _beside_grid(rows: Rows, frequency: Frequency) -> int:
    """Rows that stand between two steps, which a rare clock that is set right, or a coarse frequency, brings about."""
    if frequency.months or not frequency.is_regular or frequency.unit == "business day":
        return 0
    elapsed = rows.times.astype(np.int64) - rows.times.astype(np.int64)[rows.offsets[:-1]][rows.codes]
    return int(np.count_nonzero(elapsed % frequency.step))


def _check_weekends(rows: Rows) -> None:
    weekend = (days(rows.times).astype(np.int64) + 3) % 7 >= 5  # the epoch was a Thursday
    if weekend.any():
        row = int(np.argmax(weekend))
        raise DataError(
            f"series '{rows.ids[rows.codes[row]]}' has a row at {show_time(rows.times[row])}, a weekend, expected "
            "business days: use the frequency 'day'."
        )


def _check_spacing(rows: Rows, steps: Integers, frequency: Frequency) -> None:
    apart = np.full(len(steps), np.iinfo(np.int64).max)
    apart[1:] = np.diff(steps)
    apart[rows.offsets[:-1]] = np.iinfo(np.int64).max
    finer = apart == 0
    finer[1:] &= rows.times[1:] != rows.times[:-1]
    shortest = np.minimum.reduceat(apart, rows.offsets[:-1])
    suspects = np.flatnonzero((shortest >= 2) & (np.diff(rows.offsets) >= FEW_ROWS))[:MOST_CHECKED]
    if finer.any():
        suspects = np.append(rows.codes[np.argmax(finer)], suspects)
    for series in suspects:
        own = _own_frequency(rows.times[rows.offsets[series] : rows.offsets[series + 1]])
        if own is not None and own.name != frequency.name:
            usual = np.flatnonzero((shortest == 1) & (np.arange(len(shortest)) != series))
            if len(usual):
                raise mixed_frequencies(rows.ids[usual[0]], frequency.name, rows.ids[series], own.name)
            raise DataError(
                f"series '{rows.ids[series]}' is {own.name}, expected {frequency.name}: "
                "bring it to that spacing, or name another with freq."
            )


def _own_frequency(times: Stamps) -> Frequency | None:
    """The frequency of a series that keeps to one; None where too many rows are missing to say."""
    if times[0] == times[-1]:
        return None
    own = infer_frequency(times)
    if not own.is_regular:
        return None
    steps = int(own.position(times[-1:], times[:1])[0]) + 1
    return own if len(np.unique(times)) >= 0.9 * steps else None
