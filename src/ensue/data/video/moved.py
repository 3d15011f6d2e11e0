"""What training sees of pictures: the same ones, moved by a few pixels and in another light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Moved:
    """Steps of pictures, each clip changed at random, all its frames alike.

    Nothing is mirrored: a sentence may say left or right.

    >>> moved = Moved([np.ones((2, 12), np.float32)], (2, 2, 3), shift=1)
    >>> moved(0, np.random.default_rng(0)).shape
    (2, 12)
    """

    features: Sequence[Floats]
    """Of each clip `(steps, height * width * channels)`."""
    picture: tuple[int, int, int]
    """Height, width and channels of a step."""
    shift: int = 2
    """Pixels at most, in each direction; what comes in at an edge repeats it."""
    light: float = 0.1
    """Of what is added to all pixels, and of the factor they are multiplied by: the standard deviation."""

    def __call__(self, row: int, dice: np.random.Generator) -> Floats:
        height, width, channels = self.picture
        frames = self.features[row].reshape(-1, height, width, channels)
        down, right = dice.integers(-self.shift, self.shift + 1, 2)
        rows = np.clip(np.arange(height) - down, 0, height - 1)
        columns = np.clip(np.arange(width) - right, 0, width - 1)
        changed = frames[:, rows[:, None], columns]
        factor, added = 1 + dice.normal(0, self.light), dice.normal(0, self.light)
        return np.asarray(changed * factor + added, np.float32).reshape(len(frames), -1)
