"""How sure a listener has to be: the threshold by which it seldom hears a word that nobody said, and what it misses then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.errors import DataError
from ensue.runtime.hearing import CommandRuntime, CommandStream, Heard
from ensue.tasks.commands import Hearing

Frames = NDArray[np.float32]

LOWEST = 0.5
"""No threshold is lower."""
FINE = 1e-4
"""Thresholds are told apart by so much."""
AROUND = 0.6
"""Seconds of quiet before and after a word, when it is counted whether it is heard."""
QUIET = 10
"""In a hundred frames of a recording, the quietest, that such quiet is made of."""


def careful_enough(runtime: CommandRuntime, negatives: Iterable[Any], most: float) -> Hearing:
    """The lowest threshold by which recordings without the words give at most so many false alarms an hour.

    Args:
        negatives: recordings, at least one.
        most: false alarms an hour.
    """
    usual, seconds = runtime.task.hearing, 0.0
    heard: list[list[Heard]] = []
    for each in negatives:
        frames = runtime.task.raw(each)
        seconds += len(frames) * runtime.task.plain.hop
        heard.append(_everything(runtime, frames))
    if not seconds:
        raise DataError("There is no sound without the words to choose a threshold by: give some, or none at all.")
    hours = seconds / 3600

    def alarms(threshold: float) -> float:
        return sum(_count(each, threshold, usual.rest) for each in heard) / hours

    # alarms grow fewer just above what was heard, nowhere else
    steps = sorted({np.ceil(word.confidence / FINE) * FINE for each in heard for word in each})
    low, high = 0, len(steps)  # the first step that is careful enough; behind the last one there is no alarm at all
    tried = [LOWEST, *(min(1.0, round(each, 4)) for each in steps)]
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if alarms(tried[middle]) <= most else (middle + 1, high)
    return replace(usual, threshold=tried[low], false_alarms=round(alarms(tried[low]), 3), hours=round(hours, 4))


def missed_by(runtime: CommandRuntime, words: Sequence[tuple[Frames, str]], threshold: float) -> float | None:
    """The share of recordings, each of a word, in which a stream does not hear it first; None without any.

    Args:
        words: frames of each, and the word.
    """
    missed = 0
    for frames, word in words:
        first = next(
            (each for each in _everything(runtime, in_quiet(runtime, frames)) if each.confidence >= threshold), None
        )
        missed += first is None or first.word != word
    return missed / len(words) if words else None


def in_quiet(runtime: CommandRuntime, frames: Frames) -> Frames:
    """A recording with quiet before and after it, made of its own quietest frames."""
    count = round(AROUND / runtime.task.plain.hop)
    order = np.argsort(frames.mean(axis=1), kind="stable")[: max(1, len(frames) * QUIET // 100)]
    quiet = frames[order[np.arange(count) % len(order)]]
    return np.concatenate([quiet, frames, quiet])


def _everything(runtime: CommandRuntime, frames: Frames) -> list[Heard]:
    """Every moment at which a word is likelier than the lowest threshold."""
    stream = CommandStream(runtime, replace(runtime.task.hearing, threshold=LOWEST, rest=0.0))
    return stream.frames(frames, last=True)


def _count(heard: Sequence[Heard], threshold: float, rest: float) -> int:
    """How often something is heard with that threshold."""
    count, last = 0, -np.inf
    for each in heard:
        if each.confidence >= threshold and each.time - last >= rest:
            count, last = count + 1, each.time
    return count
