"""Tunes from ABC files, the plain-text notation of folk music (version 2.1 of the standard).

Read are notes, rests, accidentals, lengths, broken rhythms, ties, tuplets, chords, repeats with first and second endings,
keys with their modes, time signatures and tempo. Chord symbols, decorations, grace notes, lyrics and slurs are passed over.
"""

from __future__ import annotations

import re
from fractions import Fraction
from math import lcm

from ensue.data.notes.abc_music import ACCIDENTALS, Music
from ensue.data.notes.tune import Meter, Tune, of_notes
from ensue.errors import DataError, UsageError

SHARPS = ("F", "C", "G", "D", "A", "E", "B")
FIFTHS = {"C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5, "F#": 6, "C#": 7, "F": -1, "Bb": -2, "Eb": -3, "Ab": -4,
          "Db": -5, "Gb": -6, "Cb": -7, "G#": 8, "D#": 9, "A#": 10}  # fmt: skip
MODES = {"": 0, "maj": 0, "ion": 0, "mix": -1, "dor": -2, "m": -3, "min": -3, "aeo": -3, "phr": -4, "loc": -5, "lyd": 1}
LARGEST = 1_000_000
"""Characters of a tune; longer ones are refused before they take all memory."""


def read_abc(text: str, source: str) -> list[Tune | DataError]:
    """Every tune of a file: as itself, or as the reason why it cannot be read.

    Raises `DataError` where there is no tune at all.

    >>> [tune] = read_abc("X:1\\nT:Scale\\nM:2/4\\nL:1/4\\nK:D\\nDE|FG|", "scale.abc")
    >>> tune.notes[:, 2].tolist()
    [62, 64, 66, 67]
    """
    parts = re.split(r"(?m)^(?=X:)", text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n"))
    tunes = [part for part in parts if part.startswith("X:")]
    if not tunes:
        raise DataError(f"{source} has no tune: an ABC tune begins with a line 'X:1', and its music after 'K:'.")
    header = "" if parts[0].startswith("X:") else parts[0]
    line = 1 + text[: text.find("X:")].count("\n")
    read: list[Tune | DataError] = []
    for part in tunes:
        try:
            read.append(Head(source, line, header).tune(part))
        except DataError as reason:
            read.append(reason)
        line += part.count("\n")
    return read


class Head:
    """The head of a tune: what its fields say, and what fields within the music change."""

    def __init__(self, source: str, line: int, header: str) -> None:
        self.source, self.line, self.header = source, line, header
        self.title, self.meter, self.tempo = "", Meter(), 120.0
        self.free = False
        self.unit: Fraction | None = None
        self.key: dict[str, int] = {}
        self.meter_given = False

    def tune(self, text: str) -> Tune:
        if len(text) > LARGEST:
            raise self.error(f"has {len(text)} characters, expected at most {LARGEST}")
        for line in self.header.split("\n"):
            if re.match(r"[LMQ]:", line):
                self.field(line[0], line[2:])
        lines = text.split("\n")
        body = next((n for n, line in enumerate(lines) if line.startswith("K:")), None)
        for number, line in enumerate(lines[: len(lines) if body is None else body + 1]):
            self._at = self.line + number
            if re.match(r"[A-Za-z]:", line):
                self.field(line[0], re.sub(r"(?<!\\)%.*", "", line[2:]))
        if body is None:
            raise self.error("has no key: a line 'K:' ends the head of a tune")
        first_meter = self.meter
        music = Music(self)
        for number, line in enumerate(lines[body + 1 :], start=body + 1):
            self._at = self.line + number
            if not line.strip() and music.notes:
                break
            music.read(re.sub(r"(?<!\\)%.*", "", line))
        music.finish()
        return self._made(music, first_meter)

    def _made(self, music: Music, meter: Meter) -> Tune:
        notes = music.played()
        if not notes:
            raise self.error("has no notes")
        resolution = lcm(*(each.denominator for start, end, _ in notes for each in (start, end)), 4)
        if resolution > 10**6:
            raise self.error("has notes of lengths that no grid holds")
        plain = [(int(start * resolution), int(end * resolution), pitch) for start, end, pitch in notes]
        pickup = music.pickup if music.pickup is not None and music.pickup < meter.quarters else Fraction(0)
        return of_notes(
            f"{self.source}: {self.title}" if self.title else self.source,
            plain,
            resolution,
            meter=meter,
            pickup=int(pickup * resolution),
            tempo=self.tempo,
        )

    def field(self, name: str, value: str) -> None:
        """A field of the head, or of a line within the music."""
        value = value.strip()
        if name == "T" and not self.title:
            self.title = value
        elif name == "M":
            self._set_meter(value)
        elif name == "L":
            found = re.fullmatch(r"(\d+)\s*/\s*(\d+)|1", value)
            if not found or (found.group(2) and int(found.group(2)) == 0):
                raise self.error(f"has the note length '{value}', expected one such as 1/8")
            self.unit = Fraction(int(found.group(1)), int(found.group(2))) if found.group(1) else Fraction(1)
        elif name == "Q":
            self._set_tempo(value)
        elif name == "K":
            self._set_key(value)

    def _set_meter(self, value: str) -> None:
        word = value.split()[0].strip("()") if value.split() else ""
        known = {"C": (4, 4), "C|": (2, 2), "none": (4, 4), "": (4, 4)}
        found = re.fullmatch(r"\(?([\d+]+)\)?/(\d+)", word)
        try:
            if word in known:
                self.meter = Meter(*known[word])
            elif found:
                self.meter = Meter(sum(map(int, found.group(1).strip("+").split("+"))), int(found.group(2)))
            else:
                raise UsageError("")
        except (UsageError, ValueError) as error:
            raise self.error(f"has the time signature '{value}', expected one such as 4/4 or 6/8") from error

    def _set_tempo(self, value: str) -> None:
        found = re.search(r"(?:(\d+)/(\d+)\s*=\s*)?(\d+)\s*$", re.sub(r'"[^"]*"', "", value).strip())
        if found and int(found.group(3)) > 0:
            beat = Fraction(int(found.group(1)), int(found.group(2))) if found.group(1) else Fraction(1, 4)
            self.tempo = min(max(float(4 * beat * int(found.group(3))), 10.0), 1000.0)

    def _set_key(self, value: str) -> None:
        found = re.match(r"(?P<tonic>[A-G][#b]?)\s*(?P<mode>[A-Za-z]*)", value)
        if value.lower().startswith("none") or value in ("", "HP", "Hp"):
            self.key = {"F": 1, "C": 1} if value in ("HP", "Hp") else {}
            return
        if re.match(r"(clef|bass|treble|alto|tenor|perc)", value):
            return
        mode = found.group("mode").lower() if found else ""
        if not found or found.group("tonic") not in FIFTHS:
            raise self.error(f"has the key '{value}', expected one such as G, Bm or Ador")
        short = mode if mode in ("", "m") else mode[:3]
        fifths = FIFTHS[found.group("tonic")] + MODES.get(short, 0)
        self.key = dict.fromkeys(SHARPS[: max(0, min(7, fifths))], 1)
        self.key |= dict.fromkeys(SHARPS[::-1][: max(0, min(7, -fifths))], -1)
        for sign, letter in re.findall(r"(?<![A-Za-z])(\^\^|\^|=|__|_)([A-Ga-g])", value):
            self.key[letter.upper()] = ACCIDENTALS[sign]

    @property
    def note_length(self) -> Fraction:
        """In quarter notes: what L: says, or by the time signature."""
        if self.unit is not None:
            return 4 * self.unit
        return Fraction(1, 4) if Fraction(self.meter.beats, self.meter.unit) < Fraction(3, 4) else Fraction(1, 2)

    def error(self, what: str) -> DataError:
        name = f" '{self.title}'" if self.title else ""
        return DataError(
            f"{self.source}: the tune{name} {what} (line {getattr(self, '_at', self.line)}): mend it there."
        )
