"""MIDI: what is written is read back, and what is said of a file that cannot be read."""

from __future__ import annotations

import io
import re
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensue.data.notes.midi_files import read_midi, write_midi
from ensue.data.notes.tune import Meter, Tune, of_notes
from ensue.errors import DataError, StorageError


def one_voice(lengths: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Notes one after the other: (silence before, length, pitch)."""
    made, now = [], 0
    for silence, length, pitch in lengths:
        made.append((now + silence, now + silence + length, pitch))
        now += silence + length
    return made


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 8), st.integers(0, 127)), min_size=1, max_size=20),
    st.sampled_from([(4, 4), (3, 4), (6, 8), (7, 8), (2, 2)]),
    st.sampled_from([1, 2, 4, 12, 480]),
    st.integers(0, 11),
    st.sampled_from([60.0, 90.0, 120.0, 133.0]),
)
def test_written_and_read_again(
    lengths: list[tuple[int, int, int]], meter: tuple[int, int], resolution: int, pickup: int, tempo: float
) -> None:
    beats = Meter(*meter)
    bar = int(beats.quarters * resolution)
    notes = one_voice(lengths)
    pickup %= bar
    if resolution == 12:
        pickup -= pickup % 3  # a sixteenth, which a time signature can say
    pickup = 0 if resolution == 480 else pickup
    notes[0] = (notes[0][0] % bar, *notes[0][1:])  # whole bars of silence at the start would be left out
    tune = of_notes("a", notes, resolution, meter=beats, pickup=pickup, tempo=tempo)
    read = written(tune)
    factor = read.resolution // tune.resolution
    np.testing.assert_array_equal(read.notes, tune.notes * [factor, factor, 1])
    assert (read.meter, read.pickup, read.tempo) == (tune.meter, tune.pickup * factor, pytest.approx(tempo, abs=0.01))


def written(tune: Tune) -> Tune:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        write_midi(Path(folder) / "a.mid", tune)
        return read_midi(Path(folder) / "a.mid")


def test_chords_and_repeated_notes_come_back() -> None:
    tune = of_notes("a", [(0, 4, 60), (0, 4, 64), (4, 8, 60), (4, 6, 67), (8, 9, 60)], 4)
    assert (written(tune).notes // [120, 120, 1]).tolist() == tune.notes.tolist()


def test_every_note_ends_and_the_file_says_its_tempo(tmp_path: Path) -> None:
    write_midi(tmp_path / "a.mid", of_notes("a", [(0, 4, 60), (4, 8, 62)], 4, meter=Meter(3, 4), tempo=90.0))
    file = mido.MidiFile(tmp_path / "a.mid")
    kinds = [message.type for track in file.tracks for message in track]
    assert kinds.count("note_on") == kinds.count("note_off") == 2
    assert kinds.count("set_tempo") == kinds.count("time_signature") == 1
    assert [track[-1].type for track in file.tracks] == ["end_of_track", "end_of_track"]


def test_two_notes_of_a_key_that_touch_are_heard_twice(tmp_path: Path) -> None:
    write_midi(tmp_path / "a.mid", of_notes("a", [(0, 4, 60), (4, 8, 60)], 4))
    struck = [
        message.type for message in mido.MidiFile(tmp_path / "a.mid").tracks[1] if message.type.startswith("note")
    ]
    assert struck == ["note_on", "note_off", "note_on", "note_off"]


def test_whole_bars_of_silence_at_the_start_are_left_out() -> None:
    assert written(of_notes("a", [(33, 36, 60)], 4)).notes[0, 0] == 120


def file_of(*messages: mido.Message, **header: int) -> bytes:
    file = mido.MidiFile(**{"type": 1, **header})
    file.tracks.append(mido.MidiTrack(messages))
    raw = io.BytesIO()
    file.save(file=raw)
    return raw.getvalue()


DRUM = (mido.Message("note_on", channel=9, note=40), mido.Message("note_off", channel=9, note=40, time=90))
NOTE = (mido.Message("note_on", note=60), mido.Message("note_off", note=60, time=480))
DAMAGED = "{path} is no MIDI file, or a damaged one ({why}): export it again."


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", DAMAGED.replace("{why}", "it ends too soon")),
        (b"no MIDI at all, but text", DAMAGED.replace("{why}", "MThd not found. Probably not a MIDI file")),
        (file_of(*NOTE)[:-9], DAMAGED.replace("{why}", "it ends too soon")),
        (file_of(), "{path} has no notes, expected at least one note with a pitch: give another file."),
        (
            file_of(*DRUM),
            "{path} has only drums (1 beats), expected at least one note with a pitch: give another file.",
        ),
        (
            file_of(*NOTE, type=2),
            "{path} is a MIDI file whose time is not in quarter notes: export it as type 0 or 1.",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, raw: bytes, message: str) -> None:
    path = tmp_path / "a.mid"
    path.write_bytes(raw)
    with pytest.raises(DataError, match=re.escape(message.replace("{path}", str(path)))):
        read_midi(path)


@settings(max_examples=25)
@given(st.binary(max_size=60), st.integers(0, 100))
def test_any_bytes_are_read_or_refused(noise: bytes, place: int) -> None:
    import tempfile

    raw = file_of(*NOTE, *DRUM)
    place %= len(raw)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.mid"
        path.write_bytes(raw[:place] + noise + raw[place + len(noise) :])
        try:
            assert len(read_midi(path).notes) > 0
        except DataError as reason:
            assert str(path) in str(reason)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.mid"
    with pytest.raises(DataError, match=re.escape(f"There is no file {path}: check its path.")):
        read_midi(path)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "none" / "a.mid"
    message = f"cannot write '{path}': its folder does not exist: create the folder first or choose another place."
    with pytest.raises(StorageError, match=re.escape(message)):
        write_midi(path, of_notes("a", [(0, 4, 60)], 4))
