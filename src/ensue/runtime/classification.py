"""Classifying without PyTorch: many sequences at once, or one as it comes, a few steps at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensue.data.text import TextFrontEnd
from ensue.errors import DataError, UsageError
from ensue.runtime.engine import Engine, Executor
from ensue.tasks.class_scores import tempered
from ensue.tasks.classification import ClassificationTask, Item
from ensue.tasks.classifying import Classifying
from ensue.tasks.task_file import Weights

Floats = NDArray[np.float64]

TOGETHER = 64
"""Sequences read side by side ..."""
ROOM = 30_000
"""... or fewer, so that they have no more steps than this together."""


class ClassAnswers:
    """The network of any task that tells classes apart, asked. Nothing is kept between calls, so threads may share it."""

    task: Classifying

    def __init__(self, task: Classifying, weights: Mapping[str, Weights], threads: int = 1) -> None:
        self.task = task
        self.engine: Executor = Engine(task.networks()["network"], weights["network"], threads=threads)

    def answers(self, read: Sequence[NDArray[np.float32]]) -> Floats:
        """Log probabilities `(items, classes)` of what the network reads of each, `(time, features)`."""
        found = np.zeros((len(read), len(self.task.classes)))
        lengths = np.array([len(each) for each in read])
        order = np.argsort(lengths, kind="stable")[::-1]
        while len(order):
            rows = order[: min(TOGETHER, max(1, ROOM // int(lengths[order[0]])))]
            order = order[len(rows) :]
            x = np.zeros((len(rows), lengths[rows[0]], read[rows[0]].shape[1]), np.float32)
            for each, row in zip(x, rows, strict=True):
                each[: lengths[row]] = read[row]
            output, _ = self.engine.forward(x, lengths=lengths[rows])
            last = lengths[rows] - 1 if self.task.sizes.causal else np.zeros(len(rows), int)
            found[rows] = output[np.arange(len(rows)), last]
        return tempered(found, self.task.temperature)


class ClassifierRuntime(ClassAnswers):
    """A trained classifier, ready to be asked."""

    task: ClassificationTask

    def __init__(self, task: ClassificationTask, weights: Mapping[str, Weights], threads: int = 1) -> None:
        super().__init__(task, weights, threads)

    def log_probabilities(self, items: Sequence[Item]) -> Floats:
        """Of every class for each text or sequence of values, `(items, classes)`.

        Raises `DataError` for an empty one, or one of another kind than the model was trained on.
        """
        read = []
        for place, item in enumerate(items, start=1):
            try:
                read.append(self.task.read(item))
            except DataError as error:
                raise DataError(f"Number {place}: {error}" if len(items) > 1 else str(error)) from error
        return self.answers(read)

    def unknown(self, items: Sequence[Item]) -> tuple[int, int]:
        """How many tokens of some texts the model does not know, and how many there are; `(0, 0)` for numbers."""
        front_end = self.task.front_end
        if not isinstance(front_end, TextFrontEnd):
            return 0, 0
        tokens = [front_end.encode(item) for item in items if isinstance(item, str)]
        return sum(map(front_end.unknown, tokens)), sum(map(len, tokens))


class ClassifierStream:
    """Reads one sequence as it comes and says what it is taken for so far; a sequence in parts ends where it ends whole.

    Raises `UsageError` for a network that has to see the end first.
    """

    def __init__(self, runtime: ClassifierRuntime) -> None:
        self._runtime, self._task = runtime, runtime.task
        if not self._task.sizes.causal:
            way = "reads in both directions" if self._task.sizes.bidirectional else "pools all its steps"
            raise UsageError(
                f"This classifier {way}, so it needs the whole sequence and cannot stream: train one with "
                "bidirectional=False and pooling='last', or call predict."
            )
        self.steps = 0
        self._state: list[NDArray[Any]] | None = None

    def update(self, more: ArrayLike | str) -> Floats:
        """The probability of each class after some more steps, `(classes,)`.

        Args:
            more: for a model of texts, token numbers (those of `task.front_end.encode`) or a text, which must not end
                within a word; for one of numbers, values `(channels,)` of one step or `(steps, channels)` of several.
        """
        x = self._read(more)
        output, self._state = self._runtime.engine.forward(x[None], state=self._state)
        self.steps += len(x)
        found: Floats = np.exp(tempered(output[0, -1].astype(np.float64), self._task.temperature))
        return found

    def reset(self) -> None:
        """Forget the sequence and begin another one."""
        self._state, self.steps = None, 0

    def _read(self, more: ArrayLike | str) -> NDArray[np.float32]:
        front_end = self._task.front_end
        if isinstance(more, str) or not isinstance(front_end, TextFrontEnd):
            values = more if isinstance(more, str) else np.asarray(more, np.float64)
            if not isinstance(front_end, TextFrontEnd) and not isinstance(values, str) and values.ndim < 2:
                values = values.reshape(-1, len(front_end.names))
            return self._task.read(values)
        tokens = np.atleast_1d(np.asarray(more))
        if tokens.ndim != 1 or not len(tokens) or tokens.dtype.kind not in "iu":
            raise UsageError("What is streamed is no list of token numbers: give front_end.encode(text), or a text.")
        if tokens.min() < 0 or tokens.max() >= front_end.size:
            wrong = int(tokens.min() if tokens.min() < 0 else tokens.max())
            raise UsageError(f"Token {wrong} was given, expected 0 to {front_end.size - 1}.")
        return tokens[:, None].astype(np.float32)
