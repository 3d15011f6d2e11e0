"""The audio front end for sound that comes in pieces: the same steps as of the whole, for any pieces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensue.data.audio.features import REACH, AudioFrontEnd, with_deltas
from ensue.data.audio.spectra import Floats, spectrum_size
from ensue.errors import DataError, UsageError

AROUND = 2 * REACH
"""Frames after one that its second differences need."""


class AudioFrames:
    """Made by `AudioFrontEnd.stream`.

    >>> front_end = AudioFrontEnd(normalise="running", deltas=True)
    >>> sound = np.random.default_rng(0).normal(size=4000).astype(np.float32)
    >>> frames = front_end.stream()
    >>> parts = [frames.push(sound[:333]), frames.push(sound[333:]), frames.finish()]
    >>> bool(np.allclose(np.concatenate(parts), front_end.read(sound), atol=1e-4))
    True
    """

    def __init__(self, front_end: AudioFrontEnd) -> None:
        self.front_end = front_end
        self.reset()

    def reset(self) -> None:
        """Begin with another recording."""
        columns, width = self.front_end.columns, self.front_end.width
        self._samples = np.zeros(0, np.float32)
        self._frames = np.zeros((0, columns), np.float32)
        """The last ones, as deltas need them ..."""
        self._done = 0
        """... of which so many were given on."""
        self._recent = np.zeros((0, width), np.float32)
        self._joining = np.zeros((0, width), np.float32)
        self._skipped = 0
        """Frames that came before the ones that are to be joined."""
        self._any = False

    def push(self, more: ArrayLike) -> Floats:
        """The steps that are complete after some more samples `(n,)` (or features), `(steps, size)`."""
        front_end = self.front_end
        values = np.asarray(more, np.float32)
        if front_end.kind == "given":
            return self._go_on(front_end.given(values) if len(values) else self._frames[:0], last=False)
        if values.ndim != 1:
            raise DataError(f"A chunk of shape {values.shape} was given, expected samples (n,).")
        self._samples = np.concatenate([self._samples, values])
        frames = front_end.folded(front_end.spectra(self._samples))
        self._samples = self._samples[len(frames) * front_end.hop_samples :]
        return self._go_on(frames, last=False)

    def finish(self) -> Floats:
        """The steps that are left, when nothing more comes; then it begins anew."""
        front_end = self.front_end
        left = np.zeros((0, front_end.columns), np.float32)
        if not self._any and front_end.kind != "given" and len(self._samples):
            size = spectrum_size(front_end.window_samples)
            left = front_end.folded(front_end.spectra(np.pad(self._samples, (0, size - len(self._samples)))))
        found = self._go_on(left, last=True)
        self.reset()
        return found

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """All it remembers, as arrays."""
        return {
            "samples": self._samples.copy(),
            "frames": self._frames.copy(),
            "recent": self._recent.copy(),
            "joining": self._joining.copy(),
            "counts": np.array([self._done, self._skipped, self._any], np.int64),
        }

    @state.setter
    def state(self, saved: Mapping[str, Any]) -> None:
        columns, width = self.front_end.columns, self.front_end.width
        try:
            done, skipped, seen = (int(each) for each in np.asarray(saved["counts"]))
            samples = np.array(saved["samples"], np.float32).reshape(-1)
            frames = np.array(saved["frames"], np.float32).reshape(-1, columns)
            recent = np.array(saved["recent"], np.float32).reshape(-1, width)
            joining = np.array(saved["joining"], np.float32).reshape(-1, width)
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"The state is none of such a front end ({error}): give what state gave.") from error
        self._samples, self._frames, self._recent, self._joining = samples, frames, recent, joining
        self._done, self._skipped, self._any = done, skipped, bool(seen)

    def _go_on(self, frames: Floats, last: bool) -> Floats:
        self._any = self._any or len(frames) > 0
        return self._joined(self._normalised(self._with_deltas(frames, last)), last)

    def _with_deltas(self, frames: Floats, last: bool) -> Floats:
        if not self.front_end.deltas:
            return frames
        self._frames = np.concatenate([self._frames, frames])
        ready = len(self._frames) - (0 if last else AROUND)
        if ready <= self._done:
            return np.zeros((0, self.front_end.width), np.float32)
        found = with_deltas(self._frames)[self._done : ready]
        forget = max(0, ready - AROUND)
        self._frames, self._done = self._frames[forget:], ready - forget
        return found

    def _normalised(self, x: Floats) -> Floats:
        front_end = self.front_end
        if front_end.normalise == "running" and len(x):
            found = front_end.running(self._recent, x)
            self._recent = np.concatenate([self._recent, x])[-front_end.look_back :]
            return found
        return front_end.by_training(x) if front_end.normalise == "training" and front_end.mean else x

    def _joined(self, x: Floats, last: bool) -> Floats:
        front_end = self.front_end
        if front_end.stack == 1 and front_end.stride == 1:
            return x
        x = np.concatenate([self._joining, x])
        first = min(self._skipped, len(x))  # where the stride is longer than the stack
        x, self._skipped = x[first:], self._skipped - first
        if last:
            self._joining = x[:0]
            return front_end.stacked(x) if len(x) else np.zeros((0, front_end.size), np.float32)
        count = max(0, 1 + (len(x) - front_end.stack) // front_end.stride) if len(x) >= front_end.stack else 0
        found = front_end.stacked(x)[:count]
        gone = count * front_end.stride
        self._joining, self._skipped = x[gone:], self._skipped + max(0, gone - len(x))
        return found.reshape(-1, front_end.size)
