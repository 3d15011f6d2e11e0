"""Clips and what is done in each: a folder with a sub-folder for every action, or a table of files and labels.

A clip is a film, a file of key points or other features of each frame, or a folder of frames: pictures, or a `.npy` each as
MediaPipe scripts write them (FOLDER/action/sequence/0.npy).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ensue.data.labelled_files import Kind, LabelledFiles, labelled_table, subjects_in
from ensue.data.manifests import SPEAKERS
from ensue.data.video.clips import FILMS, PICTURES, natural
from ensue.data.video.keypoint_files import KEYPOINTS
from ensue.errors import DataError

FILES = ("file", "path", "video", "clip", "filename", "file_name", "keypoints")
LABELS = ("label", "action", "class", "sign", "gesture", "activity", "category")
SUBJECTS = (*SPEAKERS, "person", "actor", "signer", "participant", "user", "group")


CLIPS = Kind("clip", "action", "subject", FILES, LABELS, SUBJECTS, subjects_in)


def labelled_clips(path: str | Path) -> LabelledFiles:
    """The clips of a folder or a table. Raises `DataError` where there is none."""
    path = Path(path)
    if not path.exists():
        raise DataError(f"There is no folder or table {path}: check its path.")
    return _folder(path) if path.is_dir() else labelled_table(path, CLIPS)


def is_clip(path: Path) -> bool:
    """Whether a file, or a folder of frames, is taken for a clip."""
    return path.suffix.lower() in (*FILMS, *KEYPOINTS) if path.is_file() else is_sequence(path)


def is_sequence(path: Path) -> bool:
    """Whether a folder holds the frames of one clip: pictures, or arrays of one frame each with numbers as names."""
    if not path.is_dir():
        return False
    files = [each for each in path.iterdir() if each.is_file() and not each.name.startswith(".")]
    if any(each.suffix.lower() in PICTURES for each in files):
        return True
    arrays = sorted((each for each in files if each.suffix.lower() == ".npy"), key=natural)
    if not arrays or not all(each.stem.isdigit() for each in arrays):
        return False
    try:
        shape = np.load(arrays[0], mmap_mode="r", allow_pickle=False).shape
    except (OSError, ValueError, EOFError):
        return True
    return len(shape) == 1 or (len(shape) == 2 and shape[1] <= 4)


def _folder(path: Path) -> LabelledFiles:
    actions = sorted((each for each in path.iterdir() if each.is_dir() and not each.name.startswith(".")), key=natural)
    items: list[Path] = []
    labels: list[str] = []
    inner: list[str] = []
    empty = []
    for action in actions:
        own = _clips_in(action)
        if not own:
            empty.append(action.name)
        items += own
        labels += [action.name] * len(own)
        inner += [each.parent.relative_to(action).as_posix() for each in own]
    if not items:
        raise DataError(
            f"The folder {path} has no sub-folders with clips in them, expected one for each action, with films "
            f"({', '.join(FILMS[:5])} ...), key points ({', '.join(KEYPOINTS)}) or folders of frames."
        )
    findings = [f"{len(items):,} clips of {len(set(labels))} actions in '{path}'."]
    if empty:
        findings.append(f"Sub-folders without a clip: {', '.join(empty[:5])}.")
    subjects, how = subjects_in([each.stem for each in items]), "Names of files"
    if all(each != "." for each in inner) and len(set(inner)) > 1:
        subjects, how = tuple(inner), "The folders within those of actions"
    if subjects is not None:
        findings.append(f"{how} tell {len(set(subjects))} subjects apart.")
    return LabelledFiles(tuple(items), tuple(labels), subjects, None, tuple(findings))


def _clips_in(folder: Path) -> list[Path]:
    """Clips of a folder and the folders within, in their names' order."""
    found = []
    for each in sorted((each for each in folder.iterdir() if not each.name.startswith(".")), key=natural):
        if is_clip(each):
            found.append(each)
        elif each.is_dir():
            found += _clips_in(each)
    return found
