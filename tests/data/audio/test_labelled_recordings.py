"""Recordings of words in folders and tables, and who says them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ensue.data.audio.labelled_recordings import (
    labelled_recordings,
    long_recordings,
    noise_of,
    recordings_of,
    speakers_in,
)
from ensue.errors import DataError, UsageError


@pytest.fixture
def words(tmp_path: Path) -> Path:
    for name in (
        "yes/yes_anna_0.wav",
        "yes/yes_bob_1.wav",
        "no/deep/no_anna_0.FLAC",
        "_background_noise_/rain.wav",
        "no/notes.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "maybe").mkdir()
    return tmp_path


def test_a_folder_of_words_without_its_noise(words: Path) -> None:
    found = labelled_recordings(words)
    assert found.labels == ("no", "yes", "yes")
    assert found.subjects == ("anna", "anna", "bob")
    assert found.findings == (
        f"3 recordings of 2 words in '{words}'.",
        "Sub-folders without a recording: maybe.",
        "Names of files tell 2 speakers apart.",
    )
    assert noise_of(words) == [words / "_background_noise_" / "rain.wav"]
    assert noise_of([1, 2]) == []


@pytest.mark.parametrize(
    ("names", "speakers"),
    [
        (["0a7c2a8d_nohash_0", "4c6944d6_nohash_1"], ("0a7c2a8d", "4c6944d6")),
        (["backward_0c540988_nohash_0", "0cb74144_nohash_2"], ("0c540988", "0cb74144")),
        (["person1_x", "person2_x"], ("1", "2")),
        (["one_anna_1"] * 9 + ["odd"] + ["two_bob_1"], (*["anna"] * 9, "file odd", "bob")),
        (["one_anna_1", "odd"], None),
        (["one_anna_1", "two_anna_2"], None),
    ],
)
def test_speakers_are_told_by_names(names: list[str], speakers: tuple[str, ...] | None) -> None:
    assert speakers_in(names) == speakers


def test_a_table_with_speakers_and_parts(words: Path) -> None:
    table = words / "all.csv"
    table.write_text(
        "path,word,speaker,split\n"
        "yes/yes_anna_0.wav,yes,anna,train\nno/deep/no_anna_0.FLAC,no,anna,test\nlost.wav,no,bob,train\nyes/yes_bob_1.wav,,bob,train\n"
    )
    found = labelled_recordings(table)
    assert (found.labels, found.subjects, found.splits) == (("yes", "no"), ("anna", "anna"), ("train", "test"))
    assert found.findings[1].startswith("Left out 1 file (lost.wav), not to be found beside '")
    assert found.findings[2] == "Left out 1 row without a file or a label."
    table.write_text("sound,word\na.wav,yes\n")
    with pytest.raises(
        DataError, match=r"has no column 'file' \(sound, word\), expected file and label, and perhaps speaker"
    ):
        labelled_recordings(table)


def test_what_is_no_collection_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^There is no folder or table '.*nowhere': check its path\.$"):
        labelled_recordings(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"has no sub-folders with recordings in them, expected one for each word"):
        labelled_recordings(tmp_path)
    with pytest.raises(UsageError, match=r"^A path was given with labels"):
        recordings_of(tmp_path, ["a"], None)
    with pytest.raises(DataError, match=r"^1 recordings and 2 labels were given, expected equally many\.$"):
        recordings_of([np.zeros(4)], ["a", "b"], None)
    with pytest.raises(DataError, match=r"^2 recordings and 1 speakers were given, expected equally many\.$"):
        recordings_of([np.zeros(4)] * 2, ["a", "b"], ["x"])
    with pytest.raises(DataError, match=r"^There are no recordings, expected some with their labels\.$"):
        recordings_of([], [], None)


def test_long_recordings_are_a_file_a_folder_or_a_list(words: Path) -> None:
    assert long_recordings(None) == []
    assert len(long_recordings(words)) == 4
    assert long_recordings(words / "yes" / "yes_bob_1.wav") == long_recordings([words / "yes" / "yes_bob_1.wav"])
    with pytest.raises(DataError, match=r"^There is no sound file in '.*notes\.txt'"):
        long_recordings(words / "no" / "notes.txt")
