"""Chords on the piano's 88 keys: as notes from low to high, one token each, or all keys of a step at once.

Written note by note, the probability of a chord is the product of its notes', each given those below it: notes that sound
together are modelled jointly, and exactly. (Boulanger-Lewandowski, Bengio & Vincent 2012 do the same with other means.)
With all keys at once they are taken as independent given the past, which they are not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ensue.data.notes.chorales import of_steps
from ensue.data.notes.coding import Bools, Floats, Places, Tokens
from ensue.data.notes.events import pitch_name
from ensue.data.notes.tune import Meter, Stepped
from ensue.errors import DataError

LOWEST, KEYS = 21, 88
NEXT_STEP = KEYS
"""The token that ends a chord."""
VOICES = 8
"""Places in a chord that are told apart; higher ones look the same."""


def roll_of(tune: Stepped) -> Bools:
    """Which keys sound at each step: `(steps, 88)`. Raises `DataError` for a pitch that no piano has.

    >>> int(roll_of(of_steps("a", [[60, 64], [60]], 1)).sum())
    3
    """
    roll = np.zeros((tune.steps, KEYS), np.bool_)
    for start, end, pitch in tune.notes.tolist():
        if not LOWEST <= pitch < LOWEST + KEYS:
            raise DataError(
                f"'{tune.name}' has the pitch {pitch} at step {start}, expected one of the piano's 88 keys, "
                f"{LOWEST} to {LOWEST + KEYS - 1}: transpose it."
            )
        roll[start:end, pitch - LOWEST] = True
    return roll


def of_roll(roll: Bools, name: str, places: Places, meter: Meter, pickup: int, tempo: float) -> Stepped:
    """A key that sounds in successive steps is one long note."""
    steps = [[LOWEST + int(key) for key in np.flatnonzero(row)] for row in roll]
    made = of_steps(name, steps, places.steps_per_quarter, meter, pickup)
    return Stepped(name, made.notes, made.steps, made.steps_per_quarter, meter, pickup, tempo)


@dataclass(frozen=True)
class Chords:
    """Tokens 0 to 87 are keys, in a step from low to high; 88 goes on to the next step.

    >>> coding = Chords(Places(1, (Meter(),)))
    >>> coding.tokens(of_steps("a", [[60, 64], [], [60]], 1)).tolist()
    [39, 43, 88, 88, 39, 88]
    """

    kind: ClassVar[str] = "chords"
    places: Places

    classes = KEYS + 1
    width = 2 * KEYS + 5

    @property
    def columns(self) -> tuple[tuple[int, int, int], ...]:
        """The last note of this chord, the note at the same place in the last chord, the place; then the bar's."""
        first = 2 * KEYS
        return (
            (first, KEYS, 32),
            (first + 1, KEYS, 32),
            (first + 2, VOICES, 8),
            *self.places.columns(first + 3),
        )

    def tokens(self, tune: Stepped) -> Tokens:
        """Raises `DataError` for a pitch that no piano has."""
        roll = roll_of(tune)
        return np.flatnonzero(np.column_stack([roll, np.ones(len(roll), np.bool_)])) % (KEYS + 1)

    def tune(self, tokens: Iterable[int], name: str, meter: Meter, pickup: int = 0, tempo: float = 120.0) -> Stepped:
        """The notes of whole steps; those of a chord that was not ended are left out."""
        rows: list[Bools] = []
        row = np.zeros(KEYS, np.bool_)
        for token in tokens:
            if token == NEXT_STEP:
                rows.append(row)
                row = np.zeros(KEYS, np.bool_)
            else:
                row[token] = True
        return of_roll(np.array(rows, np.bool_).reshape(-1, KEYS), name, self.places, meter, pickup, tempo)

    def reader(self, meter: Meter, pickup: int = 0) -> ChordReader:
        return ChordReader(self, meter, pickup)

    def names(self) -> list[str]:
        return [*(pitch_name(LOWEST + key) for key in range(KEYS)), "next step"]


class ChordReader:
    """See `coding.Reader`."""

    def __init__(self, coding: Chords, meter: Meter, pickup: int) -> None:
        self.places, self.meter, self.pickup = coding.places, meter, pickup
        self.step = 0
        self.before: list[int] = []
        self.chord: list[int] = []

    def row(self) -> Floats:
        row = np.zeros(Chords.width, np.float32)
        row[self.before] = 1.0
        row[[KEYS + key for key in self.chord]] = 1.0
        place = len(self.chord)
        row[2 * KEYS] = self.chord[-1] + 1 if self.chord else 0
        row[2 * KEYS + 1] = self.before[place] + 1 if place < len(self.before) else 0
        row[2 * KEYS + 2] = place + 1 if place < VOICES else 0
        row[2 * KEYS + 3 :] = self.places.codes(self.step, self.meter, self.pickup)
        return row

    def legal(self) -> Bools:
        """Keys above the last, and the next step: each chord is then written in one way only."""
        legal = np.ones(Chords.classes, np.bool_)
        if self.chord:
            legal[: self.chord[-1] + 1] = False
        return legal

    def push(self, token: int) -> None:
        if token == NEXT_STEP:
            self.before, self.chord = self.chord, []
            self.step += 1
        else:
            self.chord.append(token)


@dataclass(frozen=True)
class Keys:
    """A step is one row of 88 keys, each on or off by itself: the older model, for comparison.

    It has no tokens; `keys` gives rows and targets as `coding.read` does for the others.
    """

    kind: ClassVar[str] = "keys"
    places: Places

    classes = KEYS
    width = KEYS + 2

    @property
    def columns(self) -> tuple[tuple[int, int, int], ...]:
        return self.places.columns(KEYS)

    def row(self, before: Bools, step: int, meter: Meter, pickup: int) -> Floats:
        """What the network is shown before a step: the keys of the last, and the place in the bar."""
        return np.concatenate([before, self.places.codes(step, meter, pickup)]).astype(np.float32)

    def rows(self, tune: Stepped) -> tuple[Floats, Bools]:
        """Rows `(steps, width)` and the keys that sound `(steps, 88)`."""
        roll = roll_of(tune)
        before = np.vstack([np.zeros((1, KEYS), np.bool_), roll])
        rows = [self.row(before[step], step, tune.meter, tune.pickup) for step in range(tune.steps)]
        return np.array(rows, np.float32).reshape(-1, self.width), roll
