"""A melody as events, one a step: a note begins, it goes on, or there is silence.

The events are those of Magenta's melody models (Waite et al. 2016): hold, rest and a note for each MIDI pitch. Bars are
kept: what the network is shown tells the place in the bar as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ensue.data.notes.coding import Bools, Floats, Places, Tokens
from ensue.data.notes.tune import Meter, Stepped
from ensue.errors import DataError

HOLD, REST, FIRST_NOTE = 0, 1, 2
PITCHES = 128
NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def pitch_name(pitch: int) -> str:
    """As musicians write it; middle C is C4.

    >>> pitch_name(60), pitch_name(69)
    ('C4', 'A4')
    """
    return f"{NAMES[pitch % 12]}{pitch // 12 - 1}"


@dataclass(frozen=True)
class MelodyEvents:
    """Token 0 holds what sounds, or the silence; 1 ends it with silence; 2 + p begins pitch p.

    >>> from ensue.data.notes.chorales import of_steps
    >>> coding = MelodyEvents(Places(4, (Meter(),)))
    >>> coding.tokens(of_steps("a", [[60], [60], [], [], [62]], 4)).tolist()
    [62, 0, 1, 0, 64]
    """

    kind: ClassVar[str] = "melody"
    places: Places

    classes = FIRST_NOTE + PITCHES
    width = 5

    @property
    def columns(self) -> tuple[tuple[int, int, int], ...]:
        """The last event, the pitch that sounds (0: none), and the place in the bar; what is left is the note's age."""
        return ((1, self.classes, 32), (2, PITCHES, 32), *self.places.columns(3))

    def tokens(self, tune: Stepped) -> Tokens:
        """Raises `DataError` where two notes sound at once."""
        notes = tune.notes
        if (notes[1:, 0] < notes[:-1, 1]).any():
            clash = int(np.argmax(notes[1:, 0] < notes[:-1, 1])) + 1
            raise DataError(
                f"'{tune.name}' has two notes at once at step {notes[clash, 0]}, expected one voice: take its highest "
                "voice, or train with --polyphonic."
            )
        tokens = np.zeros(tune.steps, dtype=np.int64)
        tokens[notes[:, 1][notes[:, 1] < tune.steps]] = REST
        if tune.steps:
            tokens[0] = REST
        tokens[notes[:, 0]] = notes[:, 2] + FIRST_NOTE
        return tokens

    def tune(self, tokens: Iterable[int], name: str, meter: Meter, pickup: int = 0, tempo: float = 120.0) -> Stepped:
        """The notes that the events tell."""
        notes: list[list[int]] = []
        sounds, step = False, 0
        for token in tokens:
            if token >= FIRST_NOTE:
                notes.append([step, step, int(token) - FIRST_NOTE])
                sounds = True
            elif token == REST:
                sounds = False
            step += 1
            if sounds:
                notes[-1][1] = step
        array = np.array(notes, dtype=np.int64).reshape(-1, 3)
        return Stepped(name, array, step, self.places.steps_per_quarter, meter, pickup, tempo)

    def reader(self, meter: Meter, pickup: int = 0) -> EventReader:
        return EventReader(self, meter, pickup)

    def names(self) -> list[str]:
        return ["hold", "rest", *map(pitch_name, range(PITCHES))]


class EventReader:
    """See `coding.Reader`."""

    def __init__(self, coding: MelodyEvents, meter: Meter, pickup: int) -> None:
        self.places, self.meter, self.pickup = coding.places, meter, pickup
        self.step, self.last, self.sounding, self.since = 0, -1, -1, 0

    def row(self) -> Floats:
        place = self.places.codes(self.step, self.meter, self.pickup)
        age = math.log1p(self.step - self.since)
        return np.array((age, self.last + 1, self.sounding + 1, *place), np.float32)

    def legal(self) -> Bools:
        """All but a second rest, and a hold of nothing: each melody is then written in one way only."""
        legal = np.ones(MelodyEvents.classes, np.bool_)
        legal[REST] = self.sounding >= 0 or self.step == 0
        legal[HOLD] = self.step > 0
        return legal

    def push(self, token: int) -> None:
        if token != HOLD:
            self.sounding = token - FIRST_NOTE if token >= FIRST_NOTE else -1
            self.since = self.step
        self.last = token
        self.step += 1
