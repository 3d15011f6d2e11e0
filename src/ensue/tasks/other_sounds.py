"""What is no word to be heard: silence, noise and other speech, of which a listener has to learn that they mean nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ensue.data.audio.recordings import read_audio
from ensue.data.feature_cache import cached
from ensue.errors import EnsueError, MissingExtraError
from ensue.tasks.command_features import WordsAnew, made_noise

Floats = NDArray[np.float32]

FLOOR = 1e-7
"""No power of a band is taken to be less: so quiet are good microphones."""
LOUDEST = 1e-3
"""The power of a band in the loudest silence that is made."""


def long_frames(files: Sequence[Path], anew: WordsAnew, say: Callable[[str], None]) -> list[Floats]:
    """Frames of long recordings, kept on disk; those that cannot be read are said."""
    found = []
    way = f"{anew.front_end.to_json()} frames"
    for file in files:
        try:
            found.append(cached(file, way, partial(_frames, file, anew)))
        except MissingExtraError:
            raise
        except EnsueError as error:
            say(f"Left out {file.name}: {error}")
    return found


def _frames(file: Path, anew: WordsAnew) -> Floats:
    return anew.raw(read_audio(file))


def silences(count: int, usual: int, bands: int, long: Sequence[Floats], dice: np.random.Generator) -> list[Floats]:
    """So many clips of `usual` frames without a word: pieces of long recordings without speech, or noise that is made."""
    if long:
        return pieces(long, usual, count, dice)
    levels = dice.uniform(np.log(FLOOR), np.log(LOUDEST), count)
    return [np.maximum(made_noise(usual, bands, dice) + np.float32(level), np.log(FLOOR)) for level in levels]


def pieces(long: Sequence[Floats], usual: int, count: int, dice: np.random.Generator) -> list[Floats]:
    """So many pieces of `usual` frames of long recordings, more of the longer ones; short ones are taken as they are."""
    enough = [each for each in long if len(each) >= usual]
    if not enough:
        return list(long)[:count]
    lengths = np.array([len(each) for each in enough], np.float64)
    found = []
    for place in dice.choice(len(enough), count, p=lengths / lengths.sum()).tolist():
        at = int(dice.integers(0, len(enough[place]) - usual + 1))
        found.append(enough[place][at : at + usual])
    return found
