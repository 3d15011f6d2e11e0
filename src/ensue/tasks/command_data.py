"""Recordings of words made ready to be learned from: read, checked, divided by speaker; what cannot be used is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.audio.features import AudioFrontEnd
from ensue.data.audio.labelled_recordings import RECORDINGS
from ensue.data.audio.recordings import rate_of, read_audio
from ensue.data.labelled import Labelled, check_classes
from ensue.data.labelled_files import LabelledFiles, divided
from ensue.data.manifests import VALIDATION, few
from ensue.errors import DataError, EnsueError, MissingExtraError
from ensue.tasks.classifying import Augment, Raw
from ensue.tasks.command_features import WordsAnew
from ensue.tasks.command_options import CommandOptions
from ensue.tasks.commands import SILENT, UNKNOWN, CommandTask
from ensue.tasks.other_sounds import FLOOR, long_frames, pieces, silences

Floats = NDArray[np.float32]
Say = Callable[[str], None]

SHARE = 0.15
"""Of the recordings, by speakers, that is set aside for validation."""
RATE = 16_000
SPAN = 30.0
"""Decibels below the loudest band at which all of a clip is equally silent: below that, rooms and microphones differ."""
MADE = "_silence_"
LEAST_MADE = 10
"""Recordings of silence, or pieces of other speech, that are made at least."""
MOST_NOISES = 500
"""Recordings of noise that are kept to be added to words."""


@dataclass(frozen=True)
class Ready:
    """What training needs."""

    task: CommandTask
    training: Labelled
    """Its items are `Raw`."""
    validation: Labelled
    augment: Augment | None
    everything: Labelled | None
    """All of them, where those to validate on were set aside by us ..."""
    augment_everything: Augment | None
    """... and how they are changed."""
    negatives: tuple[Path, ...]
    """Long recordings without these words, to choose the threshold by."""


def prepare(
    clips: LabelledFiles,
    valid: LabelledFiles | None,
    options: CommandOptions,
    say: Say,
    *,
    noise: Sequence[Path] = (),
    negatives: Sequence[Path] = (),
) -> Ready:
    """Read, check and divide.

    Args:
        noise: long recordings without speech.
        negatives: long recordings of other speech; pieces of every other one are learned from as unknown words, the rest is
            left for the threshold.

    Raises `DataError` where nothing can be learned from.
    """
    for finding in clips.findings:
        say(finding)
    training, validation = divided(clips, valid, RECORDINGS, SHARE, options.seed, say)
    if len(set(training.labels)) < 2 and not negatives:
        raise DataError(
            f"There is one word, '{training.labels[0]}', expected two or more to tell apart: give recordings of another one, "
            "or long ones without it (negatives)."
        )
    anew = WordsAnew(_front_end(training.items, options, say))
    known, held = (_Rows.read(part, anew, say) for part in (training, validation))
    usual = max(1, int(np.median([len(each) for each in known.raw])))
    dice = np.random.default_rng((options.seed, 11))
    noises = _with_silence(known, held, usual, long_frames(noise, anew, say), dice, say)
    others = _Others(())
    if negatives:
        others = _with_unknown(known, held, usual, long_frames(negatives[::2], anew, say), dice, say)
        negatives = negatives[1::2]
    if not any(name.lower() in UNKNOWN for name in known.labels):
        say(
            f"There is no class of other words ({', '.join(UNKNOWN[:2])}): in a stream, other words may be taken for these. "
            "Give such recordings, or long ones of other speech (negatives)."
        )
    front_end = anew.learned(known.raw) if anew.front_end.normalise == "training" else anew.front_end
    anew = replace(anew, front_end=front_end, noises=tuple(noises[:MOST_NOISES]))
    rows, held_rows = known.labelled(), held.labelled()
    for finding in check_classes(rows, held_rows):
        say(finding)
    task = CommandTask(front_end, rows.classes, options.sizes(), usual=usual)
    every = replace(rows, items=rows.items + held_rows.items, labels=rows.labels + held_rows.labels)
    changed = [
        _Anew(anew, raw, others, usual, options.streaming) if options.augment else None
        for raw in (known.raw, known.raw + held.raw)
    ]
    chosen = valid is not None or any(each.lower() in VALIDATION for each in clips.splits or ())
    return Ready(task, rows, held_rows, changed[0], None if chosen else every, changed[1], tuple(negatives))


@dataclass
class _Rows:
    """Frames and labels, while they are gathered."""

    raw: list[Floats]
    labels: list[str]

    @classmethod
    def read(cls, clips: LabelledFiles, anew: WordsAnew, say: Say) -> _Rows:
        kept, raw = read_clips(clips, anew, say)
        return cls(raw, list(kept.labels))

    def add(self, raw: Sequence[Floats], label: str) -> None:
        self.raw += raw
        self.labels += [label] * len(raw)

    @property
    def usual(self) -> int:
        """Recordings of a class, on average."""
        return len(self.labels) // max(1, len(set(self.labels)))

    def labelled(self) -> Labelled:
        return Labelled(tuple(map(Raw, self.raw)), tuple(self.labels))  # type: ignore[arg-type]  # read by the task


def _with_silence(
    known: _Rows, held: _Rows, usual: int, long: Sequence[Floats], dice: np.random.Generator, say: Say
) -> list[Floats]:
    """Make a class of silence where none is given; frames without speech, to be added to words."""
    given = [each for each, name in zip(known.raw, known.labels, strict=True) if name.lower() in SILENT]
    if not given:
        for rows, least in ((known, LEAST_MADE), (held, 2)):
            rows.add(silences(max(least, rows.usual), usual, known.raw[0].shape[1], long, dice), MADE)
        what = "pieces of the noise" if long else "quiet noise"
        say(f"No class of silence is given ({', '.join(SILENT[:2])}): one is made of {what}, as '{MADE}'.")
    return [*given, *long]


def _with_unknown(
    known: _Rows, held: _Rows, usual: int, long: Sequence[Floats], dice: np.random.Generator, say: Say
) -> _Others:
    """Pieces of other speech as unknown words, half as many as there are words, and some to validate on."""
    name = next((each for each in sorted(set(known.labels)) if each.lower() in UNKNOWN), UNKNOWN[0])
    aside = max(1, len(long) // 10)  # whole recordings, so that none is on both sides
    count = max(LEAST_MADE, len(known.labels) // 2)
    first, learned = len(known.labels), long[aside:] or long
    known.add(pieces(learned, usual, count, dice), name)
    held.add(pieces(long[:aside], usual, max(1, min(2 * held.usual, count // 10)), dice), name)
    say(
        f"{len(long):,} recordings without the words are learned from as '{name}', {count:,} pieces at a time, each time "
        "other ones."
    )
    return _Others(learned, range(first, len(known.labels)))


@dataclass(frozen=True)
class _Others:
    """Long recordings without the words, and the training rows that are pieces of them, cut anew each time."""

    long: Sequence[Floats]
    rows: range = range(0)


@dataclass(frozen=True)
class _Anew:
    """Training rows changed at random; for a stream, with something else before."""

    anew: WordsAnew
    rows: Sequence[Floats]
    others: _Others
    usual: int
    lead: bool = False

    def __call__(self, row: int, dice: np.random.Generator) -> Floats:
        raw = self.rows[row]
        if row in self.others.rows:
            raw = pieces(self.others.long, self.usual, 1, dice)[0]
        x = self.anew.altered(raw, dice)
        if self.lead and dice.random() < 0.5:
            before = self.anew.altered(self.rows[int(dice.integers(len(self.rows)))], dice)
            x = np.concatenate([before[-int(dice.integers(1, len(before) + 1)) :], x])
        return self.anew.hidden(x, dice)


def read_clips(clips: LabelledFiles, anew: WordsAnew, say: Say) -> tuple[LabelledFiles, list[Floats]]:
    """Frames of each recording; those that cannot be read are left out, and listed."""
    raw: list[Floats] = []
    kept, failed, found = [], [], Counter[str]()
    for row, item in enumerate(clips.items):
        try:
            frames, said = raw_of(item, anew)
        except MissingExtraError:
            raise
        except EnsueError as error:
            failed.append((Path(item).name if isinstance(item, str | Path) else f"number {row + 1}", str(error)))
            continue
        found.update(said)
        raw.append(frames)
        kept.append(row)
    if failed:
        if not kept:
            raise DataError(f"None of {len(clips):,} recordings can be read; the first: {failed[0][1]}")
        names, why = few([name for name, _ in failed]), failed[0][1]
        say(
            f"Left out {names}, which cannot be read; the first: {why}"
            if len(failed) > 1
            else f"Left out {names}: {why}"
        )
    for sentence, count in found.most_common(3):
        say(f"{count:,} recording{'s' * (count > 1)}: {sentence}")
    return clips.take(kept), raw


def raw_of(item: Any, anew: WordsAnew) -> tuple[Floats, tuple[str, ...]]:
    """Frames of one recording, and what was found in it."""
    recording = read_audio(item) if isinstance(item, str | Path) else item
    return anew.raw(recording), getattr(recording, "findings", ())


def _front_end(items: Sequence[Any], options: CommandOptions, say: Say) -> AudioFrontEnd:
    rates = Counter(_rate(each) for each in items[:300])
    rates.pop(0, None)
    usual = min(RATE, rates.most_common(1)[0][0]) if rates else RATE
    rate = options.sample_rate or usual
    if len(rates) > 1:
        shown = ", ".join(f"{each:,}" for each in sorted(rates))
        say(f"The recordings have different sample rates ({shown}); all are read at {rate:,}.")
    how: dict[str, Any] = {"normalise": "utterance", "span": SPAN}
    if options.streaming:
        how = {"normalise": "training"}
    return AudioFrontEnd(rate=rate, bands=options.bands, floor=FLOOR, stack=2, stride=2, **how)


def _rate(item: Any) -> int:
    return rate_of(Path(item)) if isinstance(item, str | Path) else int(getattr(item, "rate", 0))
