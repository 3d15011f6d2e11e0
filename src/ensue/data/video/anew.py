"""What training sees of bodies and films: the same movements, done by others, elsewhere, faster or slower."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensue.data.video.front_end import VideoFrontEnd
from ensue.data.video.keypoints import KeypointFrontEnd

Floats = NDArray[np.float64]
Steps = NDArray[np.float32]
Frames = NDArray[np.uint8]

LEAST = 3
"""Frames that are left of a clip at least."""


@dataclass(frozen=True)
class Pace:
    """How the times of a clip's frames are changed."""

    stretch: float = 0.3
    """At most so much longer or shorter, as a natural logarithm."""
    cut: float = 0.1
    """The share at each end that is left out at most."""
    bend: float = 0.15
    """How much faster one half may be than the other."""

    def moments(self, count: int, dice: np.random.Generator) -> Floats:
        """Places among `count` frames, fractions among them, in order.

        >>> Pace(0.0, 0.0, 0.0).moments(4, np.random.default_rng(0)).tolist()
        [0.0, 1.0, 2.0, 3.0]
        """
        length = max(LEAST, round(count * float(np.exp(dice.uniform(-self.stretch, self.stretch)))))
        first, last = dice.uniform(0, self.cut), 1 - dice.uniform(0, self.cut)
        even = np.linspace(0, 1, length)
        bent = even + dice.uniform(-self.bend, self.bend) * np.sin(np.pi * even) / np.pi
        found: Floats = (first + (last - first) * np.clip(bent, 0, 1)) * (count - 1)
        return found


@dataclass(frozen=True)
class BodiesAnew:
    """Key points of the training rows, each time another body: turned, larger, mirrored, at another pace, less exact.

    >>> points = np.random.default_rng(0).normal(size=(20, 20, 3))
    >>> anew = BodiesAnew(KeypointFrontEnd("kinect", 20, 3), [points])
    >>> anew(0, np.random.default_rng(0)).shape[1]
    127
    """

    front_end: KeypointFrontEnd
    rows: Sequence[Floats]
    """Positions as they came, `(frames, joints, axes)` of each."""
    pace: Pace = Pace()
    mirror: bool = True
    turn: float = 30.0
    """Degrees about the vertical at most, where depth is measured."""
    tilt: float = 5.0
    """Degrees in the picture's plane: the standard deviation."""
    scale: float = 0.1
    """Of the size, as a natural logarithm."""
    noise: float = 0.02
    """Spine lengths: of every position, and once more of every joint for the whole clip."""

    def __call__(self, row: int, dice: np.random.Generator) -> Steps:
        own, points = self.front_end, self.front_end.points
        x = self._at(self.rows[row], self.pace.moments(len(self.rows[row]), dice))
        x = own.bodily(x) @ self._turning(own.axes, dice) * float(np.exp(dice.normal(0, self.scale)))
        if self.mirror and dice.random() < 0.5:
            x = x[:, points.swapped]
            x[..., 0] *= -1
        x = x + dice.normal(0, self.noise, x.shape) + dice.normal(0, self.noise, x.shape[1:])
        return own.features(x)

    def _at(self, x: Floats, moments: Floats) -> Floats:
        """Positions between frames."""
        before = np.minimum(moments.astype(int), max(0, len(x) - 2))
        after = np.minimum(before + 1, len(x) - 1)
        part = (moments - before)[:, None, None]
        return np.asarray(x[before] * (1 - part) + x[after] * part)

    def _turning(self, axes: int, dice: np.random.Generator) -> Floats:
        """A matrix that turns positions `(..., axes)`."""
        flat = _rotation(axes, 0, 1, dice.normal(0, self.tilt))
        if axes == 2:
            return flat
        upright = _rotation(axes, 0, 2, dice.uniform(-self.turn, self.turn))
        forward = _rotation(axes, 1, 2, dice.normal(0, self.tilt))
        turning: Floats = upright @ flat @ forward
        return turning


@dataclass(frozen=True)
class FilmsAnew:
    """Films of the training rows, each time moved, mirrored, in another light and at another pace; all frames alike.

    >>> front_end = VideoFrontEnd(height=8, width=8)
    >>> anew = FilmsAnew(front_end, [np.zeros((10, 8, 8, 1), np.uint8)])
    >>> anew(0, np.random.default_rng(0)).shape[1]
    64
    """

    front_end: VideoFrontEnd
    rows: Sequence[Frames]
    """Small frames, as `front_end.small` gives them."""
    pace: Pace = Pace()
    mirror: bool = True
    shift: float = 0.08
    """Of height and width, at most."""
    light: float = 0.15
    """Of the contrast, and of the brightness in standard deviations: the standard deviation."""

    def __call__(self, row: int, dice: np.random.Generator) -> Steps:
        frames = self.rows[row]
        places = np.round(self.pace.moments(len(frames), dice)).astype(int)
        height, width = frames.shape[1:3]
        down, right = (round(dice.uniform(-self.shift, self.shift) * each) for each in (height, width))
        rows = np.clip(np.arange(height) - down, 0, height - 1)
        columns = np.clip(np.arange(width) - right, 0, width - 1)
        if self.mirror and dice.random() < 0.5:
            columns = columns[::-1]
        x = frames[places][:, rows[:, None], columns]
        factor, added = 1 + dice.normal(0, self.light), 60 * dice.normal(0, self.light)
        return self.front_end.numbers(np.clip((x - 127.5) * factor + 127.5 + added, 0, 255).astype(np.uint8))


@dataclass(frozen=True)
class FeaturesAnew:
    """Features of the training rows, at another pace and less exact."""

    rows: Sequence[Steps]
    """As the network reads them, `(steps, size)`."""
    pace: Pace = Pace()
    noise: float = 0.05

    def __call__(self, row: int, dice: np.random.Generator) -> Steps:
        x = self.rows[row]
        places = np.round(self.pace.moments(len(x), dice)).astype(int)
        return np.asarray(x[places] + dice.normal(0, self.noise, (len(places), x.shape[1])), np.float32)


def _rotation(axes: int, one: int, other: int, degrees: float) -> Floats:
    found = np.eye(axes)
    angle = np.deg2rad(degrees)
    found[one, one] = found[other, other] = np.cos(angle)
    found[one, other], found[other, one] = -np.sin(angle), np.sin(angle)
    return found
