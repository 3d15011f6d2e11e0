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
"""No threshold is lower ..."""
NOTICED = 0.3
"""... but alarms are noticed from here on, to see how they grow fewer."""
ENOUGH = 10
"""Alarms that are allowed, from which they are counted; fewer are reckoned."""
IMAGINED, EXCESS = 3, 0.7
"""Alarms that are imagined beside those that were found, and by how much their log odds lie above `NOTICED`."""
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
        return sum(len(alarms_in(each, threshold, usual.rest)) for each in heard) / hours

    careful = reckoned(
        [word.confidence for each in heard for word in alarms_in(each, NOTICED, usual.rest)], hours, most
    )
    # alarms grow fewer just above what was heard, nowhere else
    steps = sorted({np.ceil(word.confidence / FINE) * FINE for each in heard for word in each})
    tried = [LOWEST, *(min(1.0, round(float(each), 4)) for each in steps if each > LOWEST)]
    low, high = 0, len(tried) - 1  # the first one that is careful enough; above the last one nothing was heard
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if alarms(tried[middle]) <= most else (middle + 1, high)
    threshold = max(tried[low], careful)
    return replace(usual, threshold=threshold, false_alarms=round(alarms(threshold), 3), hours=round(hours, 4))


def reckoned(alarms: Sequence[float], hours: float, most: float) -> float:
    """The threshold above which there are likely so few alarms an hour, where they are too few to be counted; else `LOWEST`.

    The log odds of what is heard by mistake lie exponentially above any level (peaks over threshold, Pickands 1975), so that
    how they lie above a low one tells of a high one. Without that, a single hour's luck would choose.

    Args:
        alarms: confidences of what was heard from `NOTICED` on.

    >>> round(reckoned([0.35, 0.4, 0.45, 0.5, 0.6], hours=0.2, most=1.0), 2)
    0.8
    """
    if hours * most >= ENOUGH or not alarms:
        return LOWEST
    level = np.log(NOTICED / (1 - NOTICED))
    above = [np.log(each / max(1e-9, 1 - each)) - level for each in alarms]
    mean = (sum(above) + IMAGINED * EXCESS) / (len(above) + IMAGINED)
    odds = level + mean * max(0.0, np.log(len(alarms) / hours / most))
    return round(max(LOWEST, float(1 / (1 + np.exp(-odds)))), 4)


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
    stream = CommandStream(runtime, replace(runtime.task.hearing, threshold=NOTICED, rest=0.0))
    return stream.frames(frames, last=True)


def alarms_in(heard: Sequence[Heard], threshold: float, rest: float) -> list[Heard]:
    """What is heard with that threshold: of each time, the likeliest moment."""
    found: list[Heard] = []
    begun = -np.inf
    for each in heard:
        if each.confidence < threshold:
            continue
        if each.time - begun >= rest:
            begun = each.time
            found.append(each)
        elif each.confidence > found[-1].confidence:
            found[-1] = each
    return found
