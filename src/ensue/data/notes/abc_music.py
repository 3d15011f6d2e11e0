"""The music of an ABC tune: notes, bar lines and repeats, in the order they are written and in the order they are played.

Times are fractions of a quarter note.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ensue.data.notes.abc_files import Head

LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ACCIDENTALS = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
IN_TIME_OF = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}
"""Notes of a tuplet stand in the time of so many; 5, 7 and 9 depend on the time signature."""

TOKEN = re.compile(
    r"""(?P<chordsymbol>"[^"]*") | (?P<decoration>![^!\n]*!|\+[a-z.]+\+) | (?P<inline>\[[A-Za-z]:[^\]]*\])
    | (?P<grace>\{[^}]*\}) | (?P<tuplet>\((?P<p>\d+)(:(?P<q>\d*))?(:(?P<r>\d*))?)
    | (?P<ending>\[\s*[1-9][0-9,\-]*) | (?P<bar>:*\|+[\]:|]*(?P<number>\s*[1-9][0-9,\-]*)?|::+|\[\|)
    | (?P<note>(?P<accidental>\^\^|\^|=|__|_)?(?P<letter>[A-Ga-g])(?P<octave>[,']*)(?P<length>\d*/*\d*)(?P<tie>\s*-)?)
    | (?P<rest>[xyz](?P<restlength>\d*/*\d*)) | (?P<bars>[ZX](?P<howmany>\d*))
    | (?P<open>\[) | (?P<close>\](?P<chordlength>\d*/*\d*)(?P<chordtie>-)?) | (?P<broken>>+|<+)
    | (?P<passed>[\s()\-~.HLMOPRSTUVuv\\`&*;?@$]|\])""",
    re.VERBOSE,
)
MOST_NOTES = 200_000
"""Notes of a tune with its repeats."""


class Music:
    """The music of one tune while it is read: sections between bar lines, and the order in which they are played."""

    def __init__(self, head: Head) -> None:
        self.head = head
        self.now = Fraction(0)
        self.notes: list[tuple[Fraction, Fraction, int]] = []
        self.pickup: Fraction | None = None
        self.marks: list[tuple[Fraction, str]] = []
        self.in_bar: dict[tuple[str, int], int] = {}
        self.tied: set[int] = set()
        self.tuplet: tuple[Fraction, int] = (Fraction(1), 0)
        self.broken = Fraction(1)
        self.chord: list[tuple[int, Fraction]] | None = None
        self.chord_ties: set[int] = set()
        self.before = Fraction(0)
        self.last: list[int] = []
        self.voice = self.first_voice = ""

    def read(self, line: str) -> None:
        """One line: a field, or music."""
        if re.match(r"[A-Za-z]:(?![|:])", line):
            self._field(line[0], line[2:])
            return
        if line.startswith("%%") or (self.voice and self.voice != self.first_voice):
            return
        place = 0
        while place < len(line):
            found = TOKEN.match(line, place)
            if found is None:
                raise self.head.error(f"has '{line[place]}' where music was expected")
            place = found.end()
            self._token(found)
            if len(self.notes) > MOST_NOTES:
                raise self.head.error(f"has more than {MOST_NOTES} notes")

    def _field(self, name: str, value: str) -> None:
        if name == "V":
            self.voice = value.split()[0] if value.split() else ""
            self.first_voice = self.first_voice or self.voice
            return
        if name in "KLMQ":
            self.head.field(name, value)

    def _token(self, found: re.Match[str]) -> None:
        groups = found.groupdict()
        if groups["note"]:
            self._note(found)
        elif groups["rest"]:
            self._advance(self._length(groups["restlength"]))
        elif groups["bars"]:
            self._advance(self.head.meter.quarters * int(groups["howmany"] or 1))
        elif groups["inline"]:
            self._field(groups["inline"][1], groups["inline"][3:-1])
        elif groups["bar"] is not None:
            self._bar(groups["bar"])
        elif groups["ending"]:
            self.marks.append((self.now, "ending " + groups["ending"][1:].strip()))
        elif groups["tuplet"]:
            self._begin_tuplet(groups)
        elif groups["broken"]:
            self._break(groups["broken"])
        elif groups["open"]:
            if self.chord is not None:
                raise self.head.error("has a chord within a chord")
            self.chord = []
        elif groups["close"] and self.chord is not None:
            self._end_chord(groups["chordlength"], bool(groups["chordtie"]))

    def _note(self, found: re.Match[str]) -> None:
        letter = found["letter"]
        octave = (5 if letter.islower() else 4) + found["octave"].count("'") - found["octave"].count(",")
        key = (letter.upper(), octave)
        if found["accidental"]:
            self.in_bar[key] = ACCIDENTALS[found["accidental"]]
        shift = self.in_bar.get(key, self.head.key.get(letter.upper(), 0))
        pitch = 12 * (octave + 1) + LETTERS[letter.upper()] + shift
        if not 0 <= pitch <= 127:
            raise self.head.error(f"has the note '{found['note']}', which MIDI's 0 to 127 do not hold")
        length = self._length(found["length"])
        if self.chord is not None:
            self.chord.append((pitch, length))
            if found["tie"]:
                self.chord_ties.add(pitch)
            return
        self._sound([(pitch, length)], {pitch} if found["tie"] else set())

    def _end_chord(self, length: str, tied: bool) -> None:
        chord, self.chord = self.chord or [], None
        ties, self.chord_ties = self.chord_ties, set()
        if chord:
            factor = _factor(length, self.head)
            lengths = [(pitch, each * factor) for pitch, each in chord]
            self._sound(lengths, {pitch for pitch, _ in chord} if tied else ties)

    def _sound(self, chord: list[tuple[int, Fraction]], tied: set[int]) -> None:
        """Notes that begin now; the next thing begins where the first of them ends."""
        scale, left = self.tuplet
        factor = self.broken * (scale if left else 1)
        begun = []
        for pitch, length in chord:
            end = self.now + length * factor
            joined = next((n for n in reversed(self.last) if self.notes[n][2] == pitch), None)
            if pitch in self.tied and joined is not None and self.notes[joined][1] == self.now:
                self.notes[joined] = (self.notes[joined][0], end, pitch)
                begun.append(joined)
            else:
                begun.append(len(self.notes))
                self.notes.append((self.now, end, pitch))
        self.last, self.tied = begun, tied
        self._advance(chord[0][1])

    def _advance(self, length: Fraction) -> None:
        scale, left = self.tuplet
        self.now += length * self.broken * (scale if left else 1)
        self.tuplet = (scale, max(0, left - 1))
        self.before, self.broken = length * self.broken * (scale if left else 1), Fraction(1)

    def _length(self, text: str | None) -> Fraction:
        return self.head.note_length * _factor(text or "", self.head)

    def _begin_tuplet(self, groups: dict[str, str | None]) -> None:
        count = int(groups["p"] or 0)
        compound = self.head.meter.unit == 8 and self.head.meter.beats % 3 == 0
        usual = IN_TIME_OF.get(count, 3 if compound else 2)
        time = int(groups["q"]) if groups["q"] else usual
        if not (2 <= count <= 9 and 1 <= time <= 64):
            raise self.head.error(f"has the tuplet '{groups['tuplet']}', expected (2 to (9")
        self.tuplet = (Fraction(time, count), int(groups["r"]) if groups["r"] else count)

    def _break(self, signs: str) -> None:
        """`a>b`: the first longer by a half, the second shorter; each further sign halves what is left."""
        if not self.last:
            raise self.head.error(f"has '{signs}' with no note before it")
        short = Fraction(1, 2 ** len(signs))
        first = 2 - short if signs[0] == ">" else short
        change = self.before * (first - 1)
        for number in self.last:
            start, end, pitch = self.notes[number]
            self.notes[number] = (start, end + change, pitch)
        self.now += change
        self.broken = 2 - first

    def _bar(self, sign: str) -> None:
        if self.pickup is None and self.now > 0:
            self.pickup = self.now
        self.in_bar.clear()
        number = re.search(r"[1-9][0-9,\-]*$", sign)
        mark = sign[: number.start()].strip() if number else sign
        if mark.startswith(":"):
            self.marks.append((self.now, "end of repeat"))
        if mark.endswith(":"):
            self.marks.append((self.now, "repeat"))
        if number:
            self.marks.append((self.now, "ending " + number.group()))
        elif mark in ("||", "|]", "[|"):
            self.marks.append((self.now, "double bar"))

    def finish(self) -> None:
        if self.chord is not None:
            raise self.head.error("has a chord '[' that is not closed")

    def played(self) -> list[tuple[Fraction, Fraction, int]]:
        """The notes in the order they are played, repeats and endings written out."""
        order = _order(self.marks, self.now)
        played: list[tuple[Fraction, Fraction, int]] = []
        time = Fraction(0)
        for first, last in order:
            for start, end, pitch in self.notes:
                if first <= start < last:
                    played.append((time + start - first, time + end - first, pitch))
            if len(played) > MOST_NOTES:
                raise self.head.error(f"has more than {MOST_NOTES} notes with its repeats")
            time += last - first
        return played


def _order(marks: list[tuple[Fraction, str]], end: Fraction) -> list[tuple[Fraction, Fraction]]:
    """The stretches of the written music in the order they are played.

    >>> [tuple(map(int, each)) for each in _order([(Fraction(4), "ending 1"), (Fraction(5), "end of repeat"),
    ...                                            (Fraction(5), "ending 2")], Fraction(6))]
    [(0, 4), (4, 5), (0, 4), (5, 6)]
    """
    order: list[tuple[Fraction, Fraction]] = []
    begin = at = Fraction(0)
    common: Fraction | None = None  # where the first ending begins
    for place, mark in marks:
        if mark == "repeat":
            order.append((at, place))
            begin = at = place
            common = None
        elif mark.startswith("ending"):
            order.append((at, place))
            if common is None:
                common = place
            at = place
        elif mark == "end of repeat":
            order.append((at, place))
            order.append((begin, place if common is None else common))
            at = place
            if common is None:
                begin = place
        elif mark == "double bar" and common is not None and at > common:
            order.append((at, place))
            begin = at = place
            common = None
    order.append((at, end))
    return [(first, last) for first, last in order if last > first]


def _factor(text: str, head: Head) -> Fraction:
    """A length such as 3, /, 3/2 or //, as a multiple of the unit."""
    found = re.fullmatch(r"(\d*)(/*)(\d*)", text)
    if found is None or len(text) > 12:
        raise head.error(f"has the length '{text}', expected one such as 2, /2 or 3/2")
    above, slashes, below = found.groups()
    value = Fraction(int(above or 1), 1)
    if slashes:
        value /= int(below) if below and int(below) else 2 ** len(slashes)
    if not 0 < value <= 256:
        raise head.error(f"has the length '{text}', expected one such as 2, /2 or 3/2")
    return value
