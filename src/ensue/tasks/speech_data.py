"""Recordings and transcripts made ready to be learned from: read, checked, divided; what cannot be used is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.audio.features import AudioFrontEnd
from ensue.data.manifests import TEST, TRAINING, VALIDATION, few, read_manifest
from ensue.data.utterances import Utterances, set_aside
from ensue.errors import DataError, EnsueError, UsageError
from ensue.tasks.alphabet import Alphabet, tidy
from ensue.tasks.front_ends import FrontEnd
from ensue.tasks.speech import SpeechTask
from ensue.tasks.speech_features import HeardAnew
from ensue.tasks.speech_options import SpeechOptions

Floats = NDArray[np.float32]

RATE = 16_000
"""Samples a second at most that are listened to: speech has little above half of that."""
SPAN = 50.0
"""Decibels below the loudest sound of a recording, where silence begins ..."""
FLOOR = 1e-7
"""... and its power, where the recording is heard as it comes."""
Columns = tuple[str | None, str | None, str | None]
"""Of a manifest: of files, texts and speakers; None: found."""
FEATURES = (".npy", ".npz")
SHOWN = 12


@dataclass(frozen=True)
class Ready:
    """What a training needs."""

    task: SpeechTask
    training: Utterances
    validation: Utterances


@dataclass
class Rows:
    """Recordings with their transcripts, not yet read."""

    items: list[Any]
    texts: list[str]
    speakers: list[str] | None
    splits: list[str] | None = None

    def take(self, rows: Sequence[int]) -> Rows:
        def some(each: list[str] | None) -> list[str] | None:
            return None if each is None else [each[row] for row in rows]

        return Rows([self.items[row] for row in rows], [self.texts[row] for row in rows], some(self.speakers))


def prepare(
    data: Any,
    texts: Sequence[str] | None,
    speakers: Sequence[str] | None,
    valid: Any,
    options: SpeechOptions,
    rate: int | None,
    say: Callable[[str], None],
    columns: Columns = (None, None, None),
) -> Ready:
    """Read, check and divide. Raises `DataError` where nothing is left, `UsageError` for arguments that do not fit."""
    training, validation = divided(data, texts, speakers, valid, options.seed, say, columns)
    front_end = _front_end(training.items, options, rate, say)
    anew = HeardAnew(front_end)
    known, raw = _read(training, anew, say, rate)
    if front_end.causal:
        front_end = anew.learned(raw)
        anew = HeardAnew(front_end)
    held, held_raw = _read(validation, anew, say, rate)
    alphabet = _alphabet(known.texts, options)
    task = SpeechTask(
        front_end, alphabet, options.sizes(len(raw), front_end.seconds_per_step, _pace(known, raw, alphabet, front_end))
    )
    kept = _fitting(task, known, raw, anew, say)
    raw = [raw[row] for row in kept]
    train = Utterances(
        [task.even(anew.read(each)) for each in raw],
        tuple(known.texts[row] for row in kept),
        (lambda row, dice: anew(raw[row], dice)) if options.augment else None,
    )
    test = _fitting(task, held, held_raw, anew, say)
    features = [task.even(anew.read(held_raw[row])) for row in test]
    return Ready(task, train, Utterances(features, tuple(alphabet.tidied(held.texts[row]) for row in test)))


def open_recording(path: str | Path, front_end: FrontEnd) -> tuple[Any, tuple[str, ...]]:
    """What a front end reads of a file, and what was found in it. Raises `DataError` for a file that is none."""
    path = Path(path)
    if not isinstance(front_end, AudioFrontEnd):
        return path, ()
    if front_end.kind == "given":
        return _features_of(path), ()
    from ensue.data.audio.recordings import read_audio

    recording = read_audio(path, front_end.rate)
    return recording, recording.findings


def divided(
    data: Any, texts: Sequence[str] | None, speakers: Sequence[str] | None, valid: Any, seed: int,
    say: Callable[[str], None], columns: Columns = (None, None, None),
) -> tuple[Rows, Rows]:  # fmt: skip
    """Rows to learn from, and rows to validate on."""
    rows = _rows(data, texts, speakers, say, columns)
    if valid is not None:
        pair = valid if isinstance(valid, tuple) else (valid, None)
        return rows, _rows(pair[0], pair[1], None, say, columns)
    splits = [each.lower() for each in rows.splits or []]
    marked = [row for row, each in enumerate(splits) if each in VALIDATION]
    ours = [row for row, each in enumerate(splits) if each in TRAINING] or list(range(len(rows.items)))
    tests = sum(each in TEST for each in splits)
    if splits and tests:
        ours = [row for row in ours if splits[row] not in TEST]
        say(f"{tests:,} rows are for testing and stay unread.")
    if marked:
        say(f"Validates on the {len(marked):,} rows that the manifest marks for that.")
        chosen = set(marked)
        return rows.take([row for row in ours if row not in chosen]), rows.take(marked)
    rows = rows.take(ours)
    if len(rows.items) < 2:
        raise DataError(
            f"{len(rows.items)} recording was given, expected 2 at least, to learn from and to validate on."
        )
    known, held, said = set_aside(len(rows.items), rows.speakers, seed)
    say(said)
    return rows.take(known.tolist()), rows.take(held.tolist())


def _rows(
    data: Any, texts: Sequence[str] | None, speakers: Sequence[str] | None, say: Callable[[str], None], columns: Columns
) -> Rows:
    if texts is None:
        if not isinstance(data, (str, Path)):
            raise UsageError(
                f"A {type(data).__name__} was given without texts, expected a manifest: give its path, or a list of "
                "recordings with a list of what is said in them."
            )
        manifest = read_manifest(data, file=columns[0], text=columns[1], speaker=columns[2])
        for finding in manifest.findings:
            say(finding)
        named, splits = manifest.speakers, manifest.splits
        return Rows(
            list(manifest.files), list(manifest.texts), None if named is None else list(named),
            None if splits is None else list(splits),
        )  # fmt: skip
    items, said = list(data), [str(text) for text in texts]
    if len(items) != len(said):
        raise DataError(f"{len(items)} recordings and {len(said)} texts were given, expected equally many.")
    if not items:
        raise DataError("There are no recordings, expected some with their texts.")
    if speakers is not None and len(list(speakers)) != len(items):
        raise DataError(
            f"{len(items)} recordings and {len(list(speakers))} speakers were given, expected equally many."
        )
    kept = [row for row, text in enumerate(said) if text.strip()]
    if not kept:
        raise DataError(f"All {len(said)} texts are blank, expected what is said in each recording.")
    if len(kept) < len(items):
        say(f"Left out {len(items) - len(kept):,} recordings without a text.")
    rows = Rows(items, [tidy(text) for text in said], None if speakers is None else [str(each) for each in speakers])
    return rows.take(kept)


def _front_end(
    items: Sequence[Any], options: SpeechOptions, rate: int | None, say: Callable[[str], None]
) -> AudioFrontEnd:
    """How these recordings are read: features as they are given, or log-mel bands of the sound."""
    normalise = "running" if options.streaming else "utterance"
    quiet: dict[str, Any] = {"floor": FLOOR} if options.streaming else {"span": SPAN}
    first = items[0]
    if isinstance(first, (str, Path)) and Path(first).suffix.lower() in FEATURES:
        first = _features_of(Path(first))
    if isinstance(first, np.ndarray) and first.ndim == 2:
        return AudioFrontEnd(kind="given", coefficients=first.shape[1], deltas=True, normalise=normalise)
    if isinstance(first, (str, Path)):
        rates = Counter(_rate_of(Path(each)) for each in items[:200])
        usual = next((each for each, _ in rates.most_common() if each), RATE)
        if len([each for each in rates if each]) > 1:
            shown = ", ".join(f"{each:,}" for each in sorted(each for each in rates if each))
            say(f"The recordings have different sample rates ({shown}); all are read at {min(RATE, usual):,}.")
        return AudioFrontEnd(rate=min(RATE, usual), kind="log_mel", normalise=normalise, **quiet)
    return AudioFrontEnd(rate=rate or RATE, kind="log_mel", normalise=normalise, **quiet)


def _rate_of(path: Path) -> int:
    """Samples a second of a file; 0 where it cannot be read, which is said later."""
    from ensue.data.audio.recordings import read_audio

    try:
        import soundfile

        return int(soundfile.info(str(path)).samplerate)
    except ImportError:
        return int(read_audio(path).rate)
    except (RuntimeError, OSError):
        return 0


def _read(rows: Rows, anew: HeardAnew, say: Callable[[str], None], rate: int | None) -> tuple[Rows, list[Floats]]:
    """Frames of each recording; those that cannot be read are left out, and listed."""
    raw: list[Floats] = []
    kept, failed, found = [], [], Counter[str]()
    for row, item in enumerate(rows.items):
        try:
            recording, said = open_recording(item, anew.front_end) if isinstance(item, (str, Path)) else (item, ())
            frames = anew.raw(recording)
            if not len(frames) or not np.isfinite(frames).all():
                raise DataError("it is shorter than one frame, or holds values that are no numbers.")
        except EnsueError as error:
            if isinstance(error, ImportError):
                raise
            failed.append((Path(item).name if isinstance(item, (str, Path)) else f"number {row + 1}", str(error)))
            continue
        found.update(said)
        raw.append(frames)
        kept.append(row)
    if failed:
        say(f"Left out {few([name for name, _ in failed])} that cannot be read; the first: {failed[0][1]}")
    if not kept:
        raise DataError(f"None of {len(rows.items):,} recordings can be read; the first: {failed[0][1]}")
    for sentence, count in found.most_common(3):
        say(sentence if count == 1 else f"{count:,} recordings: {sentence}")
    return rows.take(kept), raw


def _pace(rows: Rows, raw: Sequence[Floats], alphabet: Alphabet, front_end: AudioFrontEnd) -> float:
    """Seconds of sound for each label, in half of the recordings less."""
    paces = [
        len(frames) / max(1, len(alphabet.text.encode(text))) for text, frames in zip(rows.texts, raw, strict=True)
    ]
    return float(np.median(paces)) * front_end.hop


def _alphabet(texts: Sequence[str], options: SpeechOptions) -> Alphabet:
    if options.alphabet is not None:
        return Alphabet.of(options.alphabet, options.lowercase)
    return Alphabet.learn(texts, options.tokens, options.vocabulary, options.lowercase)


def _fitting(
    task: SpeechTask, rows: Rows, raw: Sequence[Floats], anew: HeardAnew, say: Callable[[str], None]
) -> list[int]:
    """The rows whose text can be written, and is short enough for the recording; the others are listed."""
    alphabet, kept, foreign, short = task.alphabet, [], [], []
    for row, (text, frames) in enumerate(zip(rows.texts, raw, strict=True)):
        if alphabet.foreign([text]):
            foreign.append(row)
            continue
        answers = -(-len(anew.read(frames)) // task.stride)
        if answers < alphabet.steps_for(alphabet.encode(text)):
            short.append(row)
        else:
            kept.append(row)
    if foreign:
        what = ", ".join(alphabet.foreign([rows.texts[row] for row in foreign])[:SHOWN])
        say(f"Left out {few([_name(rows, row) for row in foreign])} whose text is not in the alphabet: {what}.")
    if short:
        say(
            f"Left out {few([_name(rows, row) for row in short])} with more letters than the network has steps "
            f"({task.seconds_per_answer:.3g} s each): the text is longer than what can be said in the time."
        )
    if not kept:
        why = "its text is not in the alphabet" if foreign else "its text is too long for the recording"
        raise DataError(f"No recording is left to learn from or to validate on: of each {why}; check texts and files.")
    return kept


def _name(rows: Rows, row: int) -> str:
    item = rows.items[row]
    return Path(item).name if isinstance(item, (str, Path)) else f"'{rows.texts[row][:20]}'"


def _features_of(path: Path) -> Floats:
    """The features of a .npy or .npz file `(frames, coefficients)`."""
    try:
        found = np.load(path, allow_pickle=False)
        array = np.asarray(found if isinstance(found, np.ndarray) else found[found.files[0]], np.float32)
    except (OSError, ValueError, IndexError, KeyError) as error:
        raise DataError(f"'{path}' holds no features ({error}), expected an array in .npy or .npz.") from error
    if array.ndim != 2 or not array.size:
        raise DataError(f"'{path}' holds an array of shape {array.shape}, expected (frames, coefficients).")
    return array
