"""A tune: notes with a beginning, an end and a pitch, in bars; and the same on a grid of equal steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ensue.errors import DataError, UsageError

Notes = NDArray[np.int64]

GRIDS = (1, 2, 4, 12)
"""Steps in a quarter note that are tried: quarters, eighths, sixteenths, and sixteenths with triplets."""
FITS = 0.98
"""The share of notes that must begin on a grid for it to be fine enough."""


@dataclass(frozen=True)
class Meter:
    """A time signature: `beats` notes of 1/`unit` to a bar.

    >>> Meter(6, 8).quarters
    Fraction(3, 1)
    """

    beats: int = 4
    unit: int = 4

    def __post_init__(self) -> None:
        if not (1 <= self.beats <= 64 and self.unit in (1, 2, 4, 8, 16, 32)):
            raise UsageError(f"The time signature is {self.beats}/{self.unit}, expected one such as 4/4, 3/4 or 6/8.")

    @property
    def quarters(self) -> Fraction:
        """Quarter notes to a bar."""
        return Fraction(4 * self.beats, self.unit)

    def __str__(self) -> str:
        return f"{self.beats}/{self.unit}"


@dataclass(frozen=True, eq=False)
class Tune:
    """What a file of notes holds, whoever plays them.

    `notes` is int64 `(count, 3)`: start, end and MIDI pitch (60 is middle C) of each, in ticks, `resolution` of which
    make a quarter note, sorted by start and pitch.
    """

    name: str
    notes: Notes
    resolution: int
    meter: Meter = Meter()
    pickup: int = 0
    """Ticks before the first full bar, less than a bar."""
    tempo: float = 120.0
    """Quarter notes a minute."""

    @property
    def polyphonic(self) -> bool:
        """Whether notes sound together.

        >>> of_notes("two", [(0, 4, 60), (0, 4, 64)], 4).polyphonic
        True
        """
        return bool((self.notes[1:, 0] < np.maximum.accumulate(self.notes[:-1, 1])).any())


def of_notes(name: str, notes: Sequence[tuple[int, int, int]], resolution: int, **more: object) -> Tune:
    """A tune of (start, end, pitch) in any order."""
    array = np.array(sorted(notes, key=lambda note: (note[0], note[2])), dtype=np.int64).reshape(-1, 3)
    return Tune(name, array, resolution, **more)  # type: ignore[arg-type]


def highest_voice(tune: Tune) -> Tune:
    """The highest note at each start, ended where the next begins: a melody, as the ear hears one above chords.

    >>> highest_voice(of_notes("chords", [(0, 4, 60), (0, 4, 67), (4, 8, 59)], 4)).notes.tolist()
    [[0, 4, 67], [4, 8, 59]]
    """
    order = np.lexsort((-tune.notes[:, 2], tune.notes[:, 0]))
    notes = tune.notes[order]
    _, first = np.unique(notes[:, 0], return_index=True)
    kept: list[list[int]] = []
    for start, end, pitch in notes[first].tolist():
        if kept and kept[-1][1] > start:
            if kept[-1][2] > pitch and kept[-1][1] >= end:
                continue  # it sounds below a longer note: an inner voice
            kept[-1][1] = start
        kept.append([start, end, pitch])
    return replace(tune, notes=np.array(kept, dtype=np.int64).reshape(-1, 3))


@dataclass(frozen=True, eq=False)
class Stepped:
    """A tune on a grid: the same notes with start and end in steps, every one at least a step long."""

    name: str
    notes: Notes
    steps: int
    """From the start of the tune to the end of its last note."""
    steps_per_quarter: int
    meter: Meter = Meter()
    pickup: int = 0
    """Steps before the first full bar."""
    tempo: float = 120.0
    moved: int = 0
    """Notes that began between two steps and were moved to the nearest."""

    @property
    def bar(self) -> int:
        """Steps to a bar."""
        return steps_to_a_bar(self.meter, self.steps_per_quarter)

    def tune(self) -> Tune:
        """Back to a tune of which a tick is a step."""
        return Tune(self.name, self.notes, self.steps_per_quarter, self.meter, self.pickup, self.tempo)


def steps_to_a_bar(meter: Meter, steps_per_quarter: int) -> int:
    """Raises `DataError` where a bar is no whole number of steps.

    >>> steps_to_a_bar(Meter(6, 8), 4)
    12
    """
    steps = meter.quarters * steps_per_quarter
    if steps.denominator != 1:
        raise DataError(
            f"A bar of {meter} is no whole number of steps with {steps_per_quarter} steps to a quarter note: "
            "give a finer grid, such as --grid 4."
        )
    return int(steps)


def on_grid(tune: Tune, steps_per_quarter: int) -> Stepped:
    """Starts and ends moved to the nearest step; a note never becomes shorter than a step."""
    factor = Fraction(steps_per_quarter, tune.resolution)

    def nearest(ticks: Notes) -> Notes:
        doubled = ticks * (2 * factor.numerator) + factor.denominator
        return np.asarray(doubled // (2 * factor.denominator), dtype=np.int64)

    starts, ends = nearest(tune.notes[:, 0]), nearest(tune.notes[:, 1])
    notes = np.unique(np.column_stack([starts, np.maximum(ends, starts + 1), tune.notes[:, 2]]), axis=0)
    return Stepped(
        tune.name,
        notes[np.lexsort((notes[:, 2], notes[:, 0]))],
        int(notes[:, 1].max(initial=0)),
        steps_per_quarter,
        tune.meter,
        int(nearest(np.array([tune.pickup]))[0]) % steps_to_a_bar(tune.meter, steps_per_quarter),
        tune.tempo,
        int(np.count_nonzero(starts * factor.denominator != tune.notes[:, 0] * factor.numerator)),
    )


def grid_for(tunes: Sequence[Tune]) -> int:
    """The coarsest grid on which 98 of 100 notes begin, and whose steps fill every bar; the finest where there is none.

    >>> grid_for([of_notes("eighths", [(0, 2, 60), (2, 4, 62), (4, 8, 64)], resolution=4)])
    2
    """
    for grid in GRIDS:
        fits = sum(_beginning_on(tune, grid) for tune in tunes)
        whole = all((tune.meter.quarters * grid).denominator == 1 for tune in tunes)
        if whole and fits >= FITS * sum(len(tune.notes) for tune in tunes):
            return grid
    return GRIDS[-1]


def _beginning_on(tune: Tune, grid: int) -> int:
    """How many notes begin within a 32nd of a quarter note of a step: players are not exact, nor are some programs."""
    starts = tune.notes[:, 0] * grid / tune.resolution
    return int(np.count_nonzero(np.abs(starts - np.round(starts)) <= grid / 32))
