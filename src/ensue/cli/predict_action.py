"""`ensue predict` with a model of actions: what is done in each clip, moment by moment, drawn on it, or seen by a camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ensue.cli.console import Voice
from ensue.cli.results import check_not_input, print_json, print_line
from ensue.cli.several import each_file
from ensue.errors import UsageError

if TYPE_CHECKING:
    from ensue.estimators.action_recogniser import ActionRecogniser
    from ensue.runtime.acting import Moment

SHOWN = 3
"""Actions that are drawn on a frame."""
OVERLAY_RATE = 25.0
"""Frames a second of a film with words on it."""


@dataclass(frozen=True)
class Asked:
    """What is wanted of clips."""

    moments: bool = False
    overlay: Path | None = None
    camera: str | None = None
    smooth: float | None = None
    json: bool = False


def predict_actions(recogniser: ActionRecogniser, files: Sequence[str], asked: Asked, voice: Voice) -> None:
    """A line a clip, or a moment; a clip that cannot be read is named, the others are told all the same."""
    if asked.camera is not None:
        _camera(recogniser, files, asked, voice)
        return
    if not files:
        raise UsageError("No clip is given, expected films or key points: name them behind the options.")
    if asked.overlay is not None:
        if len(files) > 1:
            raise UsageError(f"--overlay writes one film, and {len(files)} clips are given: give one.")
        check_not_input("--overlay", asked.overlay, files[0])
    several = len(files) > 1

    def work(file: str) -> None:
        if asked.overlay is not None:
            _overlay(recogniser, file, asked.overlay, asked.smooth, voice)
        if asked.moments:
            for moment in recogniser.moments(file, smooth=asked.smooth or 0.0):
                _tell_moment(recogniser, moment, file if several else None, asked.json)
            return
        shares = recogniser.predict_proba([file])[0]
        best = int(shares.argmax())
        if asked.json:
            every = dict(zip(recogniser.classes_, shares.tolist(), strict=True))
            print_json({"file": file, "class": recogniser.classes_[best], "probabilities": every})
        else:
            print_line((f"{file}\t" if several else "") + f"{recogniser.classes_[best]}\t{shares[best]:.3f}")

    each_file(files, work)


def _tell_moment(recogniser: ActionRecogniser, moment: Moment, file: str | None, json: bool) -> None:
    if json:
        every = dict(zip(recogniser.classes_, moment.probabilities, strict=True))
        named = {} if file is None else {"file": file}
        print_json(named | {"seconds": moment.time, "class": moment.label, "probabilities": every})
    else:
        print_line(
            ("" if file is None else f"{file}\t") + f"{moment.time:.2f} s\t{moment.label}\t{moment.confidence:.3f}"
        )


def _overlay(recogniser: ActionRecogniser, file: str, to: Path, smooth: float | None, voice: Voice) -> None:
    from ensue.data.video.writing_films import with_words, write_film
    from ensue.tasks.action_data import is_film

    if not is_film(file):
        raise UsageError(f"--overlay draws on films, and {file} is none: leave it out.")
    step = recogniser.task_.front_end.seconds_per_step
    moments = recogniser.moments(file, smooth=0.3 if smooth is None else smooth)
    words = [(0.0 if place == 0 else each.time - step, _lines(recogniser, each)) for place, each in enumerate(moments)]
    count = write_film(to, with_words(file, words, OVERLAY_RATE), OVERLAY_RATE)
    voice.say(f"{count:,} frames with what is done in them are in {to}.")


def _lines(recogniser: ActionRecogniser, moment: Moment) -> list[str]:
    order = sorted(range(len(recogniser.classes_)), key=lambda each: -moment.probabilities[each])[:SHOWN]
    return [f"{recogniser.classes_[each][:20]} {moment.probabilities[each]:.0%}" for each in order]


def _camera(recogniser: ActionRecogniser, files: Sequence[str], asked: Asked, voice: Voice) -> None:
    """Tell what the camera sees until Ctrl-C."""
    from ensue.data.video.camera import camera_frames

    if files or asked.overlay is not None:
        raise UsageError("--camera is given with clips or --overlay, expected it alone: leave them out.")
    front_end = recogniser.task_.front_end
    if not hasattr(front_end, "rule"):
        raise UsageError("--camera gives pictures, and this model reads key points: send them to its stream() instead.")
    stream = recogniser.stream(smooth=0.3 if asked.smooth is None else asked.smooth)
    voice.say("Watching; Ctrl-C ends it.")
    for frame in camera_frames(str(asked.camera), 1 / front_end.seconds_per_step):
        for moment in stream.update(frame):
            _tell_moment(recogniser, moment, None, asked.json)
