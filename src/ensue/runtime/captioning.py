"""Captioning without PyTorch: what was read of clips into a `Writer`, and sentences with what they looked at out of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ensue.decoding import BeamOptions, Hypothesis
from ensue.runtime.writing import Floats, Writer
from ensue.tasks.captioning import CaptionTask
from ensue.tasks.task_file import Weights

CLIPS = 16
"""Clips searched side by side ..."""
ROOM = 4000
"""... or fewer, so that they have no more steps than this together."""


@dataclass(frozen=True)
class Caption:
    """One sentence about a clip."""

    sentence: str
    """What the clip is called."""
    text: str
    score: float
    """Log probability over the length penalty; captions of a clip are ranked by it."""
    log_probability: float
    ended: bool
    """Whether it came to its end by itself, or was cut where it grew too long."""
    source: tuple[str, ...]
    """The moments of the clip's steps, as they are shown."""
    tokens: tuple[str, ...]
    shares: Floats
    """`(tokens, steps)`: how much each word looked at each step; rows sum to one."""


class CaptionRuntime(Writer):
    """A trained captioning model, ready to be asked. Nothing is kept between calls, so threads may share it."""

    def __init__(self, task: CaptionTask, weights: Mapping[str, Weights], threads: int = 1) -> None:
        super().__init__(task, weights, threads)
        self.task = task

    def captions(self, read: Sequence[Floats], names: Sequence[str], options: BeamOptions) -> list[list[Caption]]:
        """The best captions of each clip, the best first; `read` is what `task.read` gives."""
        found: list[list[Caption]] = [[] for _ in read]
        for rows in _together([len(each) for each in read]):
            lengths = np.array([len(read[row]) for row in rows])
            x = np.zeros((len(rows), lengths.max(), read[rows[0]].shape[1]), np.float32)
            for each, row in zip(x, rows, strict=True):
                each[: len(read[row])] = read[row]
            answers = self.write(x, lengths, [self.task.longest_answer] * len(rows), options)
            for row, own in zip(rows, answers, strict=True):
                found[row] = [self._caption(names[row], len(read[row]), each) for each in own]
        return found

    def _caption(self, name: str, steps: int, answer: Hypothesis) -> Caption:
        shares = np.zeros((0, steps), np.float32)
        if answer.shares is not None and len(answer.shares):
            shares = answer.shares[:, :steps]
        seconds = self.task.front_end.seconds_per_step
        return Caption(
            name,
            self.task.target.decode(answer.tokens).strip(),
            answer.score,
            answer.log_probability,
            answer.ended,
            tuple(f"{step * seconds:.2f} s" for step in range(steps)),
            tuple(self.task.target.tokens(answer.tokens)),
            shares,
        )


def _together(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Which clips are searched side by side: those of similar length."""
    rows = np.argsort(lengths, kind="stable").tolist()
    while rows:
        count = 1
        while count < min(CLIPS, len(rows)) and (count + 1) * lengths[rows[count]] <= ROOM:
            count += 1
        yield rows[:count]
        rows = rows[count:]
