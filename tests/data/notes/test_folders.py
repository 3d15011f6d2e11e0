"""Folders of tunes: what is read, what is refused and why, and what is set aside."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ensue.data.notes.folders import prepare, read_folder, read_tune, split
from ensue.data.notes.midi_files import write_midi
from ensue.data.notes.tune import Meter, Tune, of_notes, on_grid
from ensue.errors import DataError


def scale(first: int, voices: int = 1, count: int = 16) -> Tune:
    notes = [(4 * n, 4 * n + 4, first + n % 8 + 12 * voice) for n in range(count) for voice in range(voices)]
    return of_notes(f"scale {first}", notes, 4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "more").mkdir()
    for first in range(40, 52):
        write_midi(tmp_path / f"{first}.mid", scale(first))
    write_midi(tmp_path / "more" / "chords.mid", scale(60, voices=2))
    (tmp_path / "tunes.abc").write_text("X:1\nT:Good\nL:1/4\nM:4/4\nK:C\nCDEF|GABc|\n\nX:2\nT:Bad\nK:C\n7\n")
    (tmp_path / "broken.mid").write_bytes(b"MThd")
    (tmp_path / "notes.txt").write_text("no tune")
    return tmp_path


def test_what_is_read_and_what_is_refused(folder: Path) -> None:
    found = read_folder(folder)
    assert len(found.tunes) == 14
    assert found.findings == (
        "14 tunes with 232 notes, 13 of one voice.",
        "2 tunes refused:",
        f"  {folder / 'broken.mid'} is no MIDI file, or a damaged one (it ends too soon): export it again.",
        "  tunes.abc: the tune 'Bad' has '7' where music was expected (line 11): mend it there.",
    )


def test_many_refusals_are_counted(tmp_path: Path) -> None:
    write_midi(tmp_path / "good.mid", scale(60))
    for number in range(25):
        (tmp_path / f"{number:02d}.mid").write_bytes(b"")
    found = read_folder(tmp_path)
    assert len(found.refused) == 25
    assert len(found.findings) == 2 + 20 + 1
    assert found.findings[-1] == "  and 5 more."


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "{path} has no file that ends in .mid, .midi or .abc: it is empty."),
        ({"a.txt": b"x"}, "{path} has no file that ends in .mid, .midi or .abc; it has 1 file of other kinds."),
        (
            {"a.mid": b""},
            "None of the 1 tune in {path} can be used. {path}/a.mid is no MIDI file, or a damaged one "
            "(it ends too soon): export it again.",
        ),
    ],
)
def test_a_folder_of_nothing(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=re.escape(message.replace("{path}", str(tmp_path)))):
        read_folder(tmp_path)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=re.escape(f"There is no folder {tmp_path / 'none'}: check its path.")):
        read_folder(tmp_path / "none")


def test_prepared_as_melodies(folder: Path) -> None:
    prepared = prepare(read_folder(folder), polyphonic=False, grid=None)
    assert prepared.findings == (
        "The highest voice is taken of 1 tune with several: train with --polyphonic to learn them all.",
        "The grid has 1 step to a quarter note, found in the tunes.",
        "1 tune set aside to validate on.",
    )
    assert (len(prepared.training), len(prepared.held_out)) == (13, 1)


def test_the_time_signature_of_most_tunes_stands_first(tmp_path: Path) -> None:
    notes = [(4 * n, 4 * n + 4, 60 + n % 8) for n in range(24)]
    for number, meter in enumerate([Meter(2, 4), Meter(3, 4), Meter(3, 4), Meter(6, 8)]):
        write_midi(tmp_path / f"{number}.mid", of_notes("a", [(a, b, p + number) for a, b, p in notes], 4, meter=meter))
    prepared = prepare(read_folder(tmp_path), polyphonic=False, grid=None)
    assert prepared.meters == (Meter(3, 4), Meter(2, 4), Meter(6, 8))


def test_prepared_as_chords_on_a_given_grid(folder: Path) -> None:
    prepared = prepare(read_folder(folder), polyphonic=True, grid=4)
    assert prepared.findings[0] == "The grid has 4 steps to a quarter note."
    assert prepared.steps_per_quarter == 4


def test_notes_that_are_moved_are_counted(tmp_path: Path) -> None:
    for first in (60, 62):
        write_midi(tmp_path / f"{first}.mid", of_notes("a", [(48 * n, 48 * n + 24, first + n) for n in range(20)], 64))
    said = prepare(read_folder(tmp_path), polyphonic=False, grid=1).findings[0]
    assert said == "The grid has 1 step to a quarter note; 30 notes of 40 began between two steps and were moved."


def test_tunes_that_do_not_fit_are_left_out_with_a_reason(tmp_path: Path) -> None:
    for first in (60, 62, 64):
        write_midi(tmp_path / f"{first}.mid", scale(first))
    write_midi(tmp_path / "low.mid", scale(2))
    write_midi(tmp_path / "short.mid", scale(70, count=2))
    said = prepare(read_folder(tmp_path), polyphonic=True, grid=1).findings
    assert said[1:3] == (
        "'low.mid' is left out: 'low.mid' has pitches that no piano has, expected 21 to 108.",
        "'short.mid' is left out: 'short.mid' has 2 steps, expected at least 8.",
    )


def test_one_tune_is_too_few(tmp_path: Path) -> None:
    write_midi(tmp_path / "a.mid", scale(60))
    message = "1 tune can be learned from, expected at least 2, one of them to validate on: give more tunes."
    with pytest.raises(DataError, match=re.escape(message)):
        prepare(read_folder(tmp_path), polyphonic=False, grid=None)


def test_the_same_tune_is_on_one_side_only() -> None:
    tunes = [on_grid(scale(40 + n // 2), 4) for n in range(40)]
    training, held_out = split(tunes)
    assert len(training) + len(held_out) == 40
    sides = [{tune.notes.tobytes() for tune in side} for side in (training, held_out)]
    assert not sides[0] & sides[1]
    message = "All 3 tunes are the same: give others, one of them to validate on."
    with pytest.raises(DataError, match=re.escape(message)):
        split([on_grid(scale(60), 4)] * 3)


def test_one_tune_of_a_file(folder: Path, tmp_path: Path) -> None:
    assert read_tune(folder / "tunes.abc").name == "tunes.abc: Good"
    with pytest.raises(DataError, match=re.escape(f"{folder / 'broken.mid'} is no MIDI file")):
        read_tune(folder / "broken.mid")
    message = f"{folder / 'notes.txt'} is neither MIDI nor ABC by its name: expected .mid, .midi or .abc."
    with pytest.raises(DataError, match=re.escape(message)):
        read_tune(folder / "notes.txt")
    with pytest.raises(DataError, match="There is no file"):
        read_tune(tmp_path / "none.mid")


def test_old_abc_files_in_latin_1(tmp_path: Path) -> None:
    (tmp_path / "a.abc").write_bytes("X:1\nT:Café\nK:C\nCDE\n".encode("latin-1"))
    assert read_tune(tmp_path / "a.abc").name == "a.abc: Café"
