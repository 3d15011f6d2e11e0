"""A folder of tunes: every MIDI and ABC file in it and in its folders, and a reason for each that cannot be used."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ensue.data.notes.abc_files import read_abc
from ensue.data.notes.midi_files import read_midi
from ensue.data.notes.piano_roll import KEYS, LOWEST
from ensue.data.notes.tune import Meter, Stepped, Tune, grid_for, highest_voice, on_grid, steps_to_a_bar
from ensue.errors import DataError, EnsueError, MissingExtraError

MIDI, ABC = (".mid", ".midi", ".kar"), (".abc",)
SHORTEST = 8
"""Steps of the shortest tune that is learned from."""
SHOWN = 20
"""Refused files whose reasons are said one by one; the rest are counted."""
HELD_OUT, MOST_HELD_OUT = 10, 100
"""One tune in ten is set aside to validate, at most a hundred."""


@dataclass(frozen=True)
class Refused:
    """A file, or a tune of a file, that is not used."""

    name: str
    reason: str


@dataclass(frozen=True)
class Collection:
    """What was read from a folder."""

    tunes: tuple[Tune, ...]
    refused: tuple[Refused, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """What was read and what was not, in sentences."""
        polyphonic = sum(tune.polyphonic for tune in self.tunes)
        notes = sum(len(tune.notes) for tune in self.tunes)
        one_voice = f", {len(self.tunes) - polyphonic} of one voice" if polyphonic else ", all of one voice"
        said = [f"{_count(len(self.tunes), 'tune')} with {notes} notes{one_voice}."]
        if self.refused:
            said.append(f"{_count(len(self.refused), 'tune')} refused:")
            said += [f"  {each.reason}" for each in self.refused[:SHOWN]]
            if len(self.refused) > SHOWN:
                said.append(f"  and {len(self.refused) - SHOWN} more.")
        return tuple(said)


def read_folder(path: str | Path) -> Collection:
    """Every tune of a folder, or of one file.

    Raises `DataError` where there is no such folder, it has no MIDI or ABC file, or none of them can be used.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"There is no folder {path}: check its path.")
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    tunes: list[Tune] = []
    refused: list[Refused] = []
    known = 0
    for file in files:
        if file.suffix.lower() not in MIDI + ABC:
            continue
        known += 1
        for each in _read(file):
            if isinstance(each, Refused):
                refused.append(each)
            else:
                tunes.append(each)
    if not known:
        other = f"; it has {_count(len(files), 'file')} of other kinds" if files else ": it is empty"
        raise DataError(f"{path} has no file that ends in .mid, .midi or .abc{other}.")
    if not tunes:
        raise DataError(f"None of the {_count(len(refused), 'tune')} in {path} can be used. {refused[0].reason}")
    return Collection(tuple(tunes), tuple(refused))


def read_tune(path: str | Path) -> Tune:
    """The one tune of a MIDI file, or the first of an ABC file. Raises `DataError` for anything else."""
    return first_tune(path)[0]


def first_tune(path: str | Path) -> tuple[Tune, tuple[str, ...]]:
    """As `read_tune`; and that there are others, where there are."""
    path = Path(path)
    if path.suffix.lower() not in MIDI + ABC:
        raise DataError(f"{path} is neither MIDI nor ABC by its name: expected .mid, .midi or .abc.")
    first, *others = _read(path)
    if isinstance(first, Refused):
        raise DataError(first.reason)
    said = (f"{path} has {len(others) + 1} tunes: the first, '{first.name}', is taken.",) if others else ()
    return first, said


def _read(file: Path) -> list[Tune | Refused]:
    try:
        if file.suffix.lower() in MIDI:
            return [read_midi(file)]
        return [
            Refused(file.name, str(each)) if isinstance(each, DataError) else each
            for each in read_abc(_text(file), file.name)
        ]
    except MissingExtraError:
        raise
    except EnsueError as reason:
        return [Refused(file.name, str(reason))]


def _text(file: Path) -> str:
    """ABC is UTF-8 by its standard, and Latin-1 in many older files."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error.strerror or error}): check its path.") from error
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


@dataclass(frozen=True)
class Prepared:
    """Tunes on one grid, some of them set aside."""

    training: tuple[Stepped, ...]
    held_out: tuple[Stepped, ...]
    steps_per_quarter: int
    meters: tuple[Meter, ...]
    """The one that most tunes have first."""
    findings: tuple[str, ...]


def prepare(collection: Collection, polyphonic: bool, grid: int | None) -> Prepared:
    """Put the tunes on a grid, and set some aside by a hash of their names and notes.

    For a melody the highest voice is taken of tunes with several. Raises `DataError` where too few are left.
    """
    said: list[str] = []
    tunes = list(collection.tunes)
    if not polyphonic and (several := [tune.polyphonic for tune in tunes]).count(True):
        tunes = [highest_voice(tune) if tune.polyphonic else tune for tune in tunes]
        said.append(
            f"The highest voice is taken of {_count(several.count(True), 'tune')} with several: "
            "train with --polyphonic to learn them all."
        )
    chosen = grid or grid_for(tunes)
    stepped, refused = _stepped(tunes, chosen, polyphonic)
    moved = sum(tune.moved for tune in stepped)
    total = sum(len(tune.notes) for tune in tunes)
    said.append(
        f"The grid has {_count(chosen, 'step')} to a quarter note"
        + ("" if grid else ", found in the tunes")
        + (f"; {_count(moved, 'note')} of {total} began between two steps and were moved." if moved else ".")
    )
    said += [each.reason for each in refused[:SHOWN]]
    if len(refused) > SHOWN:
        said.append(f"and {len(refused) - SHOWN} more.")
    if len(stepped) < 2:
        raise DataError(
            f"{_count(len(stepped), 'tune')} can be learned from, expected at least 2, one of them to validate on: "
            "give more tunes." + (f" {refused[0].reason}" if refused else "")
        )
    training, held_out = split(stepped)
    said.append(f"{_count(len(held_out), 'tune')} set aside to validate on.")
    counts = Counter(tune.meter for tune in stepped)  # the commonest first: what has no prompt is composed in it
    meters = tuple(sorted(counts, key=lambda meter: (-counts[meter], meter.unit, meter.beats)))
    return Prepared(tuple(training), tuple(held_out), chosen, meters, tuple(said))


def _stepped(tunes: Sequence[Tune], grid: int, polyphonic: bool) -> tuple[list[Stepped], list[Refused]]:
    stepped: list[Stepped] = []
    refused: list[Refused] = []
    for tune in tunes:
        try:
            steps_to_a_bar(tune.meter, grid)
            found = fitted(on_grid(tune, grid), polyphonic)
            if found.steps < SHORTEST:
                raise DataError(f"'{tune.name}' has {_count(found.steps, 'step')}, expected at least {SHORTEST}.")
            stepped.append(found)
        except DataError as reason:
            refused.append(Refused(tune.name, f"'{tune.name}' is left out: {reason}"))
    return stepped, refused


def fitted(tune: Stepped, polyphonic: bool) -> Stepped:
    """One voice ended where its next note begins, as rounding may make them overlap; or only what a piano has."""
    if polyphonic:
        pitches = tune.notes[:, 2]
        if not (pitches.min() >= LOWEST and pitches.max() < LOWEST + KEYS):
            raise DataError(f"'{tune.name}' has pitches that no piano has, expected {LOWEST} to {LOWEST + KEYS - 1}.")
        return tune
    one = highest_voice(tune.tune())
    return replace(tune, notes=one.notes, steps=int(one.notes[:, 1].max(initial=0)))


def split(tunes: Sequence[Stepped]) -> tuple[list[Stepped], list[Stepped]]:
    """Which are learned from and which are set aside; a tune that stands in the folder twice is on one side only."""
    order = sorted(range(len(tunes)), key=lambda number: (_mark(tunes[number]), number))
    wanted = min(max(1, len(tunes) // HELD_OUT), MOST_HELD_OUT)
    aside = {_mark(tunes[number]) for number in order[:wanted]}
    if len({_mark(tune) for tune in tunes}) == 1:
        raise DataError(f"All {len(tunes)} tunes are the same: give others, one of them to validate on.")
    return (
        [tune for tune in tunes if _mark(tune) not in aside],
        [tune for tune in tunes if _mark(tune) in aside],
    )


def _mark(tune: Stepped) -> str:
    return hashlib.sha256(tune.notes.tobytes()).hexdigest()


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
