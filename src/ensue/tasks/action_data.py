"""Clips made ready to learn actions from: read, checked, divided by subject; what cannot be used is said."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.data.labelled import Labelled, check_classes, label_name
from ensue.data.labelled_files import LabelledFiles, divided
from ensue.data.manifests import few
from ensue.data.video.anew import BodiesAnew, FeaturesAnew, FilmsAnew
from ensue.data.video.clips import FILMS, PICTURES
from ensue.data.video.front_end import VideoFrontEnd
from ensue.data.video.keypoints import KeypointFrontEnd
from ensue.data.video.labelled_clips import CLIPS, labelled_clips
from ensue.data.video.skeletons import FLAT, skeleton_of
from ensue.errors import DataError, EnsueError, MissingExtraError, UsageError
from ensue.tasks.action_options import ActionOptions
from ensue.tasks.actions import raw_of, steps_of
from ensue.tasks.caption_data import name_of
from ensue.tasks.classifying import Augment, Raw
from ensue.tasks.front_ends import FrontEnd

Say = Callable[[str], None]

SHARE = 0.2
"""Of the clips, by subjects, that is set aside for validation."""
FILM_RATE, POINT_RATE, FEATURE_RATE = 10.0, 30.0, 5.0
"""Frames a second, unless said."""
SIDED = ("left", "right", "clockwise", "counterclockwise", "anticlockwise")
"""Words in names of classes that a mirror would make wrong."""


@dataclass(frozen=True)
class Ready:
    """What training needs."""

    front_end: FrontEnd
    training: Labelled
    """Its items are `Raw`."""
    validation: Labelled
    augment: Augment | None
    usual: int
    """Steps of a clip, the median."""


def clips_of(
    data: Any, labels: Sequence[Any] | None, subjects: Sequence[Any] | None, splits: Sequence[str] | None = None
) -> LabelledFiles:
    """Clips with their labels, of a folder, a table, or lists. Raises `DataError` or `UsageError` for what does not fit."""
    if labels is None:
        if not isinstance(data, str | Path):
            raise UsageError(
                f"A {type(data).__name__} was given without labels, expected a folder or a table: give its path, or a list "
                "of clips with a list of their labels."
            )
        return labelled_clips(data)
    if isinstance(data, str | Path):
        raise UsageError("A path was given with labels: give a list of clips, or the folder without labels.")
    items, names = tuple(data), tuple(label_name(each, row + 1) for row, each in enumerate(labels))
    if len(items) != len(names):
        raise DataError(f"{len(items)} clips and {len(names)} labels were given, expected equally many.")
    if not items:
        raise DataError("There are no clips, expected some with their labels.")
    who = None if subjects is None else tuple(str(each) for each in subjects)
    if who is not None and len(who) != len(items):
        raise DataError(f"{len(items)} clips and {len(who)} subjects were given, expected equally many.")
    return LabelledFiles(items, names, who, None if splits is None else tuple(splits))


def prepare(clips: LabelledFiles, valid: LabelledFiles | None, options: ActionOptions, say: Say) -> Ready:
    """Read, check and divide. Raises `DataError` where nothing can be learned from."""
    for finding in clips.findings:
        say(finding)
    training, validation = divided(clips, valid, CLIPS, SHARE, options.seed, say)
    front_end = front_end_for(training.items, options)
    training, known = read_clips(training, front_end, say)
    validation, held = read_clips(validation, front_end, say)
    if isinstance(front_end, KeypointFrontEnd) and front_end.skeleton != "points":
        say(f"Key points: {front_end.joints} of '{front_end.skeleton}'.")
    front_end = _normalised(front_end, known)
    rows = [_labelled(part, raw) for part, raw in ((training, known), (validation, held))]
    for finding in check_classes(*rows):
        say(finding)
    augment = _augment(front_end, known, training.labels, options, say) if options.augment else None
    return Ready(front_end, rows[0], rows[1], augment, max(1, int(np.median([len(each) for each in known]))))


def read_clips(clips: LabelledFiles, front_end: FrontEnd, say: Say) -> tuple[LabelledFiles, list[NDArray[Any]]]:
    """What is kept of each clip; those that cannot be read are left out, and listed."""
    raw: list[NDArray[Any]] = []
    kept, failed = [], []
    for row, item in enumerate(clips.items):
        try:
            raw.append(raw_of(front_end, loaded(item, front_end)))
            kept.append(row)
        except MissingExtraError:
            raise
        except EnsueError as error:
            failed.append((name_of(item, row), str(error)))
    if failed:
        said = f"Left out {few([name for name, _ in failed])} that cannot be read; the first: {failed[0][1]}"
        if not kept:
            raise DataError(f"None of {len(clips):,} clips can be read; the first: {failed[0][1]}")
        say(said)
    return clips.take(kept), raw


def front_end_for(items: Sequence[Any], options: ActionOptions) -> FrontEnd:
    """How such clips are read, told by the first that can be: films, key points, or features as they are given."""
    failure: EnsueError | None = None
    if options.features is not None:
        from ensue.data.video.onnx_features import OnnxFrontEnd

        if not all(map(is_film, items)):
            raise UsageError("features names a network that looks at films, and the clips are none: leave it out.")
        return OnnxFrontEnd.of_file(options.features, options.frame_rate or FEATURE_RATE)
    for item in items:
        try:
            return _front_end(item, options)
        except (MissingExtraError, UsageError):
            raise
        except EnsueError as error:
            failure = failure or error
    raise DataError(f"None of {len(items):,} clips can be read; the first: {failure}")


def _front_end(item: Any, options: ActionOptions) -> FrontEnd:
    rate = options.frame_rate
    if is_film(item):
        return VideoFrontEnd(
            options.height, options.width, rate or FILM_RATE, colour=options.colour, before=options.before,
            differences=options.before > 0,
        )  # fmt: skip
    values = _array(item)
    if options.skeleton is not None:
        axes = values.shape[2] if values.ndim == 3 else 3
        known = skeleton_of(options.skeleton, values.shape[1] if values.ndim == 3 else values.shape[1] // 3, axes)
        return KeypointFrontEnd(known.name, known.joints, known.axes, rate or POINT_RATE)
    if values.ndim == 2 and values.shape[1] not in FLAT:
        from ensue.data.audio.features import AudioFrontEnd

        return AudioFrontEnd(
            kind="given", coefficients=values.shape[1], hop=1 / (rate or POINT_RATE), normalise="training"
        )
    return KeypointFrontEnd.recognise(values, rate=rate or POINT_RATE)


def is_film(item: Any) -> bool:
    """Whether a clip is pictures: a film, a folder of pictures, or an array of bytes."""
    if not isinstance(item, str | Path):
        values = np.asarray(item)
        return values.dtype == np.uint8 and values.ndim in (3, 4)
    path = Path(item)
    if path.is_dir():
        return any(each.suffix.lower() in PICTURES for each in path.iterdir())
    return path.suffix.lower() in FILMS


def _array(item: Any) -> NDArray[Any]:
    from ensue.data.video.keypoint_files import read_keypoints

    values = read_keypoints(item) if isinstance(item, str | Path) else np.asarray(item)
    if values.ndim not in (2, 3) or not len(values):
        raise DataError(
            f"An array of shape {values.shape} was given, expected frames (frames, rows, columns, 3) as bytes, key points "
            "(frames, points, axes), or features (frames, numbers)."
        )
    return values


def loaded(item: Any, front_end: FrontEnd) -> Any:
    """A path as an array, where the front end takes features and no files."""
    from ensue.data.audio.features import AudioFrontEnd

    takes_files = not isinstance(front_end, AudioFrontEnd)
    return item if takes_files or not isinstance(item, str | Path) else _array(item)


def _normalised(front_end: Any, known: Sequence[NDArray[Any]]) -> FrontEnd:
    """Features that are given are brought to mean 0 and variance 1 over the clips that are learned from."""
    if isinstance(front_end, VideoFrontEnd | KeypointFrontEnd):
        return front_end
    learned: FrontEnd = front_end.learn(known)
    return learned


def _labelled(clips: LabelledFiles, raw: Sequence[NDArray[Any]]) -> Labelled:
    items: Any = tuple(Raw(each) for each in raw)
    return Labelled(items, clips.labels)


def _augment(
    front_end: FrontEnd, known: Sequence[NDArray[Any]], labels: Sequence[str], options: ActionOptions, say: Say
) -> Augment:
    mirror = options.mirror
    if mirror is None:
        sided = any(word in SIDED for each in set(labels) for word in re.findall("[a-z]+", each.lower()))
        mirror = not sided and getattr(front_end, "skeleton", "") != "points"  # whose left and right are not known
        if sided:
            say("Clips are not mirrored, for the names of classes tell left from right.")
    if isinstance(front_end, VideoFrontEnd):
        return FilmsAnew(front_end, known, mirror=mirror)
    if isinstance(front_end, KeypointFrontEnd):
        return BodiesAnew(front_end, known, mirror=mirror)
    return FeaturesAnew([steps_of(front_end, each) for each in known])
