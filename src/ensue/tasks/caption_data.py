"""Clips and captions made ready to be learned from: read, checked, divided; what cannot be used is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.captioned import Captioned, set_aside
from ensue.data.manifests import TEST, TRAINING, VALIDATION, few, read_manifest
from ensue.data.video.front_end import VideoFrontEnd
from ensue.data.video.kept import Kept
from ensue.errors import DataError, EnsueError, MissingExtraError, UsageError
from ensue.tasks.front_ends import FrontEnd

Say = Callable[[str], None]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Clips:
    """Clips, not yet read, each with its captions."""

    items: tuple[Any, ...]
    captions: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.items)

    def take(self, rows: Sequence[int]) -> Clips:
        return Clips(tuple(self.items[row] for row in rows), tuple(self.captions[row] for row in rows))


def clips_of(data: Any, captions: Sequence[Any] | None, say: Say) -> tuple[Clips, Clips | None]:
    """The clips to learn from, and those that a manifest marks for validation.

    Args:
        data: the path of a manifest (a table of files and texts; a file may come in several rows), or clips.
        captions: with clips, of each its caption or a list of them.

    Raises `UsageError` for arguments that do not fit, `DataError` where there is nothing.
    """
    if captions is None:
        if not isinstance(data, str | Path):
            raise UsageError(
                f"A {type(data).__name__} was given without captions, expected a manifest: give its path, or a list of "
                "clips with a list of their captions."
            )
        return _of_manifest(data, say)
    if isinstance(data, str | Path):
        raise UsageError("A path was given with captions: give a list of clips, or the manifest without captions.")
    items, texts = tuple(data), tuple((each,) if isinstance(each, str) else tuple(each) for each in captions)
    if len(items) != len(texts) or not items:
        raise DataError(
            f"{len(items)} clips and captions of {len(texts)} were given, expected equally many, one at least."
        )
    tidy = tuple(tuple(" ".join(str(text).split()) for text in own) for own in texts)
    return _with_captions(Clips(items, tidy), say), None


def _of_manifest(path: str | Path, say: Say) -> tuple[Clips, Clips | None]:
    manifest = read_manifest(path)
    for finding in manifest.findings:
        say(finding)
    splits = [each.lower() for each in manifest.splits or ()]
    tests = sum(each in TEST for each in splits)
    if tests:
        say(f"{tests:,} rows are for testing and stay unread.")
    named = any(each in TRAINING for each in splits)
    groups: tuple[dict[Path, list[str]], dict[Path, list[str]]] = {}, {}
    for row, (file, text) in enumerate(zip(manifest.files, manifest.texts, strict=True)):
        split = splits[row] if splits else ""
        if split in TEST or (named and split not in (*TRAINING, *VALIDATION)):
            continue
        groups[split in VALIDATION].setdefault(file, []).append(text)
    training, validation = (Clips(tuple(each), tuple(map(tuple, each.values()))) for each in groups)
    if not len(training):
        raise DataError(f"No row of '{path}' is to be learned from: its column of parts marks them for other things.")
    return training, validation if len(validation) else None


def _with_captions(clips: Clips, say: Say) -> Clips:
    kept = [row for row, own in enumerate(clips.captions) if own and all(own)]
    if len(kept) < len(clips):
        say(f"Left out {len(clips) - len(kept):,} of {len(clips):,} clips without a caption.")
    if not kept:
        raise DataError(f"None of {len(clips):,} clips has a caption, expected a sentence for each.")
    return clips.take(kept)


def read_clips(clips: Clips, front_end: FrontEnd, say: Say) -> tuple[Clips, Sequence[Floats]]:
    """What a front end reads of each clip; those that cannot be read are left out, and listed."""
    read = front_end.small if isinstance(front_end, VideoFrontEnd) else front_end.read
    features: list[Any] = []
    kept, failed = [], []
    for row, item in enumerate(clips.items):
        try:
            features.append(read(item))
            kept.append(row)
        except MissingExtraError:
            raise
        except EnsueError as error:
            failed.append((name_of(item, row), str(error)))
    if failed:
        say(f"Left out {few([name for name, _ in failed])} that cannot be read; the first: {failed[0][1]}")
    if not kept:
        raise DataError(f"None of {len(clips):,} clips can be read; the first: {failed[0][1]}")
    if isinstance(front_end, VideoFrontEnd):
        return clips.take(kept), Kept(features, front_end.numbers)
    return clips.take(kept), features


def divided(training: Captioned, validation: Captioned | None, seed: int, say: Say) -> tuple[Captioned, Captioned]:
    """Both parts; where none is for validation, a tenth of the clips is set aside."""
    if validation is None:
        training, validation = set_aside(training, seed=seed)
        say(f"Validates on {len(validation):,} clips by chance; name a column of parts to choose them.")
    say(
        f"{len(training):,} clips with {len(training.pairs):,} captions to learn from, {len(validation):,} clips to validate "
        "on."
    )
    return training, validation


def name_of(item: Any, row: int) -> str:
    """What a clip is called in messages."""
    return Path(item).name if isinstance(item, str | Path) else f"clip {row + 1}"
