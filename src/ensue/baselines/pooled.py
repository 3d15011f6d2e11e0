"""What an action recogniser has to beat: a linear model of a clip's mean frame, and one of a single frame.

Where they are as good, the order of frames says nothing, and the simpler model is the one to use.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Steps = NDArray[np.float32]

MEAN, SINGLE = "mean of all frames + linear", "single frame + linear"
STEPS = 300
DECAY = 1e-2
"""Of the squared weights, of features with variance 1."""
WIDEST = 3000
"""Numbers of a frame that are looked at; of more, every so many."""


def mean_frame(clips: Sequence[Steps]) -> Floats:
    """Of each clip `(steps, size)` its mean frame, `(clips, size)`."""
    return np.stack([each.mean(axis=0) for each in clips]).astype(np.float64)


def middle_frame(clips: Sequence[Steps]) -> Floats:
    """Of each clip the frame in the middle."""
    return np.stack([each[len(each) // 2] for each in clips]).astype(np.float64)


def linear(learned: Floats, labels: NDArray[np.int64], asked: Floats, classes: int) -> Floats:
    """Log probabilities `(asked, classes)` of rows, by softmax regression learned from others, without any library.

    >>> rows = np.array([[0.0], [1.0], [0.1], [0.9]])
    >>> linear(rows, np.array([0, 1, 0, 1]), np.array([[0.2]]), 2).argmax(axis=1).tolist()
    [0]
    """
    learned, asked = (rows[:, :: 1 + rows.shape[1] // WIDEST] for rows in (learned, asked))
    middle, spread = learned.mean(axis=0), np.maximum(learned.std(axis=0), 1e-3)
    x, y = ((rows - middle) / spread for rows in (learned, asked))
    x, y = (np.concatenate([rows, np.ones((len(rows), 1))], axis=1) for rows in (x, y))
    right = np.eye(classes)[labels]
    weights, speed = np.zeros((x.shape[1], classes)), np.zeros((x.shape[1], classes))
    pace = 2.0 / (np.linalg.norm(x, 2) ** 2 / len(x) / 2 + 2 * DECAY)  # below what the curvature allows
    for _ in range(STEPS):  # Nesterov's (1983) accelerated descent
        ahead = weights + 0.9 * speed
        slope = x.T @ (np.exp(_log_softmax(x @ ahead)) - right) / len(x) + DECAY * ahead
        speed = 0.9 * speed - 0.5 * pace * slope
        weights = weights + speed
    return _log_softmax(y @ weights)


def _log_softmax(values: Floats) -> Floats:
    shifted = values - values.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
