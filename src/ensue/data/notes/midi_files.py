"""Tunes from MIDI files and back, with `mido` (extra `melody`)."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ensue.data.notes.tune import Meter, Tune, of_notes
from ensue.errors import DataError, MissingExtraError
from ensue.storage import write_atomically

if TYPE_CHECKING:
    import mido

DRUMS = 9
"""The channel of General MIDI's drums, counted from 0: its notes are not pitches."""
LARGEST = 20_000_000
"""Bytes of a MIDI file; whole operas take less."""
VELOCITY = 80
RESOLUTION = 480
"""Ticks of a quarter note that are written where the tune's own would not hold its steps."""


def read_midi(path: str | Path) -> Tune:
    """All notes of a file, from every track but the drums.

    The time signature is that of most bars; the tempo is the first. Raises `DataError` for a file that is no MIDI file,
    is damaged, or has no notes.
    """
    mido = _mido()
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST:
            raise DataError(f"{path} has {path.stat().st_size} bytes, expected a MIDI file of at most {LARGEST}.")
        file = mido.MidiFile(file=io.BytesIO(path.read_bytes()), clip=True)
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}: check its path.") from error
    except OSError as error:
        reason = error.strerror or str(error) or "it ends too soon"
        raise DataError(f"{path} is no MIDI file, or a damaged one ({reason}): export it again.") from error
    except (EOFError, ValueError, KeyError, IndexError, TypeError, AttributeError, mido.KeySignatureError) as error:
        reason = str(error) or "it ends too soon"
        raise DataError(f"{path} is no MIDI file, or a damaged one ({reason}): export it again.") from error
    if file.type == 2 or file.ticks_per_beat <= 0:
        raise DataError(f"{path} is a MIDI file whose time is not in quarter notes: export it as type 0 or 1.")
    return _tune(file, path)


def _tune(file: mido.MidiFile, path: Path) -> Tune:
    notes, drums, tempo = [], 0, 120.0
    meters: list[tuple[int, Meter]] = []
    tempo_at = None
    for track in file.tracks:
        sounding: dict[tuple[int, int], int] = {}
        now = 0
        for message in track:
            now += message.time
            if message.type in ("note_on", "note_off"):
                if message.channel == DRUMS:
                    drums += message.type == "note_on" and message.velocity > 0
                    continue
                key = (message.channel, message.note)
                if key in sounding:
                    start = sounding.pop(key)
                    if now > start:
                        notes.append((start, now, message.note))
                if message.type == "note_on" and message.velocity > 0:
                    sounding[key] = now
            elif message.type == "set_tempo" and message.tempo and (tempo_at is None or now < tempo_at):
                tempo, tempo_at = round(6e7 / message.tempo, 3), now
            elif message.type == "time_signature":
                meters.append((now, _meter(message, path)))
        notes += [(start, now, pitch) for (_, pitch), start in sounding.items() if now > start]
    if not notes:
        what = f"only drums ({drums} beats)" if drums else "no notes"
        raise DataError(f"{path} has {what}, expected at least one note with a pitch: give another file.")
    notes = list(set(notes))
    first = min(start for start, _, _ in notes)
    end = max(end for _, end, _ in notes)
    meter, pickup = _bars(meters, end, file.ticks_per_beat)
    bar = max(int(meter.quarters * file.ticks_per_beat), 1)
    silent = max((first - pickup) // bar, 0) * bar  # whole bars of silence before the first note are left out
    return of_notes(
        path.name,
        [(start - silent, end - silent, pitch) for start, end, pitch in notes],
        file.ticks_per_beat,
        meter=meter,
        pickup=pickup % bar,
        tempo=min(max(tempo, 10.0), 1000.0),
    )


def _meter(message: Any, path: Path) -> Meter:
    try:
        return Meter(message.numerator, message.denominator)
    except ValueError as error:
        raise DataError(
            f"{path} has a time signature of {message.numerator}/{message.denominator}: mend it."
        ) from error


def _bars(meters: list[tuple[int, Meter]], end: int, resolution: int) -> tuple[Meter, int]:
    """The time signature that lasts longest, and the ticks of a first bar that is cut short.

    Such a bar has a time signature of its own, of just its length; `write_midi` writes it so.
    """
    ordered = sorted(dict(meters).items())
    lengths = [int(meter.quarters * resolution) for _, meter in ordered]
    short = len(ordered) > 1 and ordered[0][0] == 0 and ordered[1][0] == lengths[0] < lengths[1]
    lasts: Counter[Meter] = Counter()
    for place, (start, meter) in enumerate(ordered):
        until = ordered[place + 1][0] if place + 1 < len(ordered) else max(end, start + 1)
        lasts[meter] += 0 if short and place == 0 else until - start
    return lasts.most_common(1)[0][0] if lasts else Meter(), lengths[0] if short else 0


def write_midi(path: str | Path, tune: Tune) -> None:
    """Write a file that every player opens: tempo, time signature, and each note with its end; whole or not at all.

    Raises `StorageError` where it cannot be written, `MissingExtraError` without `mido`.
    """
    mido = _mido()
    file = mido.MidiFile(type=1, ticks_per_beat=_written_resolution(tune))
    factor = file.ticks_per_beat // tune.resolution
    file.tracks += [_conductor(tune, factor), _notes(tune, factor)]

    def write(out: BinaryIO) -> None:
        whole = io.BytesIO()
        file.save(file=whole)
        out.write(whole.getvalue())

    write_atomically(path, write)


def _written_resolution(tune: Tune) -> int:
    """A multiple of the tune's own that players know."""
    return RESOLUTION if RESOLUTION % tune.resolution == 0 else tune.resolution * max(1, 96 // tune.resolution)


def _conductor(tune: Tune, factor: int) -> mido.MidiTrack:
    mido = _mido()
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("track_name", name=tune.name.encode("latin-1", "replace").decode("latin-1")[:120]))
    track.append(mido.MetaMessage("set_tempo", tempo=min(round(6e7 / tune.tempo), 2**24 - 1)))
    beat = mido.MetaMessage("time_signature", numerator=tune.meter.beats, denominator=tune.meter.unit)
    if tune.pickup:
        eighths = tune.pickup * 8 / (4 * tune.resolution)  # the short bar's own signature, in 32nds where it must
        unit = 8 if eighths.is_integer() else 32
        beats = tune.pickup * unit / (4 * tune.resolution)
        if beats.is_integer() and beats <= 64:
            track.append(mido.MetaMessage("time_signature", numerator=int(beats), denominator=unit))
            track.append(beat.copy(time=tune.pickup * factor))
            track.append(mido.MetaMessage("end_of_track"))
            return track
    track.append(beat)
    track.append(mido.MetaMessage("end_of_track"))
    return track


def _notes(tune: Tune, factor: int) -> mido.MidiTrack:
    mido = _mido()
    events = [(end * factor, 0, pitch) for _, end, pitch in tune.notes.tolist()]
    events += [(start * factor, 1, pitch) for start, _, pitch in tune.notes.tolist()]
    track, now = mido.MidiTrack(), 0
    track.append(mido.Message("program_change", program=0))
    for time, on, pitch in sorted(events):  # what ends comes before what begins, so that a repeated note is heard twice
        kind = "note_on" if on else "note_off"
        track.append(mido.Message(kind, note=pitch, velocity=VELOCITY if on else 0, time=time - now))
        now = time
    track.append(mido.MetaMessage("end_of_track"))
    return track


def _mido() -> Any:
    try:
        import mido
    except ImportError as error:
        raise MissingExtraError("Reading and writing MIDI", "mido", "melody") from error
    return mido
