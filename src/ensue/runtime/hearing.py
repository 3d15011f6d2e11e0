"""Hearing words without PyTorch: in clips, or in sound that comes piece by piece and never ends.

A network that looks at whole clips is shown the last second or so, as long as clips in training usually were, several times
a second; one that reads forward only carries its state. Probabilities are averaged over a moment, and a word counts once
it is likelier than a threshold; then nothing is heard for a while, so that one word is not heard twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensue.errors import UsageError
from ensue.runtime.classification import TOGETHER, ClassAnswers
from ensue.runtime.smoothing import Smoothing
from ensue.tasks.class_scores import tempered
from ensue.tasks.commands import CommandTask, Hearing
from ensue.tasks.task_file import Weights

Floats = NDArray[np.float64]

PIECE = 10
"""Seconds of a recording that are listened to at once."""
BEGIN = 0.5
"""The share of a usual clip that has to be there before the first word is heard."""


@dataclass(frozen=True)
class Heard:
    """A word in a stream."""

    time: float
    """Seconds from the beginning, at the moment it was decided."""
    word: str
    confidence: float
    """Its probability, averaged over the last moment."""


class CommandRuntime(ClassAnswers):
    """A trained listener, ready to be asked. Nothing is kept between calls, so threads may share it."""

    task: CommandTask

    def __init__(self, task: CommandTask, weights: Mapping[str, Weights], threads: int = 1) -> None:
        super().__init__(task, weights, threads)

    def log_probabilities(self, recordings: Sequence[Any]) -> Floats:
        """Of every class for each recording, `(recordings, classes)`. Raises `DataError` for one that cannot be read."""
        if not recordings:
            return np.zeros((0, len(self.task.classes)))
        return self.answers([self.task.read(each) for each in recordings])

    def windows(self, raw: NDArray[np.float32], ends: Sequence[int]) -> Floats:
        """Probabilities `(ends, classes)` of what was said in the windows of frames that end there."""
        usual = self.task.usual
        read = [self.task.steps(raw[max(0, end - usual) : end]) for end in ends]
        parts = [self.answers(read[at : at + TOGETHER]) for at in range(0, len(read), TOGETHER)]
        return np.exp(np.concatenate(parts)) if parts else np.zeros((0, len(self.task.classes)))


class CommandStream:
    """Listens as sound comes: `update` with each piece gives the words that were heard in it.

    The same words come at the same times however the sound is cut. It may run for ever: what it remembers does not grow.
    """

    def __init__(self, runtime: CommandRuntime, hearing: Hearing | None = None) -> None:
        self._runtime, self.task = runtime, runtime.task
        self.hearing = hearing or self.task.hearing
        self._every = max(1, round(self.hearing.every / self.task.plain.hop))
        self._first = round(max(1, round(self.task.usual * BEGIN)) * self.task.plain.hop, 6)
        self._smoothing = Smoothing(self.hearing.smooth)
        self.reset()

    def reset(self) -> None:
        """Forget everything, and begin with other sound."""
        self._smoothing.reset()
        self._sound = self.task.plain.stream()
        self._steps = self.task.rest.stream() if self.task.streams else None
        self._network: list[NDArray[Any]] | None = None
        # before the first sound there was silence: half a window looks like nothing that was ever learned
        quiet = np.log(self.task.plain.floor)
        self._recent = np.full(
            (0 if self.task.streams else self.task.usual, self.task.plain.columns), quiet, np.float32
        )
        self._frames = 0
        """Mel frames so far; or, where the network carries its state, its steps."""
        self._last = -np.inf
        self.partial: Heard | None = None
        """The likeliest class at the moment, whether or not it counts."""

    def update(self, samples: ArrayLike) -> list[Heard]:
        """The words that are heard with some more samples `(n,)`, at the model's rate, from -1 to 1."""
        return self.frames(self._sound.push(samples))

    def finish(self) -> list[Heard]:
        """The words that are heard at the end; then it begins anew. What was `partial` stays to be looked at."""
        found = self.frames(self._sound.finish(), last=True)
        partial = self.partial
        self.reset()
        self.partial = partial
        return found

    @property
    def seconds(self) -> float:
        """How much has been listened to."""
        step = self.task.front_end.seconds_per_step if self._steps is not None else self.task.plain.hop
        return round(self._frames * step, 6)

    def frames(self, raw: NDArray[np.float32], last: bool = False) -> list[Heard]:
        """The words that are heard with some more frames `(frames, bands)`, as `task.raw` gives them.

        Args:
            last: nothing comes after them.
        """
        times, answers = self._carried(raw, last) if self._steps is not None else self._windowed(raw)
        found = [self._decide(time, answer) for time, answer in zip(times, answers, strict=True)]
        return [each for each in found if each is not None]

    def _carried(self, raw: NDArray[np.float32], last: bool) -> tuple[list[float], Floats]:
        """Answers at every step, of a network that reads forward."""
        assert self._steps is not None
        x = self._steps.push(raw) if len(raw) else np.zeros((0, self.task.front_end.size), np.float32)
        if last:
            x = np.concatenate([x, self._steps.finish()])
        if not len(x):
            return [], np.zeros((0, len(self.task.classes)))
        output, self._network = self._runtime.engine.forward(x[None], state=self._network)
        step, before = self.task.front_end.seconds_per_step, self._frames
        self._frames += len(x)
        answers = np.exp(tempered(output[0].astype(np.float64), self.task.temperature))
        return [round((before + place + 1) * step, 6) for place in range(len(x))], answers

    def _windowed(self, raw: NDArray[np.float32]) -> tuple[list[float], Floats]:
        """Answers every so often, of a network that is shown the last frames anew."""
        joined, before = np.concatenate([self._recent, raw]), self._frames
        self._frames += len(raw)
        offset = self._frames - len(joined)
        ends = [each for each in range(before + 1, self._frames + 1) if each % self._every == 0]
        self._recent = joined[-self.task.usual :].copy()
        answers = self._runtime.windows(joined, [each - offset for each in ends])
        return [round(each * self.task.plain.hop, 6) for each in ends], answers

    def _decide(self, time: float, probabilities: Floats) -> Heard | None:
        smoothed = self._smoothing.add(probabilities, time)
        best = int(smoothed.argmax())
        self.partial = Heard(time, self.task.classes[best], float(smoothed[best]))
        if self.partial.word not in self.task.words or self.partial.confidence < self.hearing.threshold:
            return None
        if time < self._first or time - self._last < self.hearing.rest:
            return None
        self._last = time
        return self.partial

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """What is carried from call to call, as arrays; setting it goes on from there."""
        found: dict[str, NDArray[Any]] = {f"sound.{name}": value for name, value in self._sound.state.items()}
        if self._steps is not None:
            found |= {f"steps.{name}": value for name, value in self._steps.state.items()}
        found |= {f"network.{place}": value.copy() for place, value in enumerate(self._network or [])}
        found |= {"recent": self._recent.copy(), "frames": np.array(self._frames), "last": np.array(self._last)}
        if self._smoothing.value is not None:
            found |= {"smoothed": self._smoothing.value.copy(), "time": np.array(self._smoothing.time)}
        return found

    @state.setter
    def state(self, saved: Mapping[str, NDArray[Any]]) -> None:
        def part(name: str) -> dict[str, NDArray[Any]]:
            return {key.removeprefix(name): value for key, value in saved.items() if key.startswith(name)}

        self.reset()
        try:
            self._sound.state = part("sound.")
            if self._steps is not None:
                self._steps.state = part("steps.")
            self._network = [each.copy() for _, each in sorted(part("network.").items())] or None
            self._recent = np.array(saved["recent"], np.float32).reshape(-1, self.task.plain.columns)
            self._frames, self._last = int(saved["frames"]), float(saved["last"])
        except UsageError:
            self.reset()
            raise
        except (KeyError, TypeError, ValueError) as error:
            self.reset()
            raise UsageError(f"The state is none of such a stream ({error}): give what state gave.") from error
        if "smoothed" in saved:
            self._smoothing.value = np.array(saved["smoothed"], np.float64)
            self._smoothing.time = float(saved["time"])
            best = int(self._smoothing.value.argmax())
            self.partial = Heard(self._smoothing.time, self.task.classes[best], float(self._smoothing.value[best]))


def words_in(runtime: CommandRuntime, recording: Any, hearing: Hearing | None = None) -> list[Heard]:
    """The words that are heard in a recording, as a stream hears them."""
    stream = CommandStream(runtime, hearing)
    samples = runtime.task.plain.samples(recording)
    piece = runtime.task.plain.rate * PIECE
    found = [each for at in range(0, len(samples), piece) for each in stream.update(samples[at : at + piece])]
    return [*found, *stream.finish()]
