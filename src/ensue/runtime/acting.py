"""Recognising actions without PyTorch: whole clips, moments of a clip, or frames as they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.errors import ConfigError, DataError
from ensue.layers.base import is_number
from ensue.runtime.classification import TOGETHER, ClassAnswers
from ensue.runtime.smoothing import Smoothing
from ensue.tasks.action_data import loaded
from ensue.tasks.actions import ActionTask
from ensue.tasks.caption_data import name_of
from ensue.tasks.class_scores import tempered
from ensue.tasks.task_file import Weights

Floats = NDArray[np.float64]

OVERLAP = 4
"""A window goes on by this part of its length."""


@dataclass(frozen=True)
class Moment:
    """What is done at a moment."""

    time: float
    """Seconds from the beginning, at the end of what was looked at."""
    label: str
    confidence: float
    """The label's probability."""
    probabilities: tuple[float, ...]
    """Of all classes, in their order."""


class ActionRuntime:
    """A trained action recogniser, ready to be asked. Nothing is kept between calls, so threads may share it."""

    def __init__(self, task: ActionTask, weights: Mapping[str, Weights], threads: int = 1) -> None:
        self.task = task
        self._classifier = ClassAnswers(task, weights, threads)
        self.engine = self._classifier.engine

    def probabilities(self, clips: Sequence[Any]) -> Floats:
        """Of every class for each clip, `(clips, classes)`."""
        return np.asarray(np.exp(self.log_probabilities(clips)))

    def log_probabilities(self, clips: Sequence[Any]) -> Floats:
        """The same as logarithms. Raises `DataError`, naming the clip, for one that cannot be read."""
        if not clips:
            return np.zeros((0, len(self.task.classes)))
        return self._classifier.answers([self.task.steps(self.raw(each, row)) for row, each in enumerate(clips)])

    def of_raw(self, raw: NDArray[Any]) -> Floats:
        """Probabilities `(classes,)` of what `raw` gave of a clip."""
        return np.asarray(np.exp(self._classifier.answers([self.task.steps(raw)])[0]))

    def raw(self, clip: Any, row: int = 0) -> NDArray[Any]:
        """What is kept of a clip."""
        try:
            return self.task.raw(loaded(clip, self.task.front_end))
        except DataError as error:
            name = name_of(clip, row)
            raise DataError(str(error) if name in str(error) else f"{name}: {error}") from error

    def moments(self, clip: Any, smooth: float = 0.0) -> list[Moment]:
        """What is done when: at every frame where the network answers at each, and else in windows that overlap, as long as
        clips in training usually were, or half as long at the clip's beginning.

        A window's features are read anew from its own first frame on, as those of a clip.
        """
        task, raw = self.task, self.raw(clip)
        if task.streams:
            output, _ = self.engine.forward(task.steps(raw)[None])
            ends = np.arange(1, len(raw) + 1)
            found = tempered(output[0].astype(np.float64), task.temperature)
        else:
            first, further = max(1, task.usual // 2), max(1, task.usual // OVERLAP)
            ends = np.unique([*range(min(first, len(raw)), len(raw) + 1, further), len(raw)])
            found = np.concatenate(
                [self._windows(raw, ends[at : at + TOGETHER]) for at in range(0, len(ends), TOGETHER)]
            )
        smoothing = Smoothing(smooth)
        times = ends * task.front_end.seconds_per_step
        return [self.moment(float(t), smoothing.add(np.exp(p), float(t))) for t, p in zip(times, found, strict=True)]

    def _windows(self, raw: NDArray[Any], ends: NDArray[np.int64]) -> Floats:
        """Log probabilities of windows that end there."""
        usual = self.task.usual
        return self._classifier.answers([self.task.steps(raw[max(0, end - usual) : end]) for end in ends])

    def moment(self, time: float, probabilities: Floats) -> Moment:
        """In words."""
        best = int(probabilities.argmax())
        told = tuple(probabilities.tolist())
        return Moment(round(time, 4), self.task.classes[best], told[best], told)


class ActionStream:
    """Watches as frames or key points come: `update` with each, one or several, `partial` for what it is so far.

    Without a window a network that reads forward carries its state from frame to frame: what it says at the end of a clip
    is what it says of the clip as a whole, however it is cut. With a window, which a network that reads in both directions
    needs, the last seconds are read anew for each answer; such a stream may run for ever.
    """

    def __init__(
        self, runtime: ActionRuntime, *, smooth: float = 0.3, every: float = 0.0, window: float | None = None
    ) -> None:
        self._runtime, self.task = runtime, runtime.task
        seconds = self.task.front_end.seconds_per_step
        for name, value in (("every", every), ("window", window if window is not None else 1.0)):
            if not is_number(value) or value < 0 or (name == "window" and value < seconds):
                raise ConfigError(f"{name} is {value!r}, expected seconds, such as {1.0 if name == 'window' else 0.2}.")
        self.window = None if window is None else max(1, round(window / seconds))
        if window is None and not self.task.streams:
            self.window = self.task.usual
        self._every, self._seconds = max(1, round(every / seconds)), seconds
        self._smoothing = Smoothing(smooth)
        self.reset()

    def reset(self) -> None:
        """Forget everything, and begin with another clip."""
        self._smoothing.reset()
        self.steps = 0
        self.partial: Moment | None = None
        self._network: list[NDArray[Any]] | None = None
        self._frames = self.task.front_end.stream() if self.window is None else None
        self._recent: NDArray[Any] | None = None

    def update(self, frames: Any) -> list[Moment]:
        """What is done, at each frame of these, or every so many as was asked.

        Args:
            frames: one frame or several, as `fit` takes them.
        """
        raw = self._raw(frames)
        found = self._carried(raw) if self.window is None else self._windowed(raw)
        if found:
            self.partial = found[-1]
        return found

    def finish(self) -> Moment | None:
        """What it is taken for at the end; None where nothing came."""
        return self.partial

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """What is carried from call to call, as arrays; setting it goes on from there."""
        found: dict[str, NDArray[Any]] = {"steps": np.array(self.steps), "time": np.array(self._smoothing.time)}
        if self._smoothing.value is not None:
            found["smoothed"] = self._smoothing.value.copy()
        if self._recent is not None:
            found["recent"] = self._recent.copy()
        if self._frames is not None:
            found |= {f"frames.{name}": value for name, value in self._frames.state.items()}
        return found | {f"network.{place}": value.copy() for place, value in enumerate(self._network or [])}

    @state.setter
    def state(self, state: Mapping[str, NDArray[Any]]) -> None:
        if "steps" not in state or ("recent" in state and self.window is None):
            raise DataError("The state is not one of this stream: save and restore it with the same model and window.")
        self.reset()
        self.steps, self._smoothing.time = int(state["steps"]), float(state["time"])
        self._smoothing.value = state["smoothed"].copy() if "smoothed" in state else None
        self._recent = state["recent"].copy() if "recent" in state else None
        if self._frames is not None:
            own = {name.removeprefix("frames."): value for name, value in state.items() if name.startswith("frames.")}
            self._frames.state = own
        count = sum(name.startswith("network.") for name in state)
        self._network = [state[f"network.{place}"].copy() for place in range(count)] or None
        if self._smoothing.value is not None:
            self.partial = self._runtime.moment(self._smoothing.time, self._smoothing.value)

    def _raw(self, frames: Any) -> NDArray[Any]:
        """Frames as `task.raw` gives them, one or several."""
        x = np.asarray(frames)
        one = x.ndim == 1 or (x.ndim == 2 and not self._is_several(x))
        if x.ndim == 3 and x.dtype == np.uint8 and x.shape[2] in (1, 3, 4):
            one = True
        return self.task.raw(x[None] if one else x)

    def _is_several(self, x: NDArray[Any]) -> bool:
        """Whether an array of two axes is several frames in rows, and no single frame."""
        front_end: Any = self.task.front_end
        joints = getattr(front_end, "joints", None)
        if x.dtype == np.uint8 and hasattr(front_end, "picture"):
            return False
        return joints is None or x.shape[0] != joints or x.shape[1] not in (front_end.axes, front_end.axes + 1)

    def _carried(self, raw: NDArray[Any]) -> list[Moment]:
        x = self._frames.push(raw) if self._frames is not None else self.task.steps(raw)
        output, self._network = self._runtime.engine.forward(x[None], state=self._network)
        return self._told(np.exp(tempered(output[0].astype(np.float64), self.task.temperature)))

    def _told(self, probabilities: Floats) -> list[Moment]:
        found = []
        for each in probabilities:
            self.steps += 1
            time = self.steps * self._seconds
            smoothed = self._smoothing.add(each, time)
            if self.steps % self._every == 0:
                found.append(self._runtime.moment(time, smoothed))
        return found

    def _windowed(self, raw: NDArray[Any]) -> list[Moment]:
        assert self.window is not None
        joined = raw if self._recent is None else np.concatenate([self._recent, raw])
        found = []
        for end in range(len(joined) - len(raw) + 1, len(joined) + 1):
            self.steps += 1
            if self.steps % self._every == 0:
                answer = self._runtime.of_raw(joined[max(0, end - self.window) : end])
                time = self.steps * self._seconds
                found.append(self._runtime.moment(time, self._smoothing.add(answer, time)))
        self._recent = joined[-self.window :]
        return found
