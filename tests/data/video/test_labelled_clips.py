"""Folders and tables of clips: what is a clip, what is done in it, and who is seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ensue.data.groups import set_aside
from ensue.data.labelled_files import subjects_in
from ensue.data.video.labelled_clips import labelled_clips
from ensue.errors import DataError


def key_points(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.zeros((3, 4, 2)))
    return path


def test_sub_folders_are_actions_and_names_tell_subjects(tmp_path: Path) -> None:
    for action in ("wave", "clap"):
        for who in ("s01", "s02"):
            key_points(tmp_path / action / f"{who}_take1.npy")
    (tmp_path / "nothing").mkdir()
    clips = labelled_clips(tmp_path)
    assert clips.labels == ("clap", "clap", "wave", "wave")
    assert clips.subjects == ("s01", "s02", "s01", "s02")
    assert clips.findings == (
        f"4 clips of 2 actions in '{tmp_path}'.",
        "Sub-folders without a clip: nothing.",
        "Names of files tell 2 subjects apart.",
    )


def test_folders_of_frames_are_clips_as_mediapipe_scripts_write_them(tmp_path: Path) -> None:
    for action in ("hello", "thanks"):
        for sequence in range(3):
            for frame in range(2):
                path = tmp_path / action / str(sequence) / f"{frame}.npy"
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, np.zeros(1662))
    clips = labelled_clips(tmp_path)
    assert len(clips) == 6 and clips.subjects is None
    assert [path.name for path in clips.items] == ["0", "1", "2"] * 2


def test_folders_within_those_of_actions_are_subjects(tmp_path: Path) -> None:
    for action in ("a", "b"):
        for who in ("anna", "ben"):
            key_points(tmp_path / action / who / "first.npy")
    assert labelled_clips(tmp_path).subjects == ("anna", "ben", "anna", "ben")


def test_names_of_known_sets_tell_subjects() -> None:
    assert subjects_in(["S001C001P003R001A001", "S001C001P004R001A001"]) == ("003", "004")
    assert subjects_in(["v_Archery_g01_c02", "v_Archery_g02_c02"]) == ("g01", "g02")
    assert subjects_in(["person01_walking_d1", "person01_boxing_d1"]) is None
    assert subjects_in(["s1", "other"]) is None


def test_a_table_names_files_labels_subjects_and_parts(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        key_points(tmp_path / f"{name}.npy")
    (tmp_path / "clips.csv").write_text(
        "file,action,subject,split\na.npy,wave,1,train\nb.npy,clap,2,test\nlost.npy,clap,2,train\nc.npy,,2,train\n"
    )
    clips = labelled_clips(tmp_path / "clips.csv")
    assert (clips.labels, clips.subjects, clips.splits) == (("wave", "clap"), ("1", "2"), ("train", "test"))
    assert clips.findings == (
        f"2 clips of 2 actions in '{tmp_path / 'clips.csv'}'.",
        f"Left out 1 file (lost.npy), not to be found beside '{tmp_path / 'clips.csv'}'.",
        "Left out 1 row without a file or a label.",
    )


def test_what_holds_no_clips_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,thing\nx,y\n")
    with pytest.raises(DataError, match=r"has no column 'file' \(name, thing\), expected file and label, and perhaps"):
        labelled_clips(tmp_path / "a.csv")
    with pytest.raises(
        DataError, match=r"has no sub-folders with clips in them, expected one for each action, with films"
    ):
        labelled_clips(tmp_path)
    with pytest.raises(DataError, match=r"^There is no folder or table .*no: check its path\.$"):
        labelled_clips(tmp_path / "no")


def test_whole_groups_are_set_aside_with_every_class_on_both_sides() -> None:
    labels, groups = ["a", "b"] * 10, [str(row // 4) for row in range(20)]
    training, validation, said = set_aside(labels, groups, 0.2, seed=3, what="subjects")
    assert {groups[row] for row in training}.isdisjoint(groups[row] for row in validation)
    assert len(validation) == 4 and {labels[row] for row in validation} == {"a", "b"}
    assert said == "Validates on 1 of 5 subjects, none of whose rows is learned from."
    again = set_aside(labels, groups, 0.2, seed=3, what="subjects")
    assert np.array_equal(again[0], training)


def test_without_groups_rows_are_set_aside_and_that_is_warned_of() -> None:
    labels = ["a", "b"] * 5 + ["c"]
    training, validation, said = set_aside(labels, None, 0.2, what="subjects")
    assert sorted([*training, *validation]) == list(range(11))
    assert {labels[row] for row in training} == {"a", "b", "c"} and {labels[row] for row in validation} == {"a", "b"}
    assert said == (
        "The subjects cannot be told apart, so rows are set aside by chance, and the score is likely better than with people "
        "never met before: give a column of subjects, or name files by them."
    )
    _, _, one = set_aside(labels, ["x"] * 11, 0.2, what="subjects")
    assert one is not None and one.startswith("There are too few subjects, so rows are set aside by chance")
    with pytest.raises(DataError, match=r"^Each class has one row, and some have to be set aside for validation: give"):
        set_aside(["a", "b"], None)
