"""Probabilities that come one after another, averaged over the last seconds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensue.errors import ConfigError
from ensue.layers.base import is_number

Floats = NDArray[np.float64]


class Smoothing:
    """An average over so many seconds, the past exponentially less.

    >>> smoothing = Smoothing(1.0)
    >>> [smoothing.add(np.array([value]), time).round(3).tolist() for time, value in ((0.0, 0.0), (1.0, 1.0))]
    [[0.0], [0.632]]
    """

    def __init__(self, seconds: float) -> None:
        if not is_number(seconds) or not 0 <= seconds < 1000:
            raise ConfigError(f"smooth is {seconds!r}, expected seconds, such as 0.3, or 0.")
        self.seconds = seconds
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self.value: Floats | None = None
        self.time = 0.0

    def add(self, probabilities: Floats, time: float) -> Floats:
        """The average after some more."""
        if self.value is None or not self.seconds:
            self.value = probabilities
        else:
            kept = float(np.exp(-max(0.0, time - self.time) / self.seconds))
            self.value = kept * self.value + (1 - kept) * probabilities
        self.time = time
        return self.value
