"""Recordings of single words: a folder with a sub-folder for every word, or a table of files and labels.

Who speaks is told by a column of speakers, or by the names of files, as in `4_george_12.wav` or `0a7c2a8d_nohash_0.wav`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ensue.data.labelled import label_name
from ensue.data.labelled_files import Kind, LabelledFiles, labelled_table, subjects_in
from ensue.data.manifests import SOUND, SPEAKERS
from ensue.errors import DataError, UsageError

FILES = ("file", "path", "audio", "audio_filepath", "wav", "filename", "file_name", "recording", "clip")
LABELS = ("label", "word", "command", "class", "digit", "keyword", "category")
TALKERS = (*SPEAKERS, "speaker_hash", "person", "group")
NAMED = (
    re.compile(r"^(?:[^_]+_)?([0-9a-f]{6,40})_nohash_[0-9]+$"),  # Speech Commands: 0a7c2a8d_nohash_0
    re.compile(r"^[^_]+_([A-Za-z][A-Za-z0-9]*)_[0-9]+$"),  # Free Spoken Digits: 4_george_12
)
"""How file names tell who speaks; a pattern counts where nine in ten names have it, each of the others alone."""
NOISE = ("_background_noise_", "background_noise", "_noise_")
"""Sub-folders of long recordings without speech."""


def recordings_of(data: Any, labels: Sequence[Any] | None, speakers: Sequence[Any] | None) -> LabelledFiles:
    """Recordings with their labels, of a folder, a table, or lists."""
    if labels is not None:
        return listed_recordings(data, labels, speakers)
    if not isinstance(data, str | Path):
        raise UsageError(
            f"A {type(data).__name__} was given without labels, expected a folder or a table: give its path, or a list of "
            "recordings with a list of their labels."
        )
    return labelled_recordings(data)


def long_recordings(given: Any) -> list[Path]:
    """Sound files of a folder, a single one, or those of a list. Raises `DataError` where there is none."""
    if given is None:
        return []
    if isinstance(given, str | Path):
        path = Path(given)
        found = sounds_in(path) if path.is_dir() else [path] * (path.is_file() and path.suffix.lower() in SOUND)
        if not found:
            raise DataError(f"There is no sound file in '{path}', expected recordings without the words to be heard.")
        return found
    return [Path(each) for each in given]


def labelled_recordings(path: str | Path) -> LabelledFiles:
    """The recordings of a folder or a table. Raises `DataError` where there is none."""
    path = Path(path)
    if not path.exists():
        raise DataError(f"There is no folder or table '{path}': check its path.")
    return _folder(path) if path.is_dir() else labelled_table(path, RECORDINGS)


def listed_recordings(items: Sequence[Any], labels: Sequence[Any], speakers: Sequence[Any] | None) -> LabelledFiles:
    """Recordings that are given one by one with their labels."""
    if isinstance(items, str | Path):
        raise UsageError("A path was given with labels: give a list of recordings, or the folder without labels.")
    items, labels = tuple(items), tuple(label_name(each, row + 1) for row, each in enumerate(labels))
    if len(items) != len(labels):
        raise DataError(f"{len(items)} recordings and {len(labels)} labels were given, expected equally many.")
    if not items:
        raise DataError("There are no recordings, expected some with their labels.")
    who = None if speakers is None else tuple(str(each) for each in speakers)
    if who is not None and len(who) != len(items):
        raise DataError(f"{len(items)} recordings and {len(who)} speakers were given, expected equally many.")
    if who is None and all(isinstance(each, str | Path) for each in items):
        who = speakers_in([Path(each).stem for each in items])
    return LabelledFiles(items, labels, who)


def noise_of(path: Any) -> list[Path]:
    """The long recordings without speech in a folder of words, as `_background_noise_` of Speech Commands; none in lists."""
    folders = [Path(path) / name for name in NOISE] if isinstance(path, str | Path) else []
    return [each for folder in folders if folder.is_dir() for each in sounds_in(folder)]


def sounds_in(folder: Path) -> list[Path]:
    """Sound files of a folder and those within, by name."""
    found = [each for each in folder.rglob("*") if each.suffix.lower() in SOUND and not each.name.startswith(".")]
    return sorted(each for each in found if each.is_file())


def speakers_in(names: Sequence[str]) -> tuple[str, ...] | None:
    """Who speaks in each recording, told by file names; None where they do not say.

    >>> speakers_in(["4_george_12", "4_theo_0"]), speakers_in(["a", "b"])
    (('george', 'theo'), None)
    """
    for pattern in NAMED:
        found = [pattern.match(name) for name in names]
        told = tuple(f"file {name}" if each is None else each[1] for name, each in zip(names, found, strict=True))
        known = {each[1] for each in found if each is not None}
        if sum(each is not None for each in found) >= 0.9 * len(names) and len(known) > 1:
            return told
    return subjects_in(names)


def _folder(path: Path) -> LabelledFiles:
    words = sorted(each for each in path.iterdir() if each.is_dir() and not each.name.startswith("."))
    items: list[Path] = []
    labels: list[str] = []
    empty = []
    for word in words:
        if word.name.lower() in NOISE:
            continue
        own = sounds_in(word)
        if not own:
            empty.append(word.name)
        items += own
        labels += [word.name] * len(own)
    if not items:
        raise DataError(
            f"The folder '{path}' has no sub-folders with recordings in them, expected one for each word, with sound files "
            f"({', '.join(SOUND[:4])} ...)."
        )
    findings = [f"{len(items):,} recordings of {len(set(labels))} words in '{path}'."]
    if empty:
        findings.append(f"Sub-folders without a recording: {', '.join(empty[:5])}.")
    speakers = speakers_in([each.stem for each in items])
    if speakers is not None:
        findings.append(f"Names of files tell {len(set(speakers))} speakers apart.")
    return LabelledFiles(tuple(items), tuple(labels), speakers, None, tuple(findings))


RECORDINGS = Kind("recording", "word", "speaker", FILES, LABELS, TALKERS, speakers_in)
